"""What the tests of the controller's faults share."""

from collections.abc import Callable, Iterator

import pytest

from hack.cluster import Cluster
from tests.cluster.controller.faults.world import World, a_world
from tests.gateway.nursery import nursery
from tests.parallel import teller

Tell = Callable[[str], None]


@pytest.fixture(scope="package")
def _world(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("faults")
    logs = folder / "logs"
    logs.mkdir()
    with (
        nursery("controller.__main__", logs) as parent,
        a_world(cluster, parent, folder) as made,
    ):
        yield made


@pytest.fixture
def world(_world: World) -> Iterator[World]:
    """An empty one."""
    _world.fresh()
    yield _world
    _world.fresh()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Print a line, past pytest's capturing: the counts are of interest in any case."""
    return teller(request)
