"""From the original's release to ours and back, by Helm, while somebody's pods are created."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.cluster import Cluster
from tests.chart.cluster.release import (
    FITTING,
    OURS,
    Release,
    release_of_the_original,
)
from tests.chart.helm import CHART, HelmFailed, ServerSide
from tests.cluster.api import Api
from tests.cluster.controller.installed import until

pytestmark = pytest.mark.cluster

ITS_IMAGE = "mcr.microsoft.com/oss/azure/workload-identity/webhook"
OUR_IMAGE = OURS["image"]["repository"]


@pytest.fixture
def release(
    request: pytest.FixtureRequest, cluster: Cluster, api: Api, tmp_path: Path
) -> Iterator[Release]:
    server_side = request.param == "server"
    with release_of_the_original(cluster, api, tmp_path, server_side=server_side) as found:
        yield found


@pytest.mark.parametrize(
    ("release", "how"),
    [
        pytest.param("client", "auto", id="helm-3s-release-applied-as-helm-3-does"),
        pytest.param("client", "true", id="helm-3s-release-applied-by-the-server"),
        pytest.param("server", "auto", id="helm-4s-release"),
    ],
    indirect=["release"],
)
def test_a_release_of_the_original_goes_to_ours_and_back_and_no_pod_fails(
    release: Release, how: ServerSide
) -> None:
    helm = release.helm
    release.is_sound()

    with pytest.raises(HelmFailed, match=r"30Mi.*96Mi"):
        helm.upgrade(CHART, OURS, reuse_values=True, server_side=how)
    assert [one.number for one in helm.history()] == [1], "a refused upgrade leaves no revision"
    assert release.ready_images() == [ITS_IMAGE] * 2

    helm.upgrade(CHART, OURS | FITTING, reuse_values=True, server_side=how)
    until(lambda: set(release.ready_images()) == {ITS_IMAGE, OUR_IMAGE}, "the rollout is half way")
    helm.rollback(1, server_side=how)
    release.settles()
    assert release.ready_images() == [ITS_IMAGE] * 2
    release.is_sound()

    helm.upgrade(CHART, OURS | FITTING, reuse_values=True, server_side=how, wait="watcher")
    release.settles()
    assert release.ready_images() == [OUR_IMAGE] * 2
    release.is_sound()

    helm.rollback(1, server_side=how)
    release.settles()
    assert release.ready_images() == [ITS_IMAGE] * 2
    release.is_sound()

    helm.upgrade(CHART, OURS, reset_then_reuse_values=True, server_side=how, wait="watcher")
    release.settles()
    release.is_sound()
    release.was_sound()
    release.goes_without_a_failure()
