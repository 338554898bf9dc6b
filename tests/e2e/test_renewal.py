"""kubelet writes a new token into a running pod's file, and the pod signs in with it.

kubelet renews at 80 % of a token's life. The shortest life that the API server gives is 600 s, and
the webhook asks for no less than 3600: so this pod has a volume of its own, as a user may. It grows
old while the other tests run.
"""

import datetime
import time
from collections.abc import Iterator
from typing import Final

import pytest

from tests.cluster.api import Api, Json
from tests.e2e.entra import CA_NAME, Entra
from tests.e2e.objects import a_namespace, applied, config_map, until, until_ready
from tests.e2e.settings import TENANT, Settings
from tests.e2e.workloads import claims_of, manifests

pytestmark = pytest.mark.cluster

PLACE: Final = "renewal"
CLIENT: Final = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a10"
LIFE: Final = 600
_MOUNT: Final = "/var/run/secrets/own"


@pytest.fixture(scope="session")
def ageing(api: Api, settings: Settings, entra: Entra) -> Iterator[Json]:
    """A pod whose token lives for ten minutes; its credential was made by hand."""
    credential = {
        "name": PLACE,
        "issuer": entra.issuer,
        "subject": f"system:serviceaccount:{PLACE}:default",
    }
    application = {
        "appId": CLIENT,
        "displayName": PLACE,
        "tenant": TENANT,
        "federatedIdentityCredentials": [credential],
    }
    entra.ask("/seed", "POST", {"applications": [application]})
    pod = _pod(settings)
    with applied(api, [a_namespace(PLACE), config_map(PLACE, CA_NAME, ca_crt=entra.ca), pod]):
        yield until_ready(api, pod)


def test_a_pod_with_a_volume_of_its_own_signs_in(api: Api, ageing: Json) -> None:
    claims = claims_of(api, ageing)
    assert claims["access"]["appid"] == CLIENT
    assert claims["projected"]["exp"] - claims["projected"]["iat"] == LIFE


@pytest.mark.slow
def test_the_token_that_kubelet_renewed_is_picked_up(api: Api, ageing: Json) -> None:
    first = _started(ageing)
    until(
        lambda: claims_of(api, ageing, fresh=True)["projected"]["iat"] > first + LIFE / 2,
        "kubelet has renewed the token",
        seconds=first + LIFE + 60 - time.time(),
        every=5,
    )
    claims = claims_of(api, ageing, fresh=True)
    assert claims["access"]["appid"] == CLIENT
    assert claims["projected"]["exp"] - claims["projected"]["iat"] == LIFE
    pod = api.get(f"/api/v1/namespaces/{PLACE}/pods/{ageing['metadata']['name']}")
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0


def _pod(settings: Settings) -> Json:
    """Write the Deployment's pod of the examples, with all that the webhook would add."""
    template = manifests(settings)["Deployment/orders"]["spec"]["template"]
    spec = template["spec"] | {"serviceAccountName": "default"}
    (app,) = spec["containers"]
    app["env"] += [
        {"name": "AZURE_CLIENT_ID", "value": CLIENT},
        {"name": "AZURE_TENANT_ID", "value": TENANT},
        {"name": "AZURE_AUTHORITY_HOST", "value": "https://emulator.azwi-emulator.svc:8443/"},
        {"name": "AZURE_FEDERATED_TOKEN_FILE", "value": f"{_MOUNT}/token"},
    ]
    app["volumeMounts"].append({"name": "own", "mountPath": _MOUNT, "readOnly": True})
    token = {"audience": "api://AzureADTokenExchange", "expirationSeconds": LIFE, "path": "token"}
    volume = {"name": "own", "projected": {"sources": [{"serviceAccountToken": token}]}}
    spec["volumes"].append(volume)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": PLACE, "name": "ageing"},
        "spec": spec,
    }


def _started(pod: Json) -> float:
    started = pod["status"]["startTime"].replace("Z", "+00:00")
    return datetime.datetime.fromisoformat(started).timestamp()
