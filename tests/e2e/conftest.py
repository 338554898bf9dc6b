"""A cluster with nodes, Entra ID for it, and the chart's release."""

import os
import ssl
from collections.abc import Iterator
from typing import Final

import httpx
import pytest

from tests.cluster.api import Api
from tests.e2e import entra as entra_id
from tests.e2e import release as releases_of
from tests.e2e import workloads
from tests.e2e.diagnosis import diagnosis
from tests.e2e.entra import Entra
from tests.e2e.release import Release, Releases
from tests.e2e.settings import Settings
from webhook.kube.kubeconfig import kubeconfig_connection

ORDER: Final = (
    "test_renewal",  # a pod begins to grow old
    "test_workloads",
    "test_interruptions",
    "test_certificates",
    "test_uninstall",
    "test_cert_manager",
    "test_upgrade",
)
"""Of modules: those that share a release stand together. What is `slow` comes last."""
_API: Final = pytest.StashKey[Api]()

FAST_ROTATION: Final = [
    "--ca-trust-delay=5s",
    "--ca-adoption-delay=5s",
    "--cert-jitter=1s",
    "--cert-check-interval=2s",
]
"""So that what takes minutes by default takes half a minute."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: waits for minutes for what can't be hastened")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = [item for item in items if item.path.parent.name == "e2e"]
    here.sort(key=_place)
    others = [item for item in items if item.path.parent.name != "e2e"]
    items[:] = [*others, *here]


def _place(item: pytest.Item) -> tuple[bool, int]:
    name = item.path.stem
    return item.get_closest_marker("slow") is not None, ORDER.index(name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Beside a failure, what the cluster has to say."""
    report: pytest.TestReport = yield  # type: ignore[assignment]  # pluggy sends it
    api = item.session.stash.get(_API, None)
    if report.failed and api and not api.http.is_closed:
        report.sections.append(("the cluster", diagnosis(api)))
    return report  # type: ignore[return-value]


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings.of(os.environ)


@pytest.fixture(scope="session")
def api(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Api]:
    """As the kubeconfig's user: a cluster administrator."""
    connection = kubeconfig_connection(settings.kubeconfig)
    token = connection.token.current() if connection.token else None
    with httpx.Client(
        base_url=connection.base_url,
        verify=connection.ssl_context or ssl.create_default_context(),
        headers={"Authorization": f"Bearer {token}"} if token else {},
        trust_env=False,
        timeout=60,
    ) as http:
        request.session.stash[_API] = found = Api(http)
        yield found


@pytest.fixture(scope="session")
def entra(api: Api, settings: Settings) -> Iterator[Entra]:
    with entra_id.entra(api, settings) as found:
        yield found


@pytest.fixture(scope="session")
def releases(api: Api, settings: Settings, entra: Entra) -> Iterator[Releases]:
    """Installs releases into a namespace of theirs, which is restricted."""
    with releases_of.home(api, entra):
        found = Releases(api, settings)
        try:
            yield found
        finally:
            found.drop()


@pytest.fixture(scope="module")
def release(releases: Releases) -> Release:
    """The whole system as the example's values have it, and it rotates certificates fast."""
    return releases.having(extraArgs=FAST_ROTATION)


@pytest.fixture(scope="module")
def shop(api: Api, entra: Entra, release: Release) -> Iterator[str]:
    """The namespace of the examples' workloads; it goes before the release, as its owner would."""
    with workloads.shop(api, entra) as name:
        yield name
