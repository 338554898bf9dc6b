"""Workloads of every kind sign in with real projected tokens, from inside their pods."""

from collections.abc import Iterator

import pytest

from tests.cluster.api import Api, Json
from tests.e2e.entra import Entra
from tests.e2e.objects import apply, until_ready
from tests.e2e.release import Release, installed
from tests.e2e.settings import Settings
from tests.e2e.workloads import log_of, manifests, pods_of, told_by, who

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def release(api: Api, settings: Settings, home: None) -> Iterator[Release]:
    with installed(api, settings) as found:
        yield found


@pytest.fixture(scope="module")
def workloads(api: Api, settings: Settings, shop: str, release: Release) -> dict[str, Json]:
    found = manifests(settings)
    for each in found.values():
        apply(api, each)
    return found


def test_a_job_gets_an_access_token(
    api: Api, settings: Settings, shop: str, workloads: dict[str, Json], entra: Entra
) -> None:
    until_ready(api, workloads["Job/orders-report"])
    (pod,) = pods_of(api, shop, "orders-report")
    told = told_by(log_of(api, pod))
    subject = f"system:serviceaccount:{shop}:orders"
    ids = settings.identities
    assert who(told) == (ids.orders, ids.tenant, subject)
    assert told["projected"]["iss"] == entra.issuer
