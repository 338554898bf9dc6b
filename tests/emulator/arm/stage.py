"""An emulator in this process, and a caller of its Resource Manager."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx

from emulator.app import application, recorded
from emulator.calls.faults import Settings
from emulator.clock import Clock
from emulator.directory import ALWAYS, Directory
from emulator.seed.plant import plant
from emulator.seed.read import read_seed
from emulator.tokens import issue
from emulator.tokens.issuers import Reach
from emulator.tokens.signer import Signer
from emulator.world import Parts, World, made_of

Json = dict[str, Any]

TENANT = "5f1c9d1e-9f3b-4a53-8d0c-2f6d0c1b7a42"
OTHER_TENANT = "9a7b1c2d-0e1f-4a2b-8c3d-4e5f6a7b8c9d"
SUBSCRIPTION = "11111111-2222-4333-8444-555555555555"
OTHER_SUBSCRIPTION = "66666666-7777-4888-9999-000000000000"
OPERATOR = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
"""The client id of who calls."""
PAYMENTS = "0a1b2c3d-4e5f-4071-8293-a4b5c6d7e8f9"
"""The client id of a managed identity."""
GROUP = "shop"
ORIGIN = "https://emulator.test:8443"
ISSUER = "https://issuer.test/cluster/"
AUDIENCE = "api://AzureADTokenExchange"
MANAGEMENT = "https://management.azure.com"
VERSION = "2023-01-31"

IDENTITIES = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
)
RESOURCE = f"{IDENTITIES}/payments"
SPELLED = RESOURCE.replace("resourceGroups", "resourcegroups")
"""As Resource Manager itself writes it."""


def seed_of(**more: Any) -> Json:
    """One caller, one managed identity, and a stranger in another tenant."""
    return {
        "tenants": [{"id": TENANT}, {"id": OTHER_TENANT}],
        "subscriptions": [{"id": OTHER_SUBSCRIPTION, "tenant": OTHER_TENANT}],
        "applications": [
            {"appId": OPERATOR, "displayName": "operator", "tenant": TENANT, "secret": "s3cret"},
        ],
        "managedIdentities": [{"resourceId": RESOURCE, "clientId": PAYMENTS, "tenant": TENANT}],
    } | more


@dataclass
class Steady:
    """A clock for what takes a while, which a test moves on."""

    at: float = 1000.0

    def __call__(self) -> float:
        return self.at


@dataclass(frozen=True)
class Stage:
    """The emulator, and an HTTP client of it."""

    world: World
    steady: Steady
    http: httpx.AsyncClient
    sent: list[Any] = field(default_factory=list)

    def token(
        self, client_id: str = OPERATOR, audience: str = MANAGEMENT, tenant: str = TENANT
    ) -> str:
        """A token of this emulator."""
        holder = self.world.directory.holder(client_id)
        principal = self.world.directory.principal(tenant, client_id)
        resource = self.world.resources.find(audience, tenant)
        assert holder
        assert principal
        assert resource
        grant = issue.Grant(holder, principal, resource, audience, tenant, issue.SECRET)
        return str(self.world.tokens.issue(grant)["access_token"])

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        version: str | None = VERSION,
        query: Mapping[str, str] | None = None,
        token: str | None = "",
    ) -> httpx.Response:
        """Call as the operator, unless another token or none (None) is given."""
        headers = {} if token is None else {"Authorization": f"Bearer {token or self.token()}"}
        wanted = dict(query or {}) | ({} if version is None else {"api-version": version})
        address = path if not wanted else f"{path}?{urlencode(wanted)}"
        return await self.http.request(method, address, json=body, headers=headers)

    async def put_credential(self, name: str, **properties: Any) -> httpx.Response:
        """Write a credential of the payments identity."""
        return await self.ask(
            "PUT", f"{RESOURCE}/federatedIdentityCredentials/{name}", fic(**properties)
        )


def fic(**properties: Any) -> Json:
    """A body for a credential."""
    usual = {
        "issuer": ISSUER,
        "subject": "system:serviceaccount:shop:till",
        "audiences": [AUDIENCE],
    }
    return {"properties": usual | properties}


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]


async def _no_fetch(url: str, reach: Reach) -> Any:
    raise AssertionError(f"nothing is fetched here, but {url} was")


@asynccontextmanager
async def staged(signer: Signer, seed: Json, **settings: Any) -> AsyncIterator[Stage]:
    """Put an emulator together."""
    steady = Steady()
    planted = read_seed(seed)
    directory = Directory()
    plant(planted, directory, ALWAYS)
    world = made_of(
        Parts(
            origin=ORIGIN,
            clock=Clock(steady=steady),
            directory=directory,
            settings=Settings(**settings),
            signer=signer,
            reaches=(),
            fetch=_no_fetch,
            enforce_role_assignments=planted.enforce_role_assignments,
        )
    )
    transport = httpx.ASGITransport(recorded(application(world)))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:
        yield Stage(world, steady, http)
