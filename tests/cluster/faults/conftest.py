"""What the tests of faults share."""

from collections.abc import Callable, Iterator

import pytest

from hack.cluster import Cluster
from tests.cluster.faults.installation import Installation, installed
from tests.cluster.faults.silence import AROUND_THE_LIMITS, Silence, silence_begun
from tests.parallel import teller

Tell = Callable[[str], None]


@pytest.fixture(scope="package")
def installation(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(cluster, tmp_path_factory.mktemp("faults")) as found:
        yield found


@pytest.fixture(scope="package")
def silence(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Silence]:
    folder = tmp_path_factory.mktemp("silence")
    with silence_begun(cluster, folder, AROUND_THE_LIMITS) as found:
        yield found


@pytest.fixture(scope="package", autouse=True)
def _silence_begins_first(request: pytest.FixtureRequest) -> None:
    """It takes two minutes, in which the other tests run."""
    if any("silence" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("silence")


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Print a line, past pytest's capturing: the counts are of interest in any case."""
    return teller(request)
