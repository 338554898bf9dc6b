"""Entra ID for the cluster: the emulator in a pod, or the real one somewhere else."""

import base64
import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import certifi
import pytest

from hack.cluster.pki import make_authority
from hack.cluster.settings import ISSUER
from tests.cluster.api import Api, Json
from tests.e2e.objects import applied, example, until_ready
from tests.e2e.settings import Settings

EMULATOR: Final = "azwi-emulator"
CA_NAME: Final = "emulator-ca"
"""The ConfigMap, in each namespace that signs in, with the authorities to trust as `ca.crt`."""


@dataclass(frozen=True, slots=True)
class Entra:
    """What tests know of it."""

    api: Api
    ca: str
    """PEM: what its callers trust."""
    issuer: str
    """Of the cluster's tokens."""
    emulated: bool

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Json:
        """Ask the emulator's admin API, by the API server's proxy: from wherever the tests run."""
        if not self.emulated:
            pytest.skip("asks the emulator, and Entra ID itself was named (AZWI_E2E_TENANT_ID)")
        place = f"/api/v1/namespaces/{EMULATOR}/services/https:emulator:https/proxy/_admin{path}"
        answer = self.api.http.request(method, place, json=body)
        answer.raise_for_status()
        found: Json = answer.json() if answer.content else {}
        return found

    def subjects(self, client_id: str) -> set[str]:
        """Return whom an identity trusts."""
        state = self.ask("/state")
        rows = [(row["appId"], row) for row in state["applications"]]
        rows += [(row["clientId"], row) for row in state["managedIdentities"]]
        credentials = dict(rows)[client_id]["federatedIdentityCredentials"]
        return {credential["subject"] for credential in credentials}


@contextmanager
def entra(api: Api, settings: Settings) -> Iterator[Entra]:
    """Run the emulator in a namespace of its own, unless Entra ID itself was named."""
    issuer = str(api.get("/.well-known/openid-configuration")["issuer"])
    if settings.identities.real:
        yield Entra(api, _bundle(), issuer, emulated=False)
        return
    authority = make_authority("emulator CA", datetime.datetime.now(datetime.UTC))
    keys = {"ca.crt": authority.certificate, "ca.key": authority.key}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": EMULATOR, "name": CA_NAME},
        "data": {name: base64.b64encode(pem).decode() for name, pem in keys.items()},
    }
    namespace, *rest = example("emulator.yaml", {**settings.spelt(), ISSUER: issuer})
    with applied(api, [namespace, secret, *rest]):
        until_ready(api, next(each for each in rest if each["kind"] == "Deployment"))
        yield Entra(api, authority.certificate.decode(), issuer, emulated=True)


def _bundle() -> str:
    with open(certifi.where(), encoding="ascii") as file:  # noqa: PTH123 - a str
        return file.read()
