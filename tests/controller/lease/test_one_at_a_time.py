"""Whatever happens to contenders and their wires: never do two of them lead at once."""

import asyncio
import random
from dataclasses import dataclass, field, replace

import pytest

from controller.config.settings import LeaseSettings
from controller.lease import Leadership, NotLeading
from entra.pacing import Pace
from tests.controller.lease.api_server import LeaseServer, Wire, weather
from tests.fakes.virtual_time import elapsed

SETTINGS = LeaseSettings("azwi", "azwi-controller", "", duration=30.0, renew=5.0, retry=2.0)
LASTS = 900.0
LOOKS = 0.25


@dataclass
class Process:
    """A contender with a clock of its own, that can be stopped, killed and started again."""

    name: str
    server: LeaseServer
    chance: random.Random
    going: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.going.set()
        self.start()

    def start(self) -> None:
        ahead = self.chance.uniform(0, 1e6)
        loop = asyncio.get_running_loop()
        self.wire = Wire(self.server, frozen=self.going)
        self.pace = Pace(lambda: loop.time() + ahead, self.sleep, self.chance.random)
        self.leadership = Leadership(self.wire, replace(SETTINGS, identity=self.name), self.pace)
        self.task = asyncio.create_task(self.leadership.run())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.going.wait()

    async def end(self, *, kill: bool) -> None:
        if kill:
            self.wire.down = True
        self.task.cancel()
        await asyncio.wait([self.task])

    def assured(self) -> bool:
        try:
            self.leadership.assure(0.0)
        except NotLeading:
            return False
        return True

    async def live(self, until: float, *happenings: str) -> None:
        """Meet with one thing after the other."""
        while elapsed() < until:
            await asyncio.sleep(self.chance.uniform(1, 60))
            match self.chance.choice(["stop", "wire", "wire", *happenings]):
                case "stop":
                    self.going.clear()
                    await asyncio.sleep(self.chance.uniform(1, 90))
                    self.going.set()
                case "kill" | "leave" as how:
                    await self.end(kill=how == "kill")
                    await asyncio.sleep(self.chance.uniform(0, 10))
                    self.start()
                case "delete":
                    self.server.remove(at_most_every=150.0)
                case _:
                    weather(self.chance, self.wire)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize(
    "happenings",
    [
        pytest.param(["kill", "leave"], id="processes end and begin"),
        # Not both: who begins while there is no Lease can't know that somebody counts on it.
        pytest.param(["delete"], id="the Lease is deleted"),
    ],
)
async def test_never_do_two_lead_at_once_and_one_does_when_all_is_well(
    happenings: list[str], seed: int
) -> None:
    chance = random.Random(seed)
    server = LeaseServer()
    processes = [Process(name, server, random.Random(chance.random())) for name in "abc"]
    lives = [asyncio.create_task(process.live(LASTS, *happenings)) for process in processes]
    leaders = set()
    try:
        while not all(life.done() for life in lives):
            await asyncio.sleep(LOOKS)
            leading = [process.name for process in processes if process.assured()]
            assert len(leading) <= 1, f"seed {seed}, after {elapsed()} s: {leading} lead at once"
            leaders.update(leading)
        for process in processes:
            process.wire.down = process.wire.answers_lost = process.wire.refusing = False
            process.wire.delay = lambda: 0.01
        await asyncio.sleep(90)
        assert [process.assured() for process in processes].count(True) == 1, f"seed {seed}"
        assert len(leaders) > 1, f"seed {seed}: nobody ever took over, so nothing was shown"
    finally:
        for task in [*lives, *(process.task for process in processes)]:
            task.cancel()
        for process in processes:
            process.going.set()
        await asyncio.wait([*lives, *(process.task for process in processes)])
