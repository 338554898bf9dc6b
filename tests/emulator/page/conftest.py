import pytest

from tests.emulator.admin.stage import Stage
from tests.emulator.conftest import Hands, MakeWorld, OpenClient
from tests.emulator.seed.samples import seed
from tests.fakes.issuer import FakeIssuer


@pytest.fixture
def stage(
    make_world: MakeWorld, open_client: OpenClient, hands: Hands, issuer: FakeIssuer
) -> Stage:
    world = make_world(seed(faults={}, issuers=[]))
    return Stage(world, open_client(world), hands, issuer)
