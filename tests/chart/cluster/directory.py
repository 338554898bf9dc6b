"""The emulator as the Entra ID of a release, whose controller signs in by its pod's own token."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hack.cluster import Cluster
from hack.emulator import Emulator, running
from tests.chart.cluster.release import OURS
from tests.chart.helm import Json
from tests.cluster.api import Api, a_namespace
from tests.cluster.controller.faults.entra import Entra
from tests.cluster.controller.faults.seed import CONTROLLER, ORDERS, SUBSCRIPTION, TENANT, seed
from tests.cluster.exchange import may_read_the_issuer, reader_token

CA: Final = "entra-ca"
"""ConfigMap in the release's namespace."""


@contextmanager
def entra_for(cluster: Cluster, api: Api, namespace: str, folder: Path) -> Iterator[Entra]:
    """Run the emulator for the controller of a namespace, whose ServiceAccount it trusts."""
    folder.mkdir()
    issuer = api.get("/.well-known/openid-configuration")["issuer"]
    with a_namespace(api, f"reader-{uuid.uuid4().hex[:6]}") as reader:
        api.post(f"/api/v1/namespaces/{reader}/serviceaccounts", {"metadata": {"name": "reader"}})
        (folder / "reader.token").write_text(reader_token(api, reader))
        emulator = Emulator(folder, _seed(cluster, issuer, namespace))
        with may_read_the_issuer(api, reader), running(emulator), emulator.client() as http:
            data = {"ca.crt": emulator.addresses.ca.read_text()}
            path = f"/api/v1/namespaces/{namespace}/configmaps"
            api.post(path, {"metadata": {"name": CA}, "data": data})
            yield Entra(emulator, http)


def values_for(entra: Entra, shop: str, **controller: Json | bool) -> Json:
    """A webhook and a controller that may give `orders` of the shop its identity."""
    addresses = entra.emulator.addresses
    return {
        **OURS,
        "azureTenantID": TENANT,
        "azureAuthorityHost": addresses.authority,
        "replicaCount": 1,
        "podDisruptionBudget": {"minAvailable": 0},
        "grants": [
            {"namespace": shop, "serviceAccountName": "orders", "clientIds": [ORDERS.upper()]}
        ],
        "controller": {
            "enabled": True,
            "replicaCount": 1,
            "clientId": CONTROLLER,
            "subscriptions": [SUBSCRIPTION],
            "endpoints": {
                "graphUrl": addresses.graph,
                "resourceManagerUrl": addresses.arm,
                "caConfigMapName": CA,
            },
            **controller,
        },
    }


def _seed(cluster: Cluster, issuer: str, namespace: str) -> Json:
    found = seed()
    subject = f"system:serviceaccount:{namespace}:azwi-controller"
    for application in found["applications"]:
        if application["appId"] == CONTROLLER:
            del application["secret"]
            credential = {"name": "own", "issuer": issuer, "subject": subject}
            application["federatedIdentityCredentials"] = [credential]
    reach = {"reach": cluster.url, "ca": str(Path(cluster.ca_file).resolve())}
    found["issuers"] = [{"issuer": issuer, "tokenFile": "reader.token", **reach}]
    return found
