"""azure-identity's and msal's managed identity clients, unmodified, against the emulator's IMDS.

With documented settings only: AZURE_POD_IDENTITY_AUTHORITY_HOST says where the service is.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import msal
import pytest
import requests
from azure.identity import (
    ClientSecretCredential,
    CredentialUnavailableError,
    ManagedIdentityCredential,
)
from azure.identity.aio import ManagedIdentityCredential as AsyncManagedIdentityCredential

from emulator.directory import ALWAYS, Directory
from emulator.imds.node import attach_node
from emulator.seed.plant import plant
from emulator.seed.read import read_seed
from hack.emulator import Emulator, running
from tests.emulator.arm.stage import OPERATOR, PAYMENTS, RESOURCE, TENANT, seed_of

SCOPE = "https://vault.azure.net/.default"
VAULT = "https://vault.azure.net"
NOBODY = "00000000-0000-0000-0000-000000000000"
OBJECT = "b7c1d2e3-f405-4162-8738-495a6b7c8d9e"
LATER = "11111111-0000-4000-8000-000000000001"
"""The client id of an identity whose first token is refused."""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    identities = [
        {"resourceId": RESOURCE, "clientId": PAYMENTS, "tenant": TENANT, "principalId": OBJECT},
        {"resourceId": f"{RESOURCE}-later", "clientId": LATER, "tenant": TENANT},
    ]
    failure = {"kind": "imds.token", "identity": LATER, "status": 429, "count": 1}
    seed = seed_of(managedIdentities=identities, faults={"failures": [failure]})
    with running(Emulator(tmp_path_factory.mktemp("emulator"), seed)) as found:
        yield found


@pytest.fixture(autouse=True)
def _node(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", emulator.addresses.imds)


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


BY_ID: list[dict[str, Any]] = [
    {"client_id": PAYMENTS},
    {"identity_config": {"object_id": OBJECT}},
]


@pytest.mark.parametrize("named", [*BY_ID, {"identity_config": {"resource_id": RESOURCE}}])
def test_a_user_assigned_identity_gets_its_token(named: dict[str, Any]) -> None:
    with ManagedIdentityCredential(**named) as credential:
        token = credential.get_token(SCOPE)
    found = claims(token.token)
    assert (found["appid"], found["oid"], found["aud"]) == (PAYMENTS, OBJECT, VAULT)
    assert abs(token.expires_on - found["exp"]) <= 2
    assert token.expires_on > time.time() + 3600


@pytest.mark.parametrize("named", [*BY_ID, {"identity_config": {"msi_res_id": RESOURCE}}])
async def test_a_user_assigned_identity_gets_its_token_by_the_async_client(
    named: dict[str, Any],
) -> None:
    async with AsyncManagedIdentityCredential(**named) as credential:
        token = await credential.get_token(SCOPE)
    found = claims(token.token)
    assert (found["appid"], found["oid"], found["aud"]) == (PAYMENTS, OBJECT, VAULT)


async def test_without_a_name_it_is_the_nodes_own() -> None:
    with ManagedIdentityCredential() as credential:
        first = claims(credential.get_token(SCOPE).token)
    async with AsyncManagedIdentityCredential() as again:
        second = claims((await again.get_token(SCOPE)).token)
    assert first["xms_mirid"].endswith("/virtualMachines/azwi-emulator-node")
    assert (first["oid"], first["appid"]) == (second["oid"], second["appid"])


async def test_an_identity_that_is_not_attached_is_unavailable() -> None:
    with (
        ManagedIdentityCredential(client_id=NOBODY) as credential,
        pytest.raises(CredentialUnavailableError, match="Identity not found"),
    ):
        credential.get_token(SCOPE)
    async with AsyncManagedIdentityCredential(client_id=NOBODY) as again:
        with pytest.raises(CredentialUnavailableError, match="Identity not found"):
            await again.get_token(SCOPE)


def test_a_throttled_request_is_sent_again(emulator: Emulator) -> None:
    with ManagedIdentityCredential(client_id=LATER, retry_backoff_factor=0) as credential:
        token = credential.get_token(SCOPE)
    assert claims(token.token)["appid"] == LATER


def msal_answer(identity: Any, resource: str = VAULT) -> dict[str, Any]:
    with requests.Session() as http:
        http.trust_env = False
        client = msal.ManagedIdentityClient(identity, http_client=http)
        answer: dict[str, Any] = client.acquire_token_for_client(resource=resource)
        return answer


@pytest.mark.parametrize(
    "identity",
    [
        msal.UserAssignedManagedIdentity(client_id=PAYMENTS),
        msal.UserAssignedManagedIdentity(object_id=OBJECT),
        msal.UserAssignedManagedIdentity(resource_id=RESOURCE),
    ],
)
def test_msal_gets_the_token_of_a_user_assigned_identity(identity: Any) -> None:
    answer = msal_answer(identity)
    assert claims(answer["access_token"])["appid"] == PAYMENTS
    assert (answer["token_type"], answer["resource"]) == ("Bearer", VAULT)
    assert answer["expires_in"] == 86399


def test_msal_gets_the_nodes_own_token() -> None:
    answer = msal_answer(msal.SystemAssignedManagedIdentity())
    assert claims(answer["access_token"])["xms_mirid"].endswith("azwi-emulator-node")


def test_msal_is_told_why_there_is_no_token() -> None:
    assert msal_answer(msal.UserAssignedManagedIdentity(client_id=NOBODY)) == {
        "error": "invalid_request",
        "error_description": "Identity not found",
    }
    unknown = msal_answer(msal.SystemAssignedManagedIdentity(), "https://nowhere.test")
    assert unknown["error"] == "invalid_resource"


def test_the_node_can_be_given_a_role_before_it_ever_asks(tmp_path: Path) -> None:
    directory = Directory()
    plant(read_seed(seed_of()), directory)
    node = attach_node(directory, ALWAYS)
    assert node
    role = "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"
    path = f"{RESOURCE}/providers/Microsoft.Authorization/roleAssignments/{NOBODY}"
    with (
        running(Emulator(tmp_path, seed_of())) as emulator,
        emulator.client() as http,
        ClientSecretCredential(
            TENANT,
            OPERATOR,
            "s3cret",
            authority=emulator.addresses.authority,
            disable_instance_discovery=True,
            connection_verify=str(emulator.addresses.ca),
        ) as operator,
    ):
        token = operator.get_token(f"{emulator.addresses.arm}/.default").token
        answer = http.put(
            f"{path}?api-version=2022-04-01",
            json={"properties": {"roleDefinitionId": role, "principalId": node.principal_id}},
            headers={"Authorization": f"Bearer {token}"},
        )
    assert answer.status_code == 201, answer.text
