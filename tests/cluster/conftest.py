"""A real API server for the tests of this folder (marker `cluster`)."""

from collections.abc import Iterator

import pytest

from hack.cluster import Cluster
from hack.cluster.testing import cluster_or_skip, shown, skip_or_fail


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """One cluster for the whole session, with controllers, and Services without kube-proxy.

    Tests share it: each makes a namespace of its own, and names of its own for what has none.
    """
    with cluster_or_skip(
        controller_manager=True, aggregator_routing=True, progress=shown(pytestconfig)
    ) as found:
        yield found


@pytest.fixture
def own_cluster(cluster: Cluster) -> Cluster:
    """The same one, for tests that stop and start it: not where the user lent it to us."""
    if not cluster.ours:
        skip_or_fail("the test restarts the API server: not that of AZWI_KUBECONFIG")
    return cluster
