"""Exchanges of a real API server's tokens: who gets them, who reads the issuer, what msal sees."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msal
import requests

from hack.cluster import Cluster
from hack.emulator import Emulator
from identity.names import DEFAULT_AUDIENCE
from tests.cluster.api import Api, Json

TENANT: Final = "5f1c9d1e-9f3b-4a53-8d0c-2f6d0c1b7a42"
CLIENT: Final = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
"""Federated with the ServiceAccount `payments`."""
ELSEWHERE: Final = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a10"
"""Federated with another issuer."""
SHOUTED: Final = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a11"
"""Federated with a subject that has capitals where a ServiceAccount's has none."""
BARE: Final = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a12"
"""Federated with nobody."""
GRAPH: Final = "https://graph.microsoft.com/.default"
DISCOVERY: Final = "system:service-account-issuer-discovery"
BINDINGS: Final = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"


def token_for(
    api: Api, namespace: str, account: str = "payments", *, audience: str = DEFAULT_AUDIENCE
) -> str:
    """A token as the kubelet asks for it."""
    answer = api.post(
        f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token",
        {"spec": {"audiences": [audience], "expirationSeconds": 3600}},
    )
    return str(answer["status"]["token"])


def make_accounts(api: Api, namespace: str) -> None:
    """The workload's ServiceAccount, and one that reads the issuer's documents."""
    for account in ("payments", "reader"):
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        api.post(path, {"metadata": {"name": account}})


@contextmanager
def may_read_the_issuer(api: Api, namespace: str) -> Iterator[str]:
    """Let the ServiceAccount `reader` read the issuer's documents, and nothing else.

    Yields the path of what lets it.
    """
    name = f"exchange-{uuid.uuid4().hex[:6]}"
    api.post(
        BINDINGS,
        {
            "metadata": {"name": name},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": DISCOVERY,
            },
            "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}],
        },
    )
    yield f"{BINDINGS}/{name}"
    api.delete(f"{BINDINGS}/{name}")


def reader_token(api: Api, namespace: str) -> str:
    """A token of `reader` for the API server itself."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/reader/token"
    return str(api.post(path, {"spec": {}})["status"]["token"])


@dataclass(frozen=True)
class Issuer:
    """What an emulator is told of the API server as an issuer."""

    name: str
    cluster: Cluster
    namespace: str

    def seed(self) -> Json:
        """An emulator's seed; the reader's token is in `reader.token` beside it."""
        subject = f"system:serviceaccount:{self.namespace}:payments"
        return {
            "tenants": [{"id": TENANT}],
            "applications": [
                _application(CLIENT, self.name, subject),
                _application(ELSEWHERE, "https://elsewhere.test/", subject),
                _application(SHOUTED, self.name, subject.replace("payments", "Payments")),
                {"appId": BARE, "displayName": "bare", "tenant": TENANT},
            ],
            "issuers": [
                {
                    "issuer": self.name,
                    "reach": self.cluster.url,
                    "ca": str(Path(self.cluster.ca_file).resolve()),
                    "tokenFile": "reader.token",
                }
            ],
        }


def _application(client_id: str, issuer: str, subject: str) -> Json:
    credential = {"name": "cluster", "issuer": issuer, "subject": subject}
    return {
        "appId": client_id,
        "displayName": f"app-{client_id[-2:]}",
        "tenant": TENANT,
        "federatedIdentityCredentials": [credential],
    }


def exchanged(emulator: Emulator, assertion: str, client_id: str = CLIENT) -> Json:
    """What msal makes of the emulator's answer."""
    with requests.Session() as http:
        http.trust_env = False
        http.verify = str(emulator.addresses.ca)
        app = msal.ConfidentialClientApplication(
            client_id,
            client_credential={"client_assertion": lambda: assertion},
            authority=f"{emulator.addresses.authority}/{TENANT}",
            instance_discovery=False,
            http_client=http,
        )
        answer: Json = app.acquire_token_for_client([GRAPH])
        return answer


def outcome(answer: Json) -> int:
    """The AADSTS number of a refusal; 0: a token was issued."""
    return 0 if "access_token" in answer else int(answer["error_codes"][0])
