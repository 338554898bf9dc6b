"""A cluster with nodes, Entra ID for it, and the chart's release (each module has its own)."""

import os
import ssl
from collections.abc import Iterator

import httpx
import pytest

from tests.cluster.api import Api
from tests.e2e import entra as entra_id
from tests.e2e import release as releases
from tests.e2e import workloads
from tests.e2e.entra import Entra
from tests.e2e.release import Release
from tests.e2e.settings import Settings
from webhook.kube.kubeconfig import kubeconfig_connection


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings.of(os.environ)


@pytest.fixture(scope="session")
def api(settings: Settings) -> Iterator[Api]:
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
        yield Api(http)


@pytest.fixture(scope="session")
def entra(api: Api, settings: Settings) -> Iterator[Entra]:
    with entra_id.entra(api, settings) as found:
        yield found


@pytest.fixture(scope="session")
def home(api: Api, entra: Entra) -> Iterator[None]:
    """The namespace that releases are installed in."""
    with releases.home(api, entra):
        yield


@pytest.fixture(scope="module")
def shop(api: Api, entra: Entra, release: Release) -> Iterator[str]:
    """The namespace of the examples' workloads; it goes before the release, as its owner would."""
    with workloads.shop(api, entra) as name:
        yield name
