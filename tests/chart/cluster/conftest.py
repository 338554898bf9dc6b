"""A control plane of these tests' own: a release has names that are the whole cluster's."""

from collections.abc import Iterator

import pytest

from hack.cluster import Cluster
from hack.cluster.testing import cluster_or_skip, shown
from tests.cluster.api import Api, api_of


@pytest.fixture(scope="package")
def cluster(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """One without nodes: `pods.py` runs what pods there are."""
    with cluster_or_skip(
        controller_manager=True, aggregator_routing=True, progress=shown(pytestconfig)
    ) as found:
        if found.way not in {"assets", "build"}:
            pytest.skip(f"the cluster by {found.way!r} has nodes; these tests run its pods")
        yield found


@pytest.fixture(scope="package")
def api(cluster: Cluster) -> Iterator[Api]:
    with api_of(cluster) as found:
        yield found
