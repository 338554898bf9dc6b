import pytest

from tests.emulator.conftest import Hands, MakeWorld, OpenClient
from tests.emulator.graph.stage import SEED, Stage


@pytest.fixture
def stage(make_world: MakeWorld, open_client: OpenClient, hands: Hands) -> Stage:
    world = make_world(SEED)
    return Stage(world, open_client(world), hands)
