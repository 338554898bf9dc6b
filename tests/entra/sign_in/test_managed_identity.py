import httpx
import pytest

from entra.errors import Throttled, Unauthenticated, Unavailable, Unreachable
from entra.sign_in import ManagedIdentity
from tests.entra.sign_in.ways import SCOPE, Start, claim, client_of
from tests.fakes.entra_tokens import CLIENT, Clock, FakeEntra, Refuse


async def test_signing_in_as_the_nodes_own_identity(
    start: Start, entra: FakeEntra, clock: Clock
) -> None:
    entra.node_identities[None] = CLIENT

    token = await start(ManagedIdentity()).token(SCOPE)

    assert client_of(token) == CLIENT
    assert claim(token, "aud") == "https://graph.example"
    assert token.expires_on == clock() + 3600
    (request,) = entra.requests
    assert str(request.url).startswith("http://169.254.169.254/metadata/identity/oauth2/token?")
    assert request.headers["metadata"] == "true"


async def test_signing_in_as_an_identity_that_is_assigned_to_the_node(
    start: Start, entra: FakeEntra
) -> None:
    entra.node_identities[CLIENT] = CLIENT

    token = await start(ManagedIdentity(CLIENT, "http://127.0.0.1:8081/")).token(SCOPE)

    assert client_of(token) == CLIENT
    assert entra.requests[0].url.netloc == b"127.0.0.1:8081"


async def test_an_identity_that_the_node_does_not_have_is_told(start: Start) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await start(ManagedIdentity(CLIENT)).token(SCOPE)

    assert caught.value.message == (
        f"can't sign in as {CLIENT} by the metadata service http://169.254.169.254: IMDS gives no"
        " token: Identity not found; check that the identity is assigned to this node"
    )
    assert caught.value.trace.service == "imds"
    assert caught.value.trace.status == 400


@pytest.mark.parametrize("status", [404, 408, 410, 429, 500, 503])
async def test_a_metadata_service_in_motion_is_asked_again_later(
    start: Start, entra: FakeEntra, status: int
) -> None:
    entra.node_identities[None] = CLIENT
    entra.fail(Refuse(status, {"error": "moving"}), method="GET")
    sign_in = start(ManagedIdentity())

    with pytest.raises((Unavailable, Throttled)) as caught:
        await sign_in.token(SCOPE)

    assert caught.value.trace.service == "imds"
    assert client_of(await sign_in.token(SCOPE)) == CLIENT


async def test_off_azure_the_metadata_service_is_unreachable(
    start: Start, entra: FakeEntra
) -> None:
    entra.fail(httpx.ConnectTimeout("late"), method="GET")

    with pytest.raises(Unreachable, match=r"http://169\.254\.169\.254 did not take the connection"):
        await start(ManagedIdentity()).token(SCOPE)


@pytest.mark.parametrize(
    "variables",
    [
        {"IDENTITY_ENDPOINT": "http://localhost:42", "IDENTITY_HEADER": "h"},
        {"IDENTITY_ENDPOINT": "http://localhost:42", "IMDS_ENDPOINT": "http://localhost:43"},
        {"MSI_ENDPOINT": "http://localhost:42", "MSI_SECRET": "s"},
        {
            "IDENTITY_ENDPOINT": "https://localhost:42",
            "IDENTITY_HEADER": "h",
            "IDENTITY_SERVER_THUMBPRINT": "a" * 40,
        },
    ],
)
async def test_a_host_that_msal_takes_for_another_kind_is_told(
    start: Start, entra: FakeEntra, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(Unauthenticated):
        await start(ManagedIdentity()).token(SCOPE)

    assert entra.requests == []


async def test_the_metadata_service_is_the_one_of_the_settings_whatever_the_environment_says(
    start: Start, entra: FakeEntra, monkeypatch: pytest.MonkeyPatch
) -> None:
    entra.node_identities[None] = CLIENT
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://else.invalid")

    assert client_of(await start(ManagedIdentity()).token(SCOPE)) == CLIENT

    assert {request.url.host for request in entra.requests} == {"169.254.169.254"}
