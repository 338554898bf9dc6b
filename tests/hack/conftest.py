"""Clusters of our own making, kept apart from those of whoever runs the tests."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from hack.cluster import Cluster, NoWay
from hack.cluster.folders import Folders
from hack.cluster.opening import Request
from hack.cluster.settings import Settings
from hack.cluster.testing import cluster_or_skip, shown, skip_or_fail

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def environment(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Variables for clusters whose programs we start ourselves, in a state folder of the tests.

    The programs come from where everybody's do: the cache, built on first use.
    """
    theirs = {key: value for key, value in os.environ.items() if key != "AZWI_KUBECONFIG"}
    theirs["AZWI_CLUSTER_WAY"] = "assets" if "KUBEBUILDER_ASSETS" in theirs else "build"
    try:
        Request.of(Settings(controller_manager=True), theirs, shown(pytestconfig))
    except NoWay as error:
        skip_or_fail(str(error))
    state = tmp_path_factory.mktemp("state")
    (state / "bin").symlink_to(Folders.of(theirs).root / "bin")
    return {**theirs, "AZWI_CACHE": str(state), "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def cluster(environment: dict[str, str]) -> Iterator[Cluster]:
    with cluster_or_skip(
        controller_manager=True, aggregator_routing=True, environment=environment
    ) as found:
        yield found


@pytest.fixture
def connect() -> Iterator[Callable[[Path], Any]]:
    """From a kubeconfig to the kubernetes package's client."""
    opened: list[Any] = []

    def connected(kubeconfig: Path) -> Any:
        read: Any = config.new_client_from_config
        found = read(str(kubeconfig))
        found.configuration.retries = False
        opened.append(found)
        return found

    yield connected
    for found in opened:
        found.rest_client.pool_manager.clear()
        found.close()


@pytest.fixture
def core(cluster: Cluster, connect: Callable[[Path], Any]) -> Any:
    """The core API, as the cluster's administrator."""
    return client.CoreV1Api(connect(cluster.kubeconfig))


@pytest.fixture
def python() -> str:
    return sys.executable
