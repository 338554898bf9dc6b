"""azure-mgmt-msi, unmodified, against the emulator as Resource Manager.

With documented settings only: `base_url`, `credential_scopes`, `connection_verify`, `transport`;
`authority` and `disable_instance_discovery` of azure-identity.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.core.pipeline.transport import AioHttpTransport, RequestsTransport
from azure.identity import ClientSecretCredential
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.aio import ManagedServiceIdentityClient as AsyncManagedServiceIdentityClient
from azure.mgmt.msi.v2024_11_30.models import FederatedIdentityCredential, Identity

from hack.emulator import Emulator, running
from tests.emulator.arm.stage import (
    AUDIENCE,
    GROUP,
    IDENTITIES,
    ISSUER,
    OPERATOR,
    SUBSCRIPTION,
    TENANT,
    Json,
    seed_of,
)

SECRET = "s3cret"
NAMES = ("made", "made-async", "busy", "throttled", "throttled-async", "full")
MANY = 60
"""Identities of one more group: more than a page holds."""


def client_id_of(name: str) -> str:
    return f"00000000-0000-4000-8000-{NAMES.index(name):012}"


def identity(name: str, client_id: str, group: str = GROUP) -> Json:
    resource = f"{IDENTITIES.replace(f'/{GROUP}/', f'/{group}/')}/{name}"
    return {"resourceId": resource, "clientId": client_id, "tenant": TENANT}


def failure(name: str, status: int, count: int) -> Json:
    return {
        "kind": "arm.credentials.put",
        "identity": client_id_of(name),
        "status": status,
        "retryAfter": 7,
        "count": count,
    }


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    identities = [identity(name, client_id_of(name)) for name in NAMES] + [
        identity(f"one-{number:02}", f"00000000-0000-4000-9000-{number:012}", "many")
        for number in range(MANY)
    ]
    faults = {
        "failures": [
            failure("busy", 409, 2),
            failure("throttled", 429, 1),
            failure("throttled-async", 429, 1),
        ]
    }
    seed = seed_of(managedIdentities=identities, faults=faults)
    with running(Emulator(tmp_path_factory.mktemp("emulator"), seed)) as found:
        yield found


class Patient(RequestsTransport):  # type: ignore[misc]
    """A transport that notes how long it was told to wait, and does not wait."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.waits: list[float] = []

    def sleep(self, duration: float) -> None:
        self.waits.append(duration)


class AsyncPatient(AioHttpTransport):  # type: ignore[misc]
    """The same for aiohttp."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.waits: list[float] = []

    async def sleep(self, duration: float) -> None:
        self.waits.append(duration)


def options(emulator: Emulator) -> Json:
    return {
        "base_url": emulator.addresses.arm,
        "credential_scopes": [f"{emulator.addresses.arm}/.default"],
        "connection_verify": str(emulator.addresses.ca),
    }


@pytest.fixture
def credential(emulator: Emulator) -> Iterator[ClientSecretCredential]:
    with ClientSecretCredential(
        TENANT,
        OPERATOR,
        SECRET,
        authority=emulator.addresses.authority,
        disable_instance_discovery=True,
        connection_verify=str(emulator.addresses.ca),
    ) as found:
        yield found


@pytest.fixture
def client(
    emulator: Emulator, credential: ClientSecretCredential
) -> Iterator[ManagedServiceIdentityClient]:
    with ManagedServiceIdentityClient(credential, SUBSCRIPTION, **options(emulator)) as found:
        yield found


@asynccontextmanager
async def async_client(
    emulator: Emulator, **more: Any
) -> AsyncIterator[AsyncManagedServiceIdentityClient]:
    async with (
        AsyncClientSecretCredential(
            TENANT,
            OPERATOR,
            SECRET,
            authority=emulator.addresses.authority,
            disable_instance_discovery=True,
            connection_verify=str(emulator.addresses.ca),
        ) as credential,
        AsyncManagedServiceIdentityClient(
            credential, SUBSCRIPTION, **options(emulator), **more
        ) as found,
    ):
        yield found


def fic(subject: str = "system:serviceaccount:shop:till") -> FederatedIdentityCredential:
    return FederatedIdentityCredential(issuer=ISSUER, subject=subject, audiences=[AUDIENCE])


def code_of(error: HttpResponseError) -> tuple[int | None, str]:
    assert error.error is not None
    return error.status_code, str(error.error.code)


def test_credentials_are_made_read_listed_and_removed(client: ManagedServiceIdentityClient) -> None:
    credentials = client.federated_identity_credentials
    at = (GROUP, "made")
    made = credentials.create_or_update(*at, "till-1", fic())
    assert (made.name, made.issuer, made.subject, made.audiences) == (
        "till-1",
        ISSUER,
        "system:serviceaccount:shop:till",
        [AUDIENCE],
    )
    changed = credentials.create_or_update(*at, "till-1", fic("system:serviceaccount:shop:desk"))
    assert changed == credentials.get(*at, "till-1")
    credentials.create_or_update(*at, "till-2", fic())
    assert [one.name for one in credentials.list(*at, top=1)] == ["till-1", "till-2"]
    with pytest.raises(HttpResponseError) as twice:
        credentials.create_or_update(*at, "till-3", fic())
    assert code_of(twice.value) == (400, "BadRequest")
    credentials.delete(*at, "till-1")
    credentials.delete(*at, "till-1")
    with pytest.raises(ResourceNotFoundError) as gone:
        credentials.get(*at, "till-1")
    assert code_of(gone.value) == (404, "ResourceNotFound")
    with pytest.raises(ResourceNotFoundError) as nobody:
        list(credentials.list(GROUP, "nobody"))
    assert code_of(nobody.value) == (404, "ParentResourceNotFound")


async def test_credentials_are_made_read_listed_and_removed_by_the_async_client(
    emulator: Emulator,
) -> None:
    at = (GROUP, "made-async")
    async with async_client(emulator) as client:
        credentials = client.federated_identity_credentials
        for number in range(3):
            await credentials.create_or_update(*at, f"till-{number}", fic(f"till:{number}"))
        found = await credentials.get(*at, "TILL-1")
        assert (found.name, found.subject) == ("till-1", "till:1")
        names = [one.name async for one in credentials.list(*at, top=2)]
        assert names == ["till-0", "till-1", "till-2"]
        await credentials.delete(*at, "till-1")
        with pytest.raises(ResourceNotFoundError) as gone:
            await credentials.get(*at, "till-1")
        assert code_of(gone.value) == (404, "ResourceNotFound")


def test_identities_of_a_subscription_are_listed_through_all_pages(
    client: ManagedServiceIdentityClient,
) -> None:
    identities = client.user_assigned_identities
    many = [f"one-{number:02}" for number in range(MANY)]
    assert {one.name for one in identities.list_by_subscription()} >= {*many, *NAMES[:3]}
    assert [one.name for one in identities.list_by_resource_group("Many")] == many


async def test_the_async_client_finds_an_identity_by_its_client_id(emulator: Emulator) -> None:
    async with async_client(emulator) as client:
        found = [
            one.name
            async for one in client.user_assigned_identities.list_by_subscription()
            if one.client_id == client_id_of("busy")
        ]
    assert found == ["busy"]


def test_identities_are_made_changed_and_removed(client: ManagedServiceIdentityClient) -> None:
    identities = client.user_assigned_identities
    made = identities.create_or_update(GROUP, "new", Identity(location="westeurope"))
    assert (made.tenant_id, made.location, made.tags) == (TENANT, "westeurope", {})
    tagged = identities.update(GROUP, "new", {"tags": {"team": "till"}})
    assert (tagged.tags, tagged.client_id) == ({"team": "till"}, made.client_id)
    assert identities.get(GROUP, "new") == tagged
    identities.delete(GROUP, "new")
    with pytest.raises(ResourceNotFoundError):
        identities.get(GROUP, "new")


def test_a_full_identity_takes_no_more(client: ManagedServiceIdentityClient) -> None:
    credentials = client.federated_identity_credentials
    for number in range(20):
        credentials.create_or_update(GROUP, "full", f"till-{number}", fic(f"till:{number}"))
    with pytest.raises(HttpResponseError) as one_more:
        credentials.create_or_update(GROUP, "full", "till-20", fic("till:20"))
    assert code_of(one_more.value) == (400, "BadRequest")


@pytest.mark.parametrize(("name", "waits"), [("busy", [7.0, 7.0]), ("throttled", [7.0])])
def test_the_sdk_waits_as_long_as_a_refused_write_asks(
    emulator: Emulator, credential: ClientSecretCredential, name: str, waits: list[float]
) -> None:
    transport = Patient(connection_verify=str(emulator.addresses.ca))
    with ManagedServiceIdentityClient(
        credential, SUBSCRIPTION, transport=transport, **options(emulator)
    ) as client:
        made = client.federated_identity_credentials.create_or_update(GROUP, name, "till-1", fic())
    assert (made.name, transport.waits) == ("till-1", waits)


async def test_the_async_sdk_waits_as_long_as_a_throttled_write_asks(emulator: Emulator) -> None:
    transport = AsyncPatient(connection_verify=str(emulator.addresses.ca))
    async with async_client(emulator, transport=transport) as client:
        made = await client.federated_identity_credentials.create_or_update(
            GROUP, "throttled-async", "till-1", fic()
        )
    assert (made.name, transport.waits) == ("till-1", [7.0])


def test_a_conflict_that_names_no_wait_is_the_callers(
    client: ManagedServiceIdentityClient,
) -> None:
    with pytest.raises(ResourceExistsError) as moved:
        client.user_assigned_identities.create_or_update(
            GROUP, "made", Identity(location="northeurope")
        )
    assert code_of(moved.value) == (409, "InvalidResourceLocation")


def test_a_wrong_secret_and_a_wrong_audience_are_refused(
    emulator: Emulator, credential: ClientSecretCredential
) -> None:
    with (
        ClientSecretCredential(
            TENANT,
            OPERATOR,
            "wrong",
            authority=emulator.addresses.authority,
            disable_instance_discovery=True,
            connection_verify=str(emulator.addresses.ca),
        ) as wrong,
        ManagedServiceIdentityClient(wrong, SUBSCRIPTION, **options(emulator)) as client,
        pytest.raises(ClientAuthenticationError, match="AADSTS7000215"),
    ):
        client.user_assigned_identities.get(GROUP, "made")
    scopes = {"credential_scopes": ["https://graph.microsoft.com/.default"]}
    with (
        ManagedServiceIdentityClient(
            credential, SUBSCRIPTION, **options(emulator) | scopes
        ) as client,
        pytest.raises(ClientAuthenticationError) as refused,
    ):
        client.user_assigned_identities.get(GROUP, "made")
    assert code_of(refused.value) == (401, "InvalidAuthenticationTokenAudience")


@pytest.mark.parametrize("version", ["2018-11-30", "2021-09-30-preview", "2022-01-31-preview"])
def test_every_version_of_the_sdk_is_served(
    emulator: Emulator, credential: ClientSecretCredential, version: str
) -> None:
    with ManagedServiceIdentityClient(
        credential, SUBSCRIPTION, api_version=version, **options(emulator)
    ) as client:
        found = client.user_assigned_identities.get(GROUP, "made")
        assert found.client_id == client_id_of("made")
        if version == "2022-01-31-preview":
            client.federated_identity_credentials.list(GROUP, "made").next()
