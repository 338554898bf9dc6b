"""What a process says of itself: while it waits, begins, works, fails and ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from controller import run
from controller.kube import Forbidden
from controller.leading import Office, State
from controller.lease import NotLeading


@dataclass
class FakeLeadership:
    """Leads as it is told."""

    holder: str = "other"
    leading: bool = False
    won: asyncio.Event = field(default_factory=asyncio.Event)
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    def takes(self) -> None:
        self.leading, self.holder = True, "we"
        self.lost.clear()
        self.won.set()

    def loses(self) -> None:
        self.leading, self.holder = False, "other"
        self.won.clear()
        self.lost.set()

    async def wait_leading(self) -> None:
        await self.won.wait()

    async def wait_lost(self) -> None:
        await self.lost.wait()


@dataclass
class Play:
    leadership: FakeLeadership
    state: State
    begins: list[float]
    works: Callable[[State], Any]

    def problem(self) -> str | None:
        return run._leader_problem(cast("Any", self.leadership), self.state)


@pytest.fixture
async def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    async def works(state: State) -> None:
        state.problem = ""
        try:
            await asyncio.Event().wait()
        finally:
            state.problem = "ending"

    play = Play(FakeLeadership(), State(), [], works)

    async def lead(_: Office) -> None:
        play.begins.append(asyncio.get_running_loop().time())
        await play.works(play.state)

    monkeypatch.setattr(run, "lead", lead)
    return play


@asynccontextmanager
async def running(play: Play) -> AsyncIterator[None]:
    office = Office(*(cast("Any", None),) * 3, cast("Any", play.leadership), None, play.state)  # type: ignore[arg-type]
    task = asyncio.create_task(run._terms(office))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()


async def test_a_standby_is_ready_while_somebody_leads(play: Play) -> None:
    async with running(play):
        await asyncio.sleep(1)
        assert play.problem() is None
        play.leadership.holder = ""
        assert play.problem() == "nobody holds the Lease"


async def test_a_leader_is_ready_once_it_works(play: Play) -> None:
    async def slowly(state: State) -> None:
        await asyncio.sleep(10)
        state.problem = ""
        await asyncio.Event().wait()

    play.works = slowly
    async with running(play):
        play.leadership.takes()
        await asyncio.sleep(5)
        assert play.problem()
        await asyncio.sleep(10)
        assert play.problem() is None


async def test_why_it_fails_is_told_until_it_works(play: Play) -> None:
    async def fails(_: State) -> None:
        raise Forbidden("serviceaccounts may not be listed")

    play.works = fails
    async with running(play):
        play.leadership.takes()
        for _ in range(100):
            await asyncio.sleep(3)
            assert play.problem() == "serviceaccounts may not be listed"


async def test_it_begins_anew_ever_more_slowly(play: Play) -> None:
    """Each time it reads the journal and lists everything."""

    async def fails(_: State) -> None:
        raise Forbidden("no")

    play.works = fails
    async with running(play):
        play.leadership.takes()
        await asyncio.sleep(1000)
    assert len(play.begins) < 25
    assert play.begins[1] - play.begins[0] == 5


async def test_one_that_ends_and_leads_again_is_not_ready_before_it_works(play: Play) -> None:
    """What is under way takes its time to end, and meanwhile the Lease may be ours again."""

    async def ends_slowly(state: State) -> None:
        state.problem = ""
        try:
            await asyncio.Event().wait()
        finally:
            state.problem = "ending"
            await asyncio.sleep(30)

    play.works = ends_slowly
    async with running(play):
        play.leadership.takes()
        await asyncio.sleep(5)
        assert not play.problem()
        play.leadership.loses()
        await asyncio.sleep(5)
        assert play.problem() is None, "another one leads"
        play.leadership.takes()
        await asyncio.sleep(5)
        assert play.problem() == "ending"
        await asyncio.sleep(30)
        assert play.problem() is None
        assert len(play.begins) == 2


@pytest.mark.parametrize(
    "error",
    [
        NotLeading("nothing is written"),
        ExceptionGroup("one of its tasks", [NotLeading("nothing is written")]),
    ],
    ids=["while it settles the journal", "while it works"],
)
async def test_a_loss_of_the_lease_is_no_unexpected_error(
    play: Play, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    async def fails(_: State) -> None:
        raise error

    play.works = fails
    async with running(play):
        play.leadership.takes()
        await asyncio.sleep(1)
        assert play.state.problem == "nothing is written"
    assert "unexpected" not in caplog.text


async def test_what_nobody_expects_is_told_with_where_it_came_from(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(_: State) -> None:
        raise KeyError("a token, say")

    play.works = fails
    async with running(play):
        play.leadership.takes()
        await asyncio.sleep(1)
        assert play.problem() == "KeyError"
    assert "unexpected error" in caplog.text


@pytest.mark.parametrize("at", ["standby", "beginning", "failed", "working", "lost"])
async def test_it_ends_in_each_state(play: Play, at: str) -> None:
    async def begins(_: State) -> None:
        await asyncio.Event().wait()

    async def fails(_: State) -> None:
        raise Forbidden("no")

    play.works = {"beginning": begins, "failed": fails}.get(at, play.works)
    async with running(play):
        if at != "standby":
            play.leadership.takes()
            await asyncio.sleep(1)
        if at == "lost":
            play.leadership.loses()
            await asyncio.sleep(0)
