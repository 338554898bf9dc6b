"""One policy says what is asked again, after how long, and for how long at most."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from entra.errors import (
    ConcurrentWrite,
    Denied,
    NotFound,
    NotPropagated,
    Throttled,
    Transient,
    Unavailable,
    Unreachable,
)
from entra.retry import ONCE, PROPAGATION, REQUESTS, Policy, retrying
from tests.fakes.virtual_time import elapsed, virtual_pace


def failing(*errors: Exception) -> tuple[Callable[[], Awaitable[str]], list[float]]:
    """Return an attempt that fails so, then succeeds, and when it was made."""
    left, at = list(errors), []

    async def attempt() -> str:
        at.append(elapsed())
        if left:
            raise left.pop(0)
        return "done"

    return attempt, at


@pytest.mark.parametrize("error", [Unreachable, Throttled, Unavailable, ConcurrentWrite])
async def test_what_is_transient_is_asked_again(error: type[Transient]) -> None:
    attempt, at = failing(error("no"), error("no"))
    assert await retrying(attempt, REQUESTS, virtual_pace()) == "done"
    assert len(at) == 3


@pytest.mark.parametrize("error", [Denied("no"), NotFound("no"), ValueError("no")])
async def test_everything_else_ends_it_at_once(error: Exception) -> None:
    attempt, at = failing(error)
    with pytest.raises(type(error)):
        await retrying(attempt, PROPAGATION, virtual_pace())
    assert len(at) == 1


async def test_propagation_is_waited_for_by_those_who_ask_for_it() -> None:
    attempt, _ = failing(NotPropagated("no"))
    with pytest.raises(NotPropagated):
        await retrying(attempt, REQUESTS, virtual_pace())
    attempt, _ = failing(NotPropagated("no"))
    assert await retrying(attempt, PROPAGATION, virtual_pace()) == "done"


async def test_propagation_is_waited_for_up_to_five_minutes() -> None:
    attempt, at = failing(*[NotPropagated("no")] * 1000)
    with pytest.raises(NotPropagated):
        await retrying(attempt, PROPAGATION, virtual_pace())
    assert 240 < at[-1] <= 300
    assert len(at) < 60


async def test_a_throttled_call_waits_as_long_as_the_service_asks() -> None:
    attempt, at = failing(Throttled("no", retry_after=17.0))
    await retrying(attempt, REQUESTS, virtual_pace(chance=lambda: 0.0))
    assert at == [0.0, 17.0]


async def test_those_throttled_together_do_not_come_back_together() -> None:
    policy = replace(REQUESTS, first_backoff=2.0)
    attempt, at = failing(Throttled("no", retry_after=17.0))
    await retrying(attempt, policy, virtual_pace(chance=lambda: 0.5))
    assert at == [0.0, 18.0]


async def test_a_wish_beyond_patience_is_not_obeyed_but_told() -> None:
    assert REQUESTS.longest_wait < 61.0 < REQUESTS.total
    attempt, at = failing(Throttled("no", retry_after=61.0))
    with pytest.raises(Throttled) as caught:
        await retrying(attempt, REQUESTS, virtual_pace())
    assert caught.value.retry_after == 61.0
    assert at == [0.0]


async def test_waits_double_up_to_the_longest() -> None:
    policy = Policy((Unavailable,), attempts=7, total=1000, first_backoff=1.0, longest_backoff=8.0)
    attempt, at = failing(*[Unavailable("no")] * 6)
    await retrying(attempt, policy, virtual_pace(chance=lambda: 1.0))
    assert at == [0.0, 1.0, 3.0, 7.0, 15.0, 23.0, 31.0]


async def test_a_wait_is_any_part_of_the_backoff() -> None:
    policy = Policy((Unavailable,), attempts=2, total=1000, first_backoff=8.0)
    for chance in (0.0, 0.25, 1.0):
        attempt, at = failing(Unavailable("no"))
        await retrying(attempt, policy, virtual_pace(chance=lambda part=chance: part))  # type: ignore[misc]
        assert at[1] - at[0] == pytest.approx(8.0 * chance)


async def test_attempts_are_bounded() -> None:
    attempt, at = failing(*[Unavailable("no")] * 100)
    with pytest.raises(Unavailable):
        await retrying(attempt, replace(REQUESTS, total=1e9), virtual_pace())
    assert len(at) == REQUESTS.attempts


async def test_no_attempt_begins_after_the_total() -> None:
    async def slow() -> None:
        await asyncio.sleep(50.0)
        raise Unavailable("no")

    begun = elapsed()
    with pytest.raises(Unavailable):
        await retrying(slow, REQUESTS, virtual_pace())
    assert elapsed() - begun <= REQUESTS.total + 50.0


async def test_no_wait_is_begun_that_would_end_too_late() -> None:
    policy = Policy((Throttled,), attempts=10, total=30.0)
    attempt, at = failing(*[Throttled("no", retry_after=20.0)] * 10)
    with pytest.raises(Throttled):
        await retrying(attempt, policy, virtual_pace(chance=lambda: 0.0))
    assert (at, elapsed()) == ([0.0, 20.0], 20.0)


async def test_a_cancellation_ends_a_wait() -> None:
    attempt, at = failing(Throttled("no", retry_after=50.0))
    task = asyncio.create_task(retrying(attempt, REQUESTS, virtual_pace()))
    await asyncio.sleep(10.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert at == [0.0]


async def test_who_wants_to_hear_of_the_first_failure_does() -> None:
    attempt, at = failing(Unreachable("no"))
    with pytest.raises(Unreachable):
        await retrying(attempt, ONCE, virtual_pace())
    assert len(at) == 1


def test_a_policy_of_very_many_attempts_does_not_overflow() -> None:
    assert replace(PROPAGATION, attempts=10**6).wait(10**5, None, 1.0) == 20.0
