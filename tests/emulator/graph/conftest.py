from collections.abc import AsyncIterator

import httpx
import pytest

from emulator.app import application, recorded
from emulator.calls.faults import Settings
from emulator.directory import ALWAYS, Directory
from emulator.seed.plant import plant
from emulator.seed.read import read_seed
from emulator.state import StateFolder
from emulator.tokens.issuers import HttpFetch
from emulator.tokens.signer import Signer
from emulator.world import Parts, made_of
from tests.emulator.graph.stage import ORIGIN, SEED, Hands, Stage


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    """One key for all: making one takes longer than most tests."""
    return Signer(StateFolder(tmp_path_factory.mktemp("state")))


@pytest.fixture
async def stage(signer: Signer) -> AsyncIterator[Stage]:
    hands, directory = Hands(), Directory()
    plant(read_seed(SEED), directory, ALWAYS)
    world = made_of(
        Parts(
            origin=ORIGIN,
            clock=hands.clock(),
            directory=directory,
            settings=Settings(),
            signer=signer,
            reaches=[],
            fetch=HttpFetch(None),
        )
    )
    transport = httpx.ASGITransport(recorded(application(world)))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield Stage(world, client, hands)
