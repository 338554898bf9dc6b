"""The webhook renews its own certificate and CA, in two replicas, while pods are created."""

import base64
from typing import Final

import pytest
from cryptography import x509

from tests.cluster.api import Api, Json
from tests.e2e.creations import creations, until_created
from tests.e2e.objects import until
from tests.e2e.release import CONFIGURATION, SECRET, Release
from tests.e2e.serving import all_serve

pytestmark = pytest.mark.cluster

ROTATE: Final = "azure.workload.identity/rotate"


@pytest.mark.parametrize("what", ["serving", "ca"])
def test_a_rotation_fails_no_creation(api: Api, shop: str, release: Release, what: str) -> None:
    release.settles()
    until_created(api, shop)
    before = api.get(SECRET)
    with creations(api, shop) as made:
        until(lambda: made.made or made.failures, "the first pod is created")
        api.merge(SECRET, {"metadata": {"annotations": {ROTATE: what}}})
        until(lambda: _renewed(api, before, what), f"a new {what} stands in the Secret alone")
        serving = _decoded(api.get(SECRET), "tls.crt")
        until(lambda: all_serve(release, serving), "each replica serves what stands in the Secret")
    assert made.none_failed()


def _renewed(api: Api, before: Json, what: str) -> bool:
    now = api.get(SECRET)
    configured = api.get(CONFIGURATION)["webhooks"][0]["clientConfig"]["caBundle"]
    if now["data"]["tls.crt"] == before["data"]["tls.crt"]:
        return False
    if what == "serving":
        return bool(now["data"]["ca.crt"] == before["data"]["ca.crt"] == configured)
    retired = not _authorities(now) & _authorities(before)
    return retired and bool(now["data"]["ca.crt"] == configured)


def _authorities(secret: Json) -> set[bytes]:
    found = x509.load_pem_x509_certificates(_decoded(secret, "ca.crt"))
    return {each.tbs_certificate_bytes for each in found}


def _decoded(secret: Json, key: str) -> bytes:
    return base64.b64decode(secret["data"][key])
