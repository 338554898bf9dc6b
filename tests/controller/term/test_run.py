"""A process from its first line to its end by a signal, and what it says of itself meanwhile."""

import asyncio
import io
import json
import os
import signal
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from controller import run as running
from controller.config.parse import parse_config
from controller.config.settings import Address
from controller.kube import Connection
from controller.leading import Office, State

LOCAL = Address("127.0.0.1", 0)
ARGUMENTS = (
    "--tenant-id=0123abcd-0000-4000-8000-000000000001",
    "--sign-in=managed-identity",
    "--namespace=azwi",
)
CONFIG = replace(
    parse_config(ARGUMENTS, {}, "host_1", Path("/nonexistent")),
    health_address=LOCAL,
    metrics_address=LOCAL,
)


@dataclass
class Play:
    """What the process did, in order; its Lease and its work are of our own."""

    done: list[str] = field(default_factory=list)
    leads: asyncio.Event = field(default_factory=asyncio.Event)
    works: asyncio.Event = field(default_factory=asyncio.Event)
    state: State | None = None
    out: io.StringIO = field(default_factory=io.StringIO)

    async def get(self, which: str, path: str) -> tuple[int, str]:
        address = json.loads(self.out.getvalue())[which]
        async with (
            aiohttp.ClientSession(trust_env=False) as session,
            session.get(f"{address}{path}") as answer,
        ):
            return answer.status, await answer.text()


class OwnLeadership:
    """The Lease, as far as it is asked."""

    play: Play

    def __init__(self, _kube: object, _settings: object) -> None:
        self.holder = "another"

    @property
    def leading(self) -> bool:
        return self.play.leads.is_set()

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.play.done.append("Lease given up")

    async def wait_leading(self) -> None:
        await self.play.leads.wait()

    async def wait_lost(self) -> None:
        await asyncio.Event().wait()


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    play = Play()

    async def lead(office: Office) -> None:
        play.state = office.state
        office.state.problem = ""
        play.works.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            play.done.append("work ended")

    monkeypatch.setattr(OwnLeadership, "play", play, raising=False)
    monkeypatch.setattr(running, "Leadership", OwnLeadership)
    monkeypatch.setattr(running, "lead", lead)
    return play


@asynccontextmanager
async def a_process(play: Play) -> AsyncIterator["asyncio.Task[None]"]:
    connection = Connection("https://127.0.0.1:1", ssl.create_default_context())
    before = asyncio.get_running_loop().get_exception_handler()
    task = asyncio.create_task(running.run(CONFIG, connection, play.out))
    try:
        while not play.out.getvalue():
            assert not task.done(), task.exception()
            await asyncio.sleep(0.01)
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})
        asyncio.get_running_loop().set_exception_handler(before)


async def test_it_says_where_it_listens_and_is_ready_as_a_standby(play: Play) -> None:
    async with a_process(play):
        told = json.loads(play.out.getvalue())
        assert told.keys() == {"health", "metrics"}
        assert play.out.getvalue().count("\n") == 1
        assert (await play.get("health", "/healthz"))[0] == 200
        assert (await play.get("health", "/readyz"))[0] == 200
        assert "\nazwi_controller_leader 0" in (await play.get("metrics", "/metrics"))[1]


async def test_one_that_leads_is_ready_if_its_work_is(play: Play) -> None:
    async with a_process(play):
        play.leads.set()
        await play.works.wait()
        assert (await play.get("health", "/readyz"))[0] == 200
        assert "\nazwi_controller_leader 1" in (await play.get("metrics", "/metrics"))[1]
        assert play.state is not None
        play.state.problem = "the journal can't be read"
        status, text = await play.get("health", "/readyz")
        assert (status, "journal" in text) == (503, True)
        assert (await play.get("health", "/healthz"))[0] == 200, "a restart would not help"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_work_first_and_the_lease_last(
    play: Play, number: signal.Signals
) -> None:
    """Nobody else begins before we have ended."""
    before = signal.getsignal(number)
    usual = signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL
    async with a_process(play) as task:
        play.leads.set()
        await play.works.wait()
        os.kill(os.getpid(), number)
        async with asyncio.timeout(10):
            await task
    assert play.done == ["work ended", "Lease given up"]
    left = signal.getsignal(number)
    signal.signal(number, before)
    assert left is usual, "the process is told no more"


def test_a_loop_that_does_not_turn_is_not_alive() -> None:
    beat = running._Beat()
    assert beat.problem() is None
    beat.at = time.monotonic() - 31
    assert "has not turned for 31 s" in (beat.problem() or "")


async def test_a_loop_that_turns_is_alive() -> None:
    beat = running._Beat(at=0.0)
    task = asyncio.create_task(beat.run())
    await asyncio.sleep(0)
    assert beat.problem() is None
    task.cancel()
    await asyncio.wait({task})


@dataclass
class Listed:
    problems: dict[str, str]


@dataclass
class SomeTerm:
    lists: Listed


def test_what_can_not_be_listed_makes_it_unready() -> None:
    state = State()
    assert running._cluster_problem(state) is None, "of a standby nothing is listed"
    lists = Listed({})
    state.term = cast("Any", SomeTerm(lists))
    assert running._cluster_problem(state) is None
    lists.problems |= {"objects": "forbidden", "accounts": "status 500"}
    assert running._cluster_problem(state) == (
        "objects can't be listed: forbidden; accounts can't be listed: status 500"
    )


@dataclass
class SomeWatch:
    blind_for: float
    problem: str = "it ended by itself"


def test_a_watch_that_stays_away_makes_it_unready_but_no_restart_of_it() -> None:
    state = State()
    assert running._watch_problem(state) is None
    state.watch = cast("Any", SomeWatch(59.0))
    assert running._watch_problem(state) is None
    state.watch = cast("Any", SomeWatch(61.0))
    assert "nothing is watched for 61 s" in (running._watch_problem(state) or "")


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (":9440", "http://localhost:9440"),
        ("127.0.0.1:1", "http://127.0.0.1:1"),
        ("[::1]:1", "http://[::1]:1"),
        (None, None),
    ],
)
def test_addresses_are_said_as_others_can_use_them(address: str | None, url: str | None) -> None:
    assert running._url(address) == url
