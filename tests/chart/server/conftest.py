"""A real API server for what the chart renders, of any kind: these tests need no pods to run."""

from collections.abc import Iterator

import pytest

from hack.cluster import Cluster
from hack.cluster.testing import cluster_or_skip, shown
from tests.cluster.api import Api, api_of


@pytest.fixture(scope="package")
def cluster(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    with cluster_or_skip(controller_manager=True, progress=shown(pytestconfig)) as found:
        yield found


@pytest.fixture(scope="package")
def api(cluster: Cluster) -> Iterator[Api]:
    with api_of(cluster) as found:
        yield found
