"""The work queue, in virtual time: no real waiting, and no real I/O."""

import asyncio
import itertools
import logging
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.kube import Unavailable
from controller.queue import Backoff, Outcome, Result, WorkQueue
from tests.fakes.virtual_time import VirtualTimeLoop, elapsed, virtual_pace


def in_virtual_time(test: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(test)


@dataclass
class Work:
    """What the queue calls; every key takes `seconds`, and does what `then` says."""

    seconds: float = 1.0
    then: Callable[[str], float | None] = lambda key: None
    runs: list[tuple[str, float]] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    most_at_once: int = 0

    async def __call__(self, key: str) -> float | None:
        assert key not in self.running, f"{key} runs twice at once"
        self.runs.append((key, elapsed()))
        self.running.append(key)
        self.most_at_once = max(self.most_at_once, len(self.running))
        try:
            await asyncio.sleep(self.seconds)
            return self.then(key)
        finally:
            self.running.remove(key)

    def begun(self, key: str) -> list[float]:
        return [at for which, at in self.runs if which == key]


def raising(error: Exception) -> Callable[[str], float | None]:
    def then(key: str) -> float | None:
        raise error

    return then


def failing_times(times: int, error: Exception) -> Callable[[str], float | None]:
    left = times

    def then(key: str) -> float | None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise error
        return None

    return then


@dataclass
class Running:
    queue: WorkQueue[str]
    outcomes: list[Outcome]


@asynccontextmanager
async def queue_of(
    work: Work, *, workers: int = 2, chance: Callable[[], float] = lambda: 1.0
) -> AsyncIterator[Running]:
    outcomes: list[Outcome] = []
    queue = WorkQueue(
        "tests", work, workers=workers, pace=virtual_pace(chance=chance), told=outcomes.append
    )
    task = asyncio.create_task(queue.run())
    try:
        yield Running(queue, outcomes)
    finally:
        await _stopped(task)


async def test_a_key_that_is_added_many_times_runs_once() -> None:
    work = Work()
    async with queue_of(work) as running:
        for _ in range(5):
            running.queue.add("a")
        await asyncio.sleep(10)
    assert work.runs == [("a", 0.0)]


async def test_a_key_that_is_added_while_it_runs_runs_once_more_afterwards() -> None:
    work = Work(seconds=10)
    async with queue_of(work) as running:
        running.queue.add("a")
        for _ in range(3):
            await asyncio.sleep(1)
            running.queue.add("a")
        await asyncio.sleep(60)
    assert work.runs == [("a", 0.0), ("a", 10.0)]


async def test_no_more_keys_run_at_once_than_there_are_workers() -> None:
    work = Work()
    async with queue_of(work, workers=3) as running:
        for number in range(10):
            running.queue.add(str(number))
        await asyncio.sleep(60)
    assert work.most_at_once == 3
    assert [key for key, _ in work.runs] == [str(number) for number in range(10)]


async def test_a_delayed_add_runs_when_it_is_due_and_the_earliest_counts() -> None:
    work = Work()
    async with queue_of(work) as running:
        running.queue.add("a", after=30)
        running.queue.add("a", after=20)
        running.queue.add("a", after=25)
        running.queue.add("b", after=5)
        assert (running.queue.waiting, running.queue.delayed) == (0, 2)
        await asyncio.sleep(100)
    assert work.runs == [("b", 5.0), ("a", 20.0)]


async def test_an_add_without_delay_brings_a_delayed_one_forward() -> None:
    work = Work()
    async with queue_of(work) as running:
        running.queue.add("a", after=30)
        await asyncio.sleep(10)
        running.queue.add("a")
        await asyncio.sleep(100)
    assert work.runs == [("a", 10.0)]


async def test_a_delayed_add_while_the_key_runs_is_kept_with_its_time() -> None:
    work = Work(seconds=10)
    async with queue_of(work) as running:
        running.queue.add("a")
        await asyncio.sleep(1)
        running.queue.add("a", after=50)
        running.queue.add("a", after=40)
        await asyncio.sleep(100)
    assert work.begun("a") == [0.0, 41.0]


async def test_the_seconds_that_work_returns_are_counted_from_its_end() -> None:
    work = Work(seconds=2, then=lambda key: 60.0)
    async with queue_of(work) as running:
        running.queue.add("a")
        await asyncio.sleep(130)
    assert work.begun("a") == [0.0, 62.0, 124.0]
    assert [outcome.result for outcome in running.outcomes] == [Result.AGAIN] * 3


async def test_an_add_while_the_key_runs_counts_before_the_seconds_that_work_returns() -> None:
    work = Work(seconds=2, then=lambda key: 60.0)
    async with queue_of(work) as running:
        running.queue.add("a")
        await asyncio.sleep(1)
        running.queue.add("a")
        await asyncio.sleep(10)
    assert work.begun("a") == [0.0, 2.0]


async def test_a_time_that_was_brought_forward_is_forgotten() -> None:
    work = Work(seconds=0)
    async with queue_of(work) as running:
        running.queue.add("a", after=30)
        running.queue.add("a", after=20)
        running.queue.add("b", after=25)
        await asyncio.sleep(22)
        running.queue.add("a", after=20)
        await asyncio.sleep(100)
    assert work.begun("a") == [20.0, 42.0]


async def test_a_failure_is_told_logged_and_tried_again_ever_more_slowly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    work = Work(seconds=0, then=raising(ValueError("no\nluck")))
    with caplog.at_level(logging.WARNING, "azwi.controller.queue"):
        async with queue_of(work) as running:
            running.queue.add("a")
            await asyncio.sleep(1300)
    begun = work.begun("a")
    rests = [later - before for before, later in itertools.pairwise(begun)]
    assert rests == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert {(outcome.result, outcome.error) for outcome in running.outcomes} == {
        (Result.FAILED, "ValueError")
    }
    record = caplog.records[0].__dict__
    assert (record["error"], record["key"]) == ("ValueError", "a")
    assert record["where"].startswith("test_queue.py:")
    assert "\n" not in caplog.records[0].getMessage()


async def test_an_error_of_ours_is_logged_with_its_words_and_others_without(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Those of others may quote what was being read."""
    secret = "eyJhbGciOi.s3cr3t"
    with caplog.at_level(logging.WARNING, "azwi.controller.queue"):
        for error in (Unavailable("status\n500"), ValueError(f"not JSON: {secret}")):
            async with queue_of(Work(seconds=0, then=raising(error))) as running:
                running.queue.add("a")
                await asyncio.sleep(1)
    told = [record.__dict__["error"] for record in caplog.records]
    assert told == ["Unavailable: status 500", "ValueError"]
    assert secret not in caplog.text


async def test_a_success_forgets_the_failures_before_it() -> None:
    work = Work(seconds=0, then=failing_times(3, ValueError()))
    async with queue_of(work) as running:
        running.queue.add("a")
        await asyncio.sleep(100)
        work.then = failing_times(1, ValueError())
        running.queue.add("a")
        await asyncio.sleep(100)
    assert work.begun("a") == [0, 2, 6, 14, 100, 102]


async def test_others_go_on_while_a_key_rests_after_a_failure() -> None:
    def then(key: str) -> None:
        if key == "bad":
            raise ValueError

    work = Work(seconds=1, then=then)
    async with queue_of(work, workers=1) as running:
        running.queue.add("bad")
        running.queue.add("good")
        await asyncio.sleep(2.5)
    assert work.begun("good") == [1.0]


async def test_an_error_that_says_how_long_to_wait_is_heeded() -> None:
    class BusyError(Exception):
        retry_after = 90.0

    work = Work(seconds=0, then=failing_times(1, BusyError()))
    async with queue_of(work) as running:
        running.queue.add("a")
        await asyncio.sleep(200)
    assert work.begun("a") == [0.0, 90.0]


async def test_a_cancelled_wait_inside_of_the_work_is_a_failure_of_that_key_only() -> None:
    class Waits(Work):
        async def __call__(self, key: str) -> float | None:
            self.runs.append((key, elapsed()))
            if key == "a" and len(self.begun("a")) == 1:
                raise asyncio.CancelledError
            return None

    work = Waits()
    async with queue_of(work) as running:
        running.queue.add("a")
        await asyncio.sleep(1)
        running.queue.add("b")
        await asyncio.sleep(10)
    assert work.runs == [("a", 0.0), ("b", 1.0), ("a", 2.0)]


async def test_what_was_under_way_at_the_end_is_done_when_it_runs_anew() -> None:
    work = Work(seconds=10)
    outcomes: list[Outcome] = []
    queue = WorkQueue("tests", work, workers=1, pace=virtual_pace(), told=outcomes.append)
    queue.add("a")
    queue.add("b")
    first = asyncio.create_task(queue.run())
    await asyncio.sleep(5)
    await _stopped(first)
    assert (queue.waiting, queue.running, outcomes) == (2, 0, [])

    second = asyncio.create_task(queue.run())
    await asyncio.sleep(30)
    await _stopped(second)
    assert sorted(str(outcome.key) for outcome in outcomes) == ["a", "b"]


async def test_a_run_is_told_with_the_time_that_it_waited_and_took() -> None:
    work = Work(seconds=4)
    async with queue_of(work, workers=1) as running:
        running.queue.add("a")
        running.queue.add("b")
        await asyncio.sleep(3)
        assert (running.queue.waiting, running.queue.running) == (1, 1)
        assert running.queue.oldest_age() == 3.0
        await asyncio.sleep(10)
        assert (running.queue.waiting, running.queue.oldest_age()) == (0, 0.0)
    assert running.outcomes == [
        Outcome("tests", "a", 4.0, 0.0, Result.DONE),
        Outcome("tests", "b", 4.0, 4.0, Result.DONE),
    ]


async def test_keys_that_are_due_far_apart_take_one_timer() -> None:
    work = Work(seconds=0)
    async with queue_of(work) as running:
        for number in reversed(range(1, 101)):
            running.queue.add(str(number), after=number)
        await asyncio.sleep(0.5)
        assert len(asyncio.all_tasks()) == 3, "this test, the queue, and its alarm"
        await asyncio.sleep(100)
    assert work.runs == [(str(number), float(number)) for number in range(1, 101)]


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_rest_is_between_a_second_and_five_minutes(failures: int, chance: float) -> None:
    assert 1.0 <= Backoff().seconds(failures, chance) <= 300.0


def test_keys_that_failed_together_come_apart() -> None:
    assert [Backoff().seconds(20, chance) for chance in (0.0, 0.5, 1.0)] == [150.0, 225.0, 300.0]


@st.composite
def schedules(draw: st.DrawFn) -> list[tuple[float, str, float]]:
    """(pause before, key, delay) of each add."""
    times = st.integers(0, 8).map(lambda number: number / 2)
    keys = st.sampled_from("abcd")
    return draw(st.lists(st.tuples(times, keys, times), min_size=1, max_size=30))


@settings(max_examples=300, deadline=None)
@given(schedules(), st.integers(1, 3), st.integers(0, 2**32), st.booleans())
def test_after_every_add_the_key_is_worked_on_until_that_succeeds(
    adds: list[tuple[float, str, float]], workers: int, seed: int, stop_in_between: bool
) -> None:
    """Failures, few workers and a stop change nothing about that; each key runs once at a time."""
    in_virtual_time(_every_add_is_done(adds, workers, seed, stop_in_between))


async def _every_add_is_done(
    adds: list[tuple[float, str, float]], workers: int, seed: int, stop_in_between: bool
) -> None:
    chance = random.Random(seed)
    succeeded: dict[str, list[float]] = {key: [] for key in "abcd"}
    running: set[str] = set()

    async def work(key: str) -> float | None:
        assert key not in running
        assert len(running) < workers
        running.add(key)
        began = elapsed()
        try:
            await asyncio.sleep(chance.choice([0, 0.5, 1, 3]))
            if chance.random() < 0.3:
                raise ValueError("by chance")
        finally:
            running.discard(key)
        succeeded[key].append(began)
        return None

    queue = WorkQueue("tests", work, workers=workers, pace=virtual_pace(seed))
    task = asyncio.create_task(queue.run())
    added: list[tuple[str, float]] = []
    for pause, key, delay in adds:
        await asyncio.sleep(pause)
        queue.add(key, after=delay)
        added.append((key, elapsed()))
    if stop_in_between:
        await _stopped(task)
        task = asyncio.create_task(queue.run())
    await asyncio.sleep(10_000)
    assert (queue.waiting, queue.delayed, queue.running) == (0, 0, 0)
    await _stopped(task)
    lost = [(key, at) for key, at in added if not any(began >= at for began in succeeded[key])]
    assert not lost


@settings(max_examples=300, deadline=None)
@given(schedules(), st.integers(0, 2**32))
def test_with_workers_enough_a_key_runs_at_the_earliest_time_that_it_was_added_for(
    adds: list[tuple[float, str, float]], seed: int
) -> None:
    in_virtual_time(_every_add_is_in_time(adds, seed))


async def _every_add_is_in_time(adds: list[tuple[float, str, float]], seed: int) -> None:
    chance = random.Random(seed)
    runs: dict[str, list[tuple[float, float]]] = {key: [] for key in "abcd"}

    async def work(key: str) -> float | None:
        began = elapsed()
        await asyncio.sleep(chance.choice([0, 0.5, 1, 3]))
        runs[key].append((began, elapsed()))
        return None

    queue = WorkQueue("tests", work, workers=4, pace=virtual_pace(seed))
    task = asyncio.create_task(queue.run())
    added: list[tuple[str, float, float]] = []
    for pause, key, delay in adds:
        await asyncio.sleep(pause)
        queue.add(key, after=delay)
        added.append((key, elapsed(), elapsed() + delay))
    await asyncio.sleep(100)
    await _stopped(task)
    for key, at, due in added:
        latest = next((end for began, end in runs[key] if began < due <= end), due)
        assert any(at <= began <= latest for began, _ in runs[key]), (key, at, due, runs[key])
    assert sum(map(len, runs.values())) <= len(adds), "there is no run that nobody asked for"


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
