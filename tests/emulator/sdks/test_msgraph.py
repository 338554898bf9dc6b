"""msgraph-sdk, unmodified, against the emulator as Microsoft Graph.

With documented settings only: an HTTP client of one's own with its `base_url`, given to
`GraphClientFactory` and `GraphRequestAdapter`; the scopes of the authentication provider;
`authority`, `disable_instance_discovery` and `connection_verify` of azure-identity.
"""

import importlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import ClientSecretCredential

from hack.emulator import Emulator
from tests.emulator.conftest import Json, RunEmulator

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:(msgraph|kiota).*")

_MODELS = "msgraph.generated.models"
_APPLICATIONS = "msgraph.generated.applications"
_CREDENTIALS = f"{_APPLICATIONS}.item.federated_identity_credentials"
_WHERE = {
    "AddPasswordPostRequestBody": (
        f"{_APPLICATIONS}.item.add_password.add_password_post_request_body"
    ),
    "Application": f"{_MODELS}.application",
    "ApplicationsRequestBuilder": f"{_APPLICATIONS}.applications_request_builder",
    "AzureIdentityAuthenticationProvider": (
        "kiota_authentication_azure.azure_identity_authentication_provider"
    ),
    "FederatedIdentityCredential": f"{_MODELS}.federated_identity_credential",
    "FederatedIdentityCredentialsRequestBuilder": (
        f"{_CREDENTIALS}.federated_identity_credentials_request_builder"
    ),
    "GraphClientFactory": "msgraph_core",
    "GraphRequestAdapter": "msgraph",
    "GraphServiceClient": "msgraph",
    "HeadersCollection": "kiota_abstractions.headers_collection",
    "ODataError": f"{_MODELS}.o_data_errors.o_data_error",
    "PageIterator": "msgraph_core",
    "PasswordCredential": f"{_MODELS}.password_credential",
    "RequestConfiguration": "kiota_abstractions.base_request_configuration",
    "RetryHandlerOption": "kiota_http.middleware.options",
    "ServicePrincipal": f"{_MODELS}.service_principal",
}


class _Sdk:
    """The SDK's classes by name, loaded by the first test that wants one: they take seconds."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(_WHERE[name]), name)


SDK = _Sdk()

TENANT = "5f1c9d1e-9f3b-4a53-8d0c-2f6d0c1b7a42"
OPERATOR = "10000000-0000-4000-8000-000000000001"
SECRET = "s3cret/with~all.kinds_of-characters"
NAMES = ("crud", "upsert", "pages", "conflicts", "throttled", "impatient")
MANAGED = "30000000-0000-4000-8000-000000000001"
RESOURCE_ID = (
    "/subscriptions/40000000-0000-4000-8000-000000000001/resourcegroups/apps"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reports"
)
AUDIENCE = "api://AzureADTokenExchange"


def app_id_of(name: str) -> str:
    return f"20000000-0000-4000-8000-{NAMES.index(name):012}"


def throttling(name: str) -> Json:
    return {
        "kind": "graph.credentials.create",
        "identity": app_id_of(name),
        "status": 429,
        "retryAfter": 1,
    }


@pytest.fixture(scope="module")
def emulator(run_emulator: RunEmulator) -> Emulator:
    applications: list[Json] = [
        {"appId": app_id_of(name), "displayName": name, "tenant": TENANT} for name in NAMES
    ]
    operator = {
        "appId": OPERATOR,
        "displayName": "operator",
        "tenant": TENANT,
        "secret": SECRET,
        "permissions": ["Application.ReadWrite.All"],
    }
    seed = {
        "tenants": [{"id": TENANT}],
        "applications": [operator, *applications],
        "managedIdentities": [{"resourceId": RESOURCE_ID, "clientId": MANAGED, "tenant": TENANT}],
        "faults": {"failures": [throttling("throttled"), throttling("impatient")]},
    }
    return run_emulator(seed)


@pytest.fixture
async def graph(emulator: Emulator) -> AsyncIterator[Any]:
    """The SDK's client, made as its documentation says."""
    addresses = emulator.addresses
    async with (
        ClientSecretCredential(
            TENANT,
            OPERATOR,
            SECRET,
            authority=addresses.authority,
            disable_instance_discovery=True,
            connection_verify=str(addresses.ca),
        ) as credential,
        # The SDK puts a transport of its own before it, and that one does not close it.
        httpx.AsyncHTTPTransport(verify=emulator.tls(), trust_env=False) as transport,
        httpx.AsyncClient(base_url=f"{addresses.graph}/v1.0", transport=transport) as client,
    ):
        provider = SDK.AzureIdentityAuthenticationProvider(
            credential, scopes=["https://graph.microsoft.com/.default"]
        )
        http = SDK.GraphClientFactory.create_with_default_middleware(client=client)
        yield SDK.GraphServiceClient(request_adapter=SDK.GraphRequestAdapter(provider, http))


async def object_id_of(graph: Any, name: str) -> str:
    found = await graph.applications_with_app_id(app_id_of(name)).get()
    return str(found.id)


async def credentials_of(graph: Any, name: str) -> Any:
    by_id = graph.applications.by_application_id(await object_id_of(graph, name))
    return by_id.federated_identity_credentials


def a_credential(name: str, subject: str = "") -> Any:
    return SDK.FederatedIdentityCredential(
        name=name,
        issuer="https://issuer.example/",
        subject=subject or f"system:serviceaccount:apps:{name}",
        audiences=[AUDIENCE],
    )


def told(found: Any) -> tuple[str, str, str, list[str], str | None]:
    return (found.name, found.issuer, found.subject, found.audiences, found.description)


async def test_credentials_are_made_read_changed_and_removed(graph: Any) -> None:
    credentials = await credentials_of(graph, "crud")
    made = await credentials.post(a_credential("cluster-a"))
    expected = (
        "cluster-a",
        "https://issuer.example/",
        "system:serviceaccount:apps:cluster-a",
        [AUDIENCE],
        None,
    )
    assert told(made) == expected
    for key in (made.id, "cluster-a"):
        one = credentials.by_federated_identity_credential_id(key)
        assert told(await one.get()) == expected
    change = SDK.FederatedIdentityCredential(subject="other", description="changed")
    await one.patch(change)
    changed = await one.get()
    assert (changed.id, changed.subject, changed.description) == (made.id, "other", "changed")
    assert [row.id for row in (await credentials.get()).value] == [made.id]
    await one.delete()
    assert (await credentials.get()).value == []
    with pytest.raises(SDK.ODataError) as caught:
        await one.get()
    assert caught.value.response_status_code == 404
    assert caught.value.error.code == "Request_ResourceNotFound"


async def test_the_upsert_makes_and_changes_by_name(graph: Any) -> None:
    application = graph.applications.by_application_id(await object_id_of(graph, "upsert"))
    by_name = application.federated_identity_credentials_with_name("cluster-a")
    prefer = SDK.RequestConfiguration(headers=SDK.HeadersCollection())
    prefer.headers.add("Prefer", "create-if-missing")
    wanted = a_credential("cluster-a")
    with pytest.raises(SDK.ODataError) as caught:
        await by_name.patch(wanted)
    assert caught.value.error.code == "Request_ResourceNotFound"
    made = await by_name.patch(wanted, request_configuration=prefer)
    assert made.name == "cluster-a"
    again = await by_name.patch(a_credential("cluster-a", "new"), request_configuration=prefer)
    assert again is None
    assert (await by_name.get()).subject == "new"
    await by_name.delete()
    assert (await application.federated_identity_credentials.get()).value == []


async def test_refusals_come_as_the_sdks_own_error(graph: Any) -> None:
    credentials = await credentials_of(graph, "conflicts")
    await credentials.post(a_credential("cluster-a"))
    with pytest.raises(SDK.ODataError) as caught:
        await credentials.post(a_credential("cluster-a", "other"))
    assert caught.value.response_status_code == 409
    assert caught.value.error.code == "Request_MultipleObjectsWithSameKeyValue"
    assert caught.value.error.message == (
        "FederatedIdentityCredential with name cluster-a already exists."
    )
    assert caught.value.error.inner_error.request_id
    with pytest.raises(SDK.ODataError) as caught:
        await credentials.post(a_credential("twin", "system:serviceaccount:apps:cluster-a"))
    assert caught.value.error.code == "InvalidFederatedIdentityCredentialValue"
    with pytest.raises(SDK.ODataError) as caught:
        await credentials.post(a_credential("no"))
    assert (caught.value.response_status_code, caught.value.error.code) == (
        400,
        "Request_BadRequest",
    )


async def test_pages_are_followed_by_the_sdks_iterator(graph: Any) -> None:
    credentials = await credentials_of(graph, "pages")
    for number in range(7):
        await credentials.post(a_credential(f"name-{number}"))
    query = SDK.FederatedIdentityCredentialsRequestBuilder.FederatedIdentityCredentialsRequestBuilderGetQueryParameters(  # noqa: E501
        top=3, select=["name"]
    )
    first = await credentials.get(SDK.RequestConfiguration(query_parameters=query))
    assert len(first.value) == 3
    assert first.odata_next_link
    seen = []

    def note(found: Any) -> bool:
        seen.append((found.name, found.issuer))
        return True

    await SDK.PageIterator(first, graph.request_adapter).iterate(note)
    assert sorted(seen) == [(f"name-{number}", None) for number in range(7)]


async def test_an_application_is_looked_up_by_its_app_id(graph: Any) -> None:
    query = SDK.ApplicationsRequestBuilder.ApplicationsRequestBuilderGetQueryParameters(
        filter=f"appId eq '{app_id_of('crud')}'", select=["id", "appId", "displayName"], count=True
    )
    found = await graph.applications.get(SDK.RequestConfiguration(query_parameters=query))
    assert found.odata_count == 1
    assert [(one.app_id, one.display_name, one.tags) for one in found.value] == [
        (app_id_of("crud"), "crud", None)
    ]
    assert found.value[0].id == await object_id_of(graph, "crud")


async def test_a_managed_identity_is_known_by_its_service_principal(
    graph: Any,
) -> None:
    found = await graph.service_principals_with_app_id(MANAGED).get()
    assert found.service_principal_type == "ManagedIdentity"
    assert found.alternative_names == ["isExplicit=True", RESOURCE_ID]


async def test_an_application_comes_and_goes(graph: Any) -> None:
    made = await graph.applications.post(SDK.Application(display_name="new", tags=["x"]))
    principal = await graph.service_principals.post(SDK.ServicePrincipal(app_id=made.app_id))
    assert principal.service_principal_type == "Application"
    one = graph.applications.by_application_id(made.id)
    wanted = SDK.PasswordCredential(display_name="ci")
    secret = await one.add_password.post(SDK.AddPasswordPostRequestBody(password_credential=wanted))
    assert secret.secret_text
    await one.patch(SDK.Application(display_name="renamed"))
    found = await one.get()
    assert (found.display_name, found.tags) == ("renamed", ["x"])
    assert [password.secret_text for password in found.password_credentials] == [None]
    await one.delete()
    with pytest.raises(SDK.ODataError) as caught:
        await graph.service_principals.by_service_principal_id(principal.id).get()
    assert caught.value.response_status_code == 404


async def test_the_sdk_waits_out_a_throttled_write(graph: Any) -> None:
    """The first answer is a 429 with `Retry-After: 1`; an impatient caller sees it."""
    impatient = SDK.RequestConfiguration(options=[SDK.RetryHandlerOption(max_retries=0)])
    credentials = await credentials_of(graph, "impatient")
    with pytest.raises(SDK.ODataError) as caught:
        await credentials.post(a_credential("cluster-a"), request_configuration=impatient)
    assert caught.value.response_status_code == 429
    assert caught.value.error.code == "TooManyRequests"
    assert caught.value.response_headers["retry-after"] == "1"
    made = await (await credentials_of(graph, "throttled")).post(a_credential("cluster-a"))
    assert made.name == "cluster-a"


async def test_the_sdk_follows_a_wrong_secret_to_its_reason(emulator: Emulator) -> None:
    addresses = emulator.addresses
    async with ClientSecretCredential(
        TENANT,
        OPERATOR,
        "wrong",
        authority=addresses.authority,
        disable_instance_discovery=True,
        connection_verify=str(addresses.ca),
    ) as credential:
        with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
            await credential.get_token("https://graph.microsoft.com/.default")
