from collections.abc import AsyncIterator

import pytest

from emulator.state import StateFolder
from emulator.tokens.signer import Signer
from tests.emulator.arm.stage import seed_of
from tests.emulator.imds.stage import Stage, staged


@pytest.fixture(scope="package")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(StateFolder(tmp_path_factory.mktemp("signer")))


@pytest.fixture
async def stage(signer: Signer) -> AsyncIterator[Stage]:
    async with staged(signer, seed_of()) as found:
        yield found
