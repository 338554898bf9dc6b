"""The form of faults, as flags, seed and admin API set them."""

from typing import Any

import pytest
from pydantic import ValidationError

from emulator.calls.faults import Failure, Settings, merged


@pytest.mark.parametrize(
    "given",
    [
        {"latencySeconds": -1},
        {"latencySeconds": 601},
        {"latencySeconds": "1"},
        {"latencySeconds": True},
        {"latencySeconds": float("inf")},
        {"latencySeconds": None},
        {"latency": 1},
        {"staleReadShare": 1.1},
        {"throttle": 0},
        {"clockOffsetSeconds": 86400 * 401},
        {"randomSeed": 2**53 + 1},
        {"randomSeed": 1.5},
        {"failures": {}},
        {"failures": [{"kind": ""}]},
        {"failures": [{"count": 0}]},
        {"failures": [{"status": 399}]},
        {"failures": [{"after": "yes"}]},
        {"failures": [{}] * 1001},
    ],
)
def test_what_can_not_be_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(given)


def test_whole_numbers_may_have_a_point() -> None:
    assert Failure.model_validate({"count": 2.0, "status": 500.0}) == Failure(count=2, status=500)


def test_an_error_shows_nothing_of_what_was_given() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"latencySeconds": "a-secret"})
    assert "a-secret" not in str(caught.value)


def test_changes_leave_the_rest_as_it_is() -> None:
    before = Settings(latency_seconds=1, throttle=2.0, failures=[Failure(count=3)])
    changes = Settings.model_validate({"throttle": None, "writeSeconds": 4})
    found = merged(before, changes)
    assert found == Settings(latency_seconds=1, write_seconds=4, failures=[Failure(count=3)])
    assert before.throttle == 2
    assert found.failures[0] is not before.failures[0]
