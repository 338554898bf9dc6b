"""A clock that runs faster, for those who wait by the injected pace."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from controller.queue import WorkQueue
from entra import pacing
from hack.scale.hurried import hurry


@dataclass
class Clock:
    """Real time, as it is told."""

    now: float = 100.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    real = pacing.REAL.now, pacing.REAL.sleep
    yield clock
    for name, value in zip(("now", "sleep"), real, strict=True):
        object.__setattr__(pacing.REAL, name, value)


def test_seconds_pass_sooner_and_none_is_skipped(clock: Clock) -> None:
    hurry(3.0)
    assert pacing.REAL.now() == 100.0
    clock.now += 60.0
    assert pacing.REAL.now() == 280.0


async def test_a_wait_takes_a_part_of_its_time(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    hurry(3.0)
    await pacing.REAL.sleep(180.0)
    assert slept == [60.0]


async def test_a_queue_that_was_given_the_clock_by_default_hurries_as_well(clock: Clock) -> None:
    async def work(_: str) -> None:
        """Do nothing."""

    queue: WorkQueue[str] = WorkQueue("any", work, workers=1)
    hurry(3.0)
    queue.add("later", after=180.0)
    assert queue.delayed == 1
    clock.now += 60.0
    assert queue.waiting == 1
