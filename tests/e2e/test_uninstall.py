"""Uninstalling leaves nothing stuck, and takes no credential out of Entra ID."""

import pytest

from controller.names import GROUP, PLURAL, VERSION
from tests.chart.helm import NAMESPACE
from tests.cluster.api import Api
from tests.e2e.entra import Entra
from tests.e2e.objects import apply, remove, until, until_gone
from tests.e2e.release import CONFIGURATION, DEPLOYMENT, Release
from tests.e2e.settings import Settings
from tests.e2e.workloads import SHOP, manifests

pytestmark = pytest.mark.cluster

FICS = f"/apis/{GROUP}/{VERSION}/namespaces/{SHOP}/{PLURAL}"


def test_uninstalling_leaves_nothing_stuck_and_credentials_in_place(
    api: Api, settings: Settings, shop: str, release: Release, entra: Entra
) -> None:
    subject = f"system:serviceaccount:{shop}:orders"
    apply(api, manifests(settings)["ServiceAccount/orders"])
    until(
        lambda: subject in entra.subjects(settings.identities.orders), "the credential is written"
    )
    until(lambda: api.get(FICS)["items"][0]["metadata"].get("finalizers"), "the finalizer is there")

    release.helm.uninstall()

    for path in (CONFIGURATION, DEPLOYMENT):
        until_gone(api, path)
    (fic,) = api.get(FICS)["items"]
    assert not fic["metadata"].get("finalizers")
    namespace = f"/api/v1/namespaces/{shop}"
    remove(api, namespace)
    until_gone(api, namespace, seconds=60)
    assert subject in entra.subjects(settings.identities.orders)
    assert api.get(f"/api/v1/namespaces/{NAMESPACE}")["status"]["phase"] == "Active"
