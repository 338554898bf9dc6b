"""A real API server's tokens, exchanged for access tokens at the emulator."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import jwt
import msal
import pytest
import requests

from hack.cluster import Cluster
from hack.emulator import Emulator, running
from identity.names import DEFAULT_AUDIENCE
from tests.cluster.api import Api, Json, a_namespace, api_of

pytestmark = pytest.mark.cluster

TENANT = "5f1c9d1e-9f3b-4a53-8d0c-2f6d0c1b7a42"
CLIENT = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
DISCOVERY = "system:service-account-issuer-discovery"


def token_for(api: Api, namespace: str, account: str, *, audience: str = DEFAULT_AUDIENCE) -> str:
    """A token as the kubelet asks for it."""
    answer = api.post(
        f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token",
        {"spec": {"audiences": [audience], "expirationSeconds": 3600}},
    )
    return str(answer["status"]["token"])


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Api]:
    with api_of(cluster) as found:
        yield found


@pytest.fixture(scope="module")
def namespace(api: Api) -> Iterator[str]:
    with a_namespace(api, "exchange") as name:
        accounts = f"/api/v1/namespaces/{name}/serviceaccounts"
        for account in ("payments", "reader"):
            api.post(accounts, {"metadata": {"name": account}})
        yield name


@pytest.fixture(scope="module")
def reader(api: Api, namespace: str) -> Iterator[str]:
    """The token of a ServiceAccount that may read the issuer's documents, and nothing else."""
    bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    name = f"exchange-{uuid.uuid4().hex[:6]}"
    api.post(
        bindings,
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
    answer = api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts/reader/token", {"spec": {}})
    yield str(answer["status"]["token"])
    api.delete(f"{bindings}/{name}")


@pytest.fixture(scope="module")
def emulator(
    cluster: Cluster,
    api: Api,
    namespace: str,
    reader: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("emulator")
    (folder / "reader.token").write_text(reader)
    issuer = api.get("/.well-known/openid-configuration")["issuer"]
    credential = {
        "name": "payments",
        "issuer": issuer,
        "subject": f"system:serviceaccount:{namespace}:payments",
    }
    seed: Json = {
        "tenants": [{"id": TENANT}],
        "applications": [
            {
                "appId": CLIENT,
                "displayName": "payments",
                "tenant": TENANT,
                "federatedIdentityCredentials": [credential],
            }
        ],
        "issuers": [
            {
                "issuer": issuer,
                "reach": cluster.url,
                "ca": str(Path(cluster.ca_file).resolve()),
                "tokenFile": "reader.token",
            }
        ],
    }
    with running(Emulator(folder, seed)) as found:
        yield found


def exchanged(emulator: Emulator, assertion: str) -> Json:
    """What msal makes of the emulator's answer."""
    with requests.Session() as http:
        http.trust_env = False
        http.verify = str(emulator.addresses.ca)
        app = msal.ConfidentialClientApplication(
            CLIENT,
            client_credential={"client_assertion": lambda: assertion},
            authority=f"{emulator.addresses.authority}/{TENANT}",
            instance_discovery=False,
            http_client=http,
        )
        answer: Json = app.acquire_token_for_client(["https://graph.microsoft.com/.default"])
        return answer


def test_a_token_of_the_api_server_becomes_an_access_token(
    emulator: Emulator, api: Api, namespace: str
) -> None:
    answer = exchanged(emulator, token_for(api, namespace, "payments"))
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert (claims["appid"], claims["tid"], claims["aud"], claims["idtyp"]) == (
        CLIENT,
        TENANT,
        "https://graph.microsoft.com",
        "app",
    )


def test_another_subject_is_refused(emulator: Emulator, api: Api, namespace: str) -> None:
    answer = exchanged(emulator, token_for(api, namespace, "default"))
    assert answer["error_codes"] == [700213], answer["error_description"]
