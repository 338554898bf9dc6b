"""The token endpoint of an emulator in this process, with one of everything that can sign in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from emulator.world import World
from tests.emulator.conftest import Hands, Json, MakeWorld, OpenClient
from tests.emulator.tokens.certificates import ClientCertificate, client_certificate
from tests.fakes.issuer import SUBJECT, FakeIssuer

TENANT = "5f1c9d1e-9f3b-4a53-8d0c-2f6d0c1b7a42"
OTHER_TENANT = "0c9c1f0e-47bb-4d5c-8f6e-0b8a7c3d2e10"
APP = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
"""Federated with the issuer; has the secret below, and the certificate."""
BARE = "a2b1c0d9-0000-4111-8222-333344445555"
"""Without credentials of any kind."""
MANAGED = "c0ffee00-1111-4222-8333-444455556666"
RESOURCE = "d00dfeed-2222-4333-8444-555566667777"
"""An application that tokens of version 2 are for."""
SECRET = "s3cret~of-the.app"
MANAGED_ID = (
    "/subscriptions/11111111-2222-4333-8444-555555555555/resourcegroups/team"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/worker"
)
GRAPH = "https://graph.microsoft.com/.default"
BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def seed(issuer: str, certificate: str) -> Json:
    credential = {"name": "cluster", "issuer": issuer, "subject": SUBJECT}
    return {
        "tenants": [
            {"id": TENANT, "displayName": "Contoso"},
            {"id": OTHER_TENANT},
        ],
        "applications": [
            {
                "appId": APP,
                "displayName": "payments",
                "tenant": TENANT,
                "secret": SECRET,
                "certificate": certificate,
                "federatedIdentityCredentials": [credential],
            },
            {"appId": BARE, "displayName": "bare", "tenant": TENANT},
            {
                "appId": RESOURCE,
                "displayName": "ledger",
                "tenant": TENANT,
                "identifierUris": ["https://ledger.contoso.test", "api://ledger"],
                "requestedAccessTokenVersion": 2,
            },
        ],
        "managedIdentities": [
            {
                "resourceId": MANAGED_ID,
                "clientId": MANAGED,
                "tenant": TENANT,
                "federatedIdentityCredentials": [credential],
            }
        ],
    }


@dataclass
class Tokens:
    """What asks for tokens; `form()` is what a workload sends."""

    world: World
    http: httpx.AsyncClient
    issuer: FakeIssuer
    hands: Hands
    certificate: ClientCertificate = field(repr=False)

    def form(self, **changed: str | None) -> dict[str, str]:
        """The fields of a request with a federated assertion; None takes one away."""
        found: dict[str, str | None] = {
            "client_id": APP,
            "grant_type": "client_credentials",
            "scope": GRAPH,
            "client_assertion_type": BEARER,
        }
        if not {"client_assertion", "client_secret"} & changed.keys():
            found["client_assertion"] = self.issuer.token()
        return {name: value for name, value in (found | changed).items() if value is not None}

    async def ask(
        self, *, tenant: str = TENANT, path: str = "/oauth2/v2.0/token", **changed: str | None
    ) -> httpx.Response:
        return await self.http.post(f"/{tenant}{path}", data=self.form(**changed))

    async def granted(self, **changed: Any) -> Json:
        """The answer that carries a token."""
        answer = await self.ask(**changed)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def refused(self, **changed: Any) -> tuple[int, str, int]:
        """Status, OAuth error and AADSTS number of a refusal."""
        return told(await self.ask(**changed))


def told(answer: httpx.Response) -> tuple[int, str, int]:
    """Status, OAuth error and AADSTS number of a refusal."""
    body = answer.json()
    assert "error" in body, "a token was issued"
    [number] = body["error_codes"]
    assert body["error_description"].startswith(f"AADSTS{number}: ")
    return answer.status_code, body["error"], number


def words(answer: httpx.Response) -> str:
    """What a refusal says, without its code and its ids."""
    text: str = answer.json()["error_description"]
    return text.partition(": ")[2].partition(" Trace ID: ")[0]


@pytest.fixture
def certificate(hands: Hands) -> ClientCertificate:
    return client_certificate(hands.wall)


@pytest.fixture
def make_tokens(
    make_world: MakeWorld,
    open_client: OpenClient,
    issuer: FakeIssuer,
    hands: Hands,
    certificate: ClientCertificate,
) -> Callable[[Json], Tokens]:
    def make(changed: Json) -> Tokens:
        world = make_world(seed(issuer.name, certificate.pem) | changed)
        return Tokens(world, open_client(world), issuer, hands, certificate)

    return make


@pytest.fixture
def tokens(make_tokens: Callable[[Json], Tokens]) -> Tokens:
    return make_tokens({})
