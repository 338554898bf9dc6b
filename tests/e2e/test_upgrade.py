"""From the layout of the original's release to ours and back, on real pods.

The original's image can't be had here: its release runs our image, which its Deployment starts as
it does its own (`/manager`, with the original's flags; the limit of 30Mi is raised). What is proved
is the layout: selectors, Service, the Secret's form, one bundle for both.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.chart.helm import CHART
from tests.cluster.api import Api
from tests.e2e.creations import creations, until_created
from tests.e2e.objects import a_namespace, applied
from tests.e2e.release import Release, Releases, values_of
from tests.e2e.settings import Settings

pytestmark = pytest.mark.cluster

ORIGINAL: Final = Path(__file__).parents[1] / "chart" / "original"
FITTING: Final = {"limits": {"memory": "256Mi"}}
PLACE: Final = "upgrade-e2e"


@pytest.fixture(scope="module")
def release(releases: Releases) -> Release:
    return releases.having(ORIGINAL, resources=FITTING)


@pytest.fixture
def place(api: Api) -> Iterator[str]:
    with applied(api, [a_namespace(PLACE)]):
        yield PLACE


def test_an_upgrade_and_a_rollback_fail_no_creation(
    api: Api, settings: Settings, release: Release, place: str
) -> None:
    release.settles()
    until_created(api, place)
    (before,) = release.helm.history()
    with creations(api, place) as made:
        release.helm.upgrade(CHART, values_of(settings), wait="watcher")
        release.settles()
        arguments = [pod["spec"]["containers"][0]["args"] for pod in release.webhooks()]
        release.helm.rollback(before.number)
        release.settles()
    assert all("--port=9443" in each for each in arguments), "the pods were not ours"
    assert made.none_failed()
