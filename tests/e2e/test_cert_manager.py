"""cert-manager's layout: a Secret that changes under the webhook, a CA injected by annotation.

The test plays cert-manager: it reads the chart's Certificate, writes the Secret that this names,
and does what the annotation on the webhook's configuration asks for. kubelet brings a changed
Secret to a pod within about a minute, and at once where the pod is changed, which is done here.

What isn't proved here: a CA replaced in one step. cert-manager does so where the CA's own
certificate is renewed with a new key; then nobody trusts what pods serve until kubelet has brought
the Secret. A new CA has to be announced first, in `ca.crt`, as this test does.
"""

import base64
import time
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from tests.chart.helm import NAMESPACE
from tests.cluster.api import Api, Json
from tests.e2e.creations import Creations, creations, until_created
from tests.e2e.objects import a_namespace, applied, apply, until
from tests.e2e.release import CONFIGURATION, PODS, Release, Releases
from tests.e2e.serving import all_serve
from tests.e2e.settings import skip_or_fail
from tests.webhook.certificates.keys import YEAR, authority, leaf
from webhook.certificates.making import Pair

pytestmark = pytest.mark.cluster

GROUP: Final = "cert-manager.io"
NAME: Final = "azure-wi-webhook-serving-cert"
CERTIFICATE: Final = f"/apis/{GROUP}/v1/namespaces/{NAMESPACE}/certificates/{NAME}"
PLACE: Final = "cert-manager-e2e"


class CertManager:
    """What it does for the webhook's Certificate."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._made = 0
        self._authority = self._new_authority()
        self._trusted = [self._authority]
        self._wanted: Json = api.get(CERTIFICATE)["spec"]
        self.serving = self._issued()

    def renews(self) -> None:
        """Issue a new certificate by the same CA: what happens every two months."""
        self.serving = self._issued()
        self.writes()

    def announces_another_ca(self) -> None:
        """Have two CAs in `ca.crt`; the new one does not sign yet."""
        self._trusted.append(self._new_authority())
        self.writes()

    def signs_by_the_other_ca(self) -> None:
        """Issue a new certificate by the CA that was announced."""
        self._authority = self._trusted[-1]
        self.renews()

    def retires_the_first_ca(self) -> None:
        """Leave the CA that signs, alone."""
        self._trusted = [self._authority]
        self.writes()

    def writes(self) -> None:
        """Write the Secret, then inject its `ca.crt` where the annotation asks for it."""
        bundle = b"".join(each.certificate for each in self._trusted)
        files = {"ca.crt": bundle, "tls.crt": self.serving.certificate, "tls.key": self.serving.key}
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"namespace": NAMESPACE, "name": self._wanted["secretName"]},
            "data": {name: base64.b64encode(pem).decode() for name, pem in files.items()},
        }
        apply(self._api, secret)
        configuration = self._api.get(CONFIGURATION)
        annotations = configuration["metadata"]["annotations"]
        assert annotations[f"{GROUP}/inject-ca-from"] == f"{NAMESPACE}/{NAME}"
        for webhook in configuration["webhooks"]:
            webhook["clientConfig"]["caBundle"] = base64.b64encode(bundle).decode()
        self._api.put(CONFIGURATION, configuration)

    def _new_authority(self) -> Pair:
        self._made += 1
        return authority(self._made, time.time())

    def _issued(self) -> Pair:
        return leaf(self._authority, time.time(), YEAR / 4, tuple(self._wanted["dnsNames"]))


def _definition(kind: str) -> Json:
    """Write the least of a definition of cert-manager's: any object of the kind is taken."""
    plural = f"{kind.lower()}s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version: Json = {"name": "v1", "served": True, "storage": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {"kind": kind, "plural": plural},
            "scope": "Namespaced",
            "versions": [version | {"schema": {"openAPIV3Schema": schema}}],
        },
    }


def _are_served(api: Api) -> bool:
    answer = api.http.get(f"/apis/{GROUP}/v1")  # while there is none: 404, and no JSON
    return answer.is_success and len(answer.json()["resources"]) == 2


@pytest.fixture(scope="module")
def definitions(api: Api, releases: Releases) -> Iterator[None]:
    if api.http.get(f"/apis/{GROUP}/v1").status_code != httpx.codes.NOT_FOUND:
        skip_or_fail("cert-manager is here already: the test would be in its way")
    with applied(api, [_definition("Issuer"), _definition("Certificate")]):
        until(lambda: _are_served(api), "the definitions are served")
        yield
        releases.drop()


@pytest.fixture(scope="module")
def release(releases: Releases, definitions: None) -> Release:
    """The webhook without its own rotation; nobody has written its certificate yet."""
    without: dict[str, Any] = {"controller": {"enabled": False}, "grants": []}
    return releases.having(wait=False, certManager={"enabled": True}, **without)


@pytest.fixture(scope="module")
def cert_manager(api: Api, release: Release) -> CertManager:
    found = CertManager(api)
    found.writes()
    release.settles()
    return found


@pytest.fixture
def made(api: Api, cert_manager: CertManager) -> Iterator[Creations]:
    with applied(api, [a_namespace(PLACE)]):
        until_created(api, PLACE)
        with creations(api, PLACE) as found:
            until(lambda: found.made or found.failures, "the first pod is created")
            yield found


def test_a_renewal_fails_no_creation(
    api: Api, release: Release, cert_manager: CertManager, made: Creations
) -> None:
    cert_manager.renews()
    _served(api, release, cert_manager)
    assert made.none_failed()


def test_a_new_ca_that_was_announced_fails_no_creation(
    api: Api, release: Release, cert_manager: CertManager, made: Creations
) -> None:
    cert_manager.announces_another_ca()
    before = made.made
    until(lambda: made.made > before + 5 or made.failures, "pods are created all the same")
    cert_manager.signs_by_the_other_ca()
    _served(api, release, cert_manager)
    cert_manager.retires_the_first_ca()
    before = made.made
    until(lambda: made.made > before + 5 or made.failures, "pods are created all the same")
    assert made.none_failed()


def _served(api: Api, release: Release, cert_manager: CertManager) -> None:
    """Wait until each replica serves what cert-manager wrote last."""
    for pod in release.webhooks():
        stamp = {"e2e/touched": f"{time.time()}"}
        api.merge(f"{PODS}/{pod['metadata']['name']}", {"metadata": {"annotations": stamp}})
    wanted = cert_manager.serving.certificate
    until(
        lambda: all_serve(release, wanted), "each replica serves the new certificate", seconds=180
    )
