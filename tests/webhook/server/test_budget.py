"""How long a request may take."""

import pytest

from tests.webhook.server.doubles import a_scope
from webhook.server.budget import seconds_given
from webhook.server.duration import seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10),
        ("1m30s", 90),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("+5s", 5),
        (".5s", 0.5),
        ("1.s", 1),
        ("100us", 1e-4),
        ("100µs", 1e-4),
        ("7ns", 7e-9),
    ],
)
def test_a_duration_reads_as_in_go(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    ["", "10", "s", "10 s", "-10s", "0s", "0", "1e3s", "10sx", "x10s", ".s", "9" * 400, "\u0661s"],
)
def test_what_is_no_duration_is_none(text: str) -> None:
    assert seconds_of(text) is None


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("timeout=10s", 9.5),
        ("timeout=1s", 0.9),
        ("timeout=30s", 29.5),
        ("timeout=24h", 29.5),
        ("a=b&timeout=2s&c", 1.8),
        ("", 9.5),
        ("timeout=", 9.5),
        ("timeout=soon", 9.5),
        ("timeout=-5s", 9.5),
        ("timeout=%FF", 9.5),
    ],
)
def test_a_margin_is_left_for_the_way_back(query: str, seconds: float) -> None:
    assert seconds_given(a_scope(query=query)) == pytest.approx(seconds)
