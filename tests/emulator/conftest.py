"""An emulator in this process, with a clock and an issuer that tests turn; and one as a process."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from emulator.app import application, recorded
from emulator.clock import Clock
from emulator.directory import ALWAYS, Directory
from emulator.seed.plant import plant
from emulator.seed.read import read_seed
from emulator.state import StateFolder
from emulator.tokens.signer import Signer
from emulator.world import Parts, World, made_of
from hack.emulator import Emulator, running
from tests.fakes.issuer import FakeIssuer

Json = dict[str, Any]

ORIGIN = "https://emulator.test:8443"


@dataclass
class Hands:
    """The hands of an emulator's clock."""

    wall: float = 1_800_000_000.0
    """Seconds since the epoch."""
    steady: float = 50_000.0
    slept: list[float] = field(default_factory=list)
    """How long the emulator waited, each time."""

    async def sleep(self, seconds: float) -> None:
        """Let others go on, then have it over."""
        self.slept.append(seconds)
        await asyncio.sleep(0)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def issuer(hands: Hands) -> FakeIssuer:
    """An issuer whose tokens are of the emulator's time."""
    return FakeIssuer(clock=lambda: hands.wall)


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    """One key for all: making one takes longer than most tests."""
    return Signer(StateFolder(tmp_path_factory.mktemp("state")))


MakeWorld = Callable[[Json], World]


@pytest.fixture
def make_world(hands: Hands, issuer: FakeIssuer, signer: Signer) -> MakeWorld:
    """Makes emulators in this process, each from a seed."""

    def make(content: Json) -> World:
        seed = read_seed(content)
        directory = Directory()
        plant(seed, directory, ALWAYS)
        return made_of(
            Parts(
                origin=ORIGIN,
                clock=Clock(
                    wall=lambda: hands.wall, steady=lambda: hands.steady, sleep=hands.sleep
                ),
                directory=directory,
                settings=seed.faults,
                signer=signer,
                reaches=[],
                fetch=issuer.fetch,
                enforce_role_assignments=seed.enforce_role_assignments,
                seed=seed,
            )
        )

    return make


OpenClient = Callable[[World], httpx.AsyncClient]


@pytest.fixture
async def open_client() -> AsyncIterator[OpenClient]:
    """Opens HTTP clients of emulators in this process."""
    opened: list[httpx.AsyncClient] = []

    def client_of(world: World) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(recorded(application(world)))
        opened.append(httpx.AsyncClient(transport=transport, base_url=world.origin))
        return opened[-1]

    yield client_of
    for client in opened:
        await client.aclose()


RunEmulator = Callable[..., Emulator]


@pytest.fixture(scope="module")
def run_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunEmulator]:
    """Runs emulators as processes of their own, until the module's tests have ended."""
    with ExitStack() as stack:

        def run(seed: Json, flags: Sequence[str] = ()) -> Emulator:
            folder = tmp_path_factory.mktemp("emulator")
            return stack.enter_context(running(Emulator(folder, seed, flags)))

        yield run
