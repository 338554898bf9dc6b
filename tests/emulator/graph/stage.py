"""The emulator in this process, asked through its whole application; no sockets, no waiting."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from emulator.calls.faults import Settings
from emulator.calls.log import Call
from emulator.directory import Application, Credential
from emulator.world import World
from tests.emulator.conftest import Hands, Json

GRAPH = "https://graph.microsoft.com"

TENANT = "5f1c9d1e-9f3b-4a53-8d0c-2f6d0c1b7a42"
OTHER_TENANT = "aa8c1b6e-0a53-4d4c-9c3b-51a8b9a4a001"

ADMIN = "10000000-0000-4000-8000-000000000001"
"""May write all applications."""
OWNER = "10000000-0000-4000-8000-000000000002"
"""May write applications that it owns, and those that nobody owns."""
READER = "10000000-0000-4000-8000-000000000003"
NOBODY = "10000000-0000-4000-8000-000000000004"
"""Without a permission."""
PAYMENTS = "20000000-0000-4000-8000-000000000001"
"""An application that nobody owns."""
OWNED = "20000000-0000-4000-8000-000000000002"
"""One of OWNER's."""
LOCKED = "20000000-0000-4000-8000-000000000003"
"""One of ADMIN's."""
FOREIGN = "20000000-0000-4000-8000-000000000009"
"""One of the other tenant."""
MANAGED = "30000000-0000-4000-8000-000000000001"
"""A managed identity."""
MANAGED_ID = (
    "/subscriptions/40000000-0000-4000-8000-000000000001/resourcegroups/apps"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reports"
)

SEED: Json = {
    "tenants": [{"id": TENANT}, {"id": OTHER_TENANT}],
    "applications": [
        {"appId": ADMIN, "displayName": "admin", "permissions": ["Application.ReadWrite.All"]},
        {
            "appId": OWNER,
            "displayName": "owner",
            "permissions": ["Application.ReadWrite.OwnedBy"],
        },
        {"appId": READER, "displayName": "reader", "permissions": ["Application.Read.All"]},
        {"appId": NOBODY, "displayName": "nobody", "permissions": []},
        {"appId": PAYMENTS, "displayName": "payments"},
        {"appId": OWNED, "displayName": "owned", "owner": OWNER},
        {"appId": LOCKED, "displayName": "locked", "owner": ADMIN},
        {"appId": FOREIGN, "displayName": "foreign", "tenant": OTHER_TENANT},
    ],
    "managedIdentities": [{"resourceId": MANAGED_ID, "clientId": MANAGED, "tenant": TENANT}],
}
for entry in SEED["applications"]:
    entry.setdefault("tenant", TENANT)


@dataclass(slots=True)
class Stage:
    """An emulator, a client of it, and what tests ask most."""

    world: World
    client: httpx.AsyncClient
    hands: Hands
    caller: str = ADMIN
    """Whose token goes with each request."""

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Ask with the caller's token, below /v1.0."""
        sent = {"Authorization": f"Bearer {self.token() if token is None else token}"}
        return await self.client.request(
            method,
            path if path.startswith(("/beta", "/v1.0", "https:")) else f"/v1.0{path}",
            json=body,
            params=query,
            headers=sent | dict(headers or {}),
        )

    async def get(self, path: str, **query: str) -> Json:
        """Return what a GET answers; `top_` stands for `$top`."""
        options = {f"${name.rstrip('_')}": value for name, value in query.items()}
        answer = await self.ask("GET", path, query=options or None)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def token(self, audience: str = GRAPH, caller: str = "", **claims: Any) -> str:
        """Return an access token with an application's claims, some of them changed."""
        client_id = caller or self.caller
        now = int(self.world.clock.now())
        holder = self.application(client_id)
        principal = self.world.directory.principal(holder.tenant, client_id)
        assert principal is not None
        usual = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{holder.tenant}/",
            "appid": client_id,
            "tid": holder.tenant,
            "oid": principal.object_id,
            "roles": list(holder.permissions or ()),
            "nbf": now,
            "iat": now,
            "exp": now + 3599,
        }
        return self.world.signer.sign(usual | claims)

    def application(self, app_id: str) -> Application:
        found = self.world.directory.application(app_id)
        assert found is not None
        return found

    def path(self, app_id: str = PAYMENTS) -> str:
        """The path of an application, by its object id."""
        return f"/applications/{self.application(app_id).object_id}"

    def credentials_path(self, app_id: str = PAYMENTS) -> str:
        return f"{self.path(app_id)}/federatedIdentityCredentials"

    def credentials(self, app_id: str = PAYMENTS) -> list[Credential]:
        return self.world.directory.credentials(self.application(app_id).key).values()

    def calls(self, kind: str) -> list[Call]:
        return self.world.log.calls(kind=kind)

    def set(self, **settings: Any) -> None:
        """Turn faults on."""
        self.world.gate.set(Settings(**settings))


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """The status and code of a refusal, whose form is checked, too."""
    error = answer.json()["error"]
    inner = error["innerError"]
    assert set(error) == {"code", "message", "innerError"}
    assert set(inner) == {"date", "request-id", "client-request-id"}
    assert error["message"]
    assert answer.headers["request-id"] == inner["request-id"]
    assert answer.headers["content-type"].startswith("application/json")
    return answer.status_code, error["code"]


def message(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["message"])


def a_credential(name: str = "cluster-a", **changed: Any) -> Json:
    """The body that makes a credential."""
    return {
        "name": name,
        "issuer": "https://issuer.example/a/",
        "subject": f"system:serviceaccount:apps:{name}",
        "audiences": ["api://AzureADTokenExchange"],
    } | changed
