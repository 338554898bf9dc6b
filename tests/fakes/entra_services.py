"""Graph and Resource Manager as an httpx transport: it keeps state, and fails on demand.

    services = FakeServices()
    app = services.application("billing")
    services.fail("POST .*/federatedIdentityCredentials", refusal(503, "serviceNotAvailable"))
    httpx.AsyncClient(transport=services)

Small on purpose: what real SDKs and every rule of the vendor need is in the emulator.
"""

import asyncio
import json
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx

from entra import endpoints
from entra.model import Identity, Kind, ResourceId
from entra.tokens import AccessToken

GRAPH = "https://graph.example"
RESOURCE_MANAGER = "https://arm.example"
ENDPOINTS = endpoints.Endpoints("https://login.example", RESOURCE_MANAGER, GRAPH)
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
SUBSCRIPTION = "5a1c0f0e-57d0-4c5d-9e1a-0d2f6a7b8c9d"

Json = dict[str, Any]
Fails = Callable[[], httpx.Response]


def refusal(status: int, code: str = "", message: str = "no", **headers: str) -> Fails:
    """Return a service's refusal; header names are written with `_` for `-`."""
    body = {"error": {"code": code, "message": message}}
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: httpx.Response(status, json=body, headers=sent)


def answer(status: int, content: bytes = b"", **headers: str) -> Fails:
    """Return any answer at all."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: httpx.Response(status, content=content, headers=sent)


def breaks(error: Exception) -> Fails:
    """Return what breaks the connection with an error of httpx."""

    def fail() -> httpx.Response:
        raise error

    return fail


@dataclass
class Fault:
    """What happens to the next calls that match."""

    pattern: str
    fails: Fails
    times: int
    after_doing: bool
    """The service does what it was asked, and only its answer is lost."""


@dataclass
class Keeper:
    """One identity as its service keeps it."""

    identity: Identity
    credentials: dict[str, Json] = field(default_factory=dict)
    before: list[tuple[float, dict[str, Json]]] = field(default_factory=list)
    """What was there before each write, and when it was: what stale reads show."""
    writing: int = 0


@dataclass
class FakeTokens:
    """Signs in each time that it is asked and has no token; counts."""

    sign_ins: Counter[str] = field(default_factory=Counter)
    kept: dict[str, AccessToken] = field(default_factory=dict)
    forgotten: int = 0

    async def token(self, scope: str) -> AccessToken:
        if scope not in self.kept:
            self.sign_ins[scope] += 1
            value = f"token-{self.sign_ins[scope]}-for-{scope}"
            self.kept[scope] = AccessToken(value, expires_on=1e10)
        return self.kept[scope]

    def forget(self, scope: str, token: AccessToken) -> None:
        if self.kept.get(scope) == token:
            self.forgotten += 1
            del self.kept[scope]


class FakeServices(httpx.AsyncBaseTransport):
    """Both services, at the two URLs of `ENDPOINTS`."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.keepers: dict[str, Keeper] = {}
        """By the path of their credentials."""
        self.principals: dict[str, Json] = {}
        self.page_size = 100
        self.latency = 0.0
        self.stale_reads = 0
        """So many of the next lists show what was there before the last write."""
        self.stale_by = 1
        """How many writes they are behind."""
        self.refused_tokens: set[str] = set()
        self.closed = False
        self._faults: list[Fault] = []

    def application(self, name: str) -> Identity:
        client_id, object_id = str(uuid.uuid4()), str(uuid.uuid4())
        identity = Identity(Kind.APPLICATION, client_id, TENANT, object_id, name=name)
        self._keep(f"/v1.0/applications(appId='{client_id}')", identity)
        self.principals[client_id] = {
            "id": object_id,
            "appId": client_id,
            "displayName": name,
            "servicePrincipalType": "Application",
            "alternativeNames": [],
            "appOwnerOrganizationId": TENANT,
        }
        return identity

    def managed_identity(self, name: str, subscription: str = SUBSCRIPTION) -> Identity:
        client_id, object_id = str(uuid.uuid4()), str(uuid.uuid4())
        place = ResourceId(subscription, "group", name)
        identity = Identity(Kind.MANAGED_IDENTITY, client_id, TENANT, object_id, place, name)
        self._keep(str(place), identity)
        self.principals[client_id] = {
            "id": object_id,
            "appId": client_id,
            "displayName": name,
            "servicePrincipalType": "ManagedIdentity",
            "alternativeNames": ["isExplicit=True", str(place)],
        }
        return identity

    def there(self, identity: Identity) -> dict[str, Json]:
        """Return what an identity really has, by name."""
        return self.keeper(identity).credentials

    def keeper(self, identity: Identity) -> Keeper:
        return next(kept for kept in self.keepers.values() if kept.identity == identity)

    def put(self, identity: Identity, name: str, issuer: str, subject: str) -> None:
        """Add a credential as somebody else would."""
        self.there(identity)[name] = {
            "issuer": issuer,
            "subject": subject,
            "audiences": ["api://AzureADTokenExchange"],
        }

    def fail(
        self, pattern: str, fails: Fails, *, times: int = 1, after_doing: bool = False
    ) -> None:
        """Let the next calls fail whose `METHOD path` matches."""
        self._faults.append(Fault(pattern, fails, times, after_doing))

    def clear_faults(self) -> None:
        self._faults.clear()

    def calls(self, pattern: str = "") -> list[str]:
        """Return `METHOD path` of all calls that match."""
        told = (f"{request.method} {request.url.path}" for request in self.requests)
        return [call for call in told if re.search(pattern, call)]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        await asyncio.sleep(self.latency)
        fault = self._fault(f"{request.method} {request.url.path}")
        if fault and not fault.after_doing:
            return fault.fails()
        done = await self._answer(request)
        return fault.fails() if fault else done

    def shown(self, keeper: Keeper) -> dict[str, Json]:
        """Return what a read shows."""
        if self.stale_reads and keeper.before:
            self.stale_reads -= 1
            return keeper.before[-min(self.stale_by, len(keeper.before))][1]
        return keeper.credentials

    async def aclose(self) -> None:
        self.closed = True

    def _keep(self, path: str, identity: Identity) -> None:
        self.keepers[f"{path}/federatedIdentityCredentials".lower()] = Keeper(identity)

    def _fault(self, call: str) -> Fault | None:
        for fault in self._faults:
            if fault.times and re.search(fault.pattern, call):
                fault.times -= 1
                return fault
        return None

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        token = request.headers["authorization"].removeprefix("Bearer ")
        root = f"{request.url.scheme}://{request.url.host}"
        if not token.endswith(f"{root}/.default") or token in self.refused_tokens:
            return refusal(401, "InvalidAuthenticationToken", "Access token is not valid.")()
        path = request.url.path
        if match := re.fullmatch(r"(.*/federatedIdentityCredentials)(?:/([^/]+))?", path):
            keeper = self.keepers.get(match[1].lower())
            if keeper is None:
                return _not_found(request)
            if request.method == "GET":
                return self._read(request, keeper, match[2])
            return await self._write(request, keeper, match[2])
        if match := re.fullmatch(r"/v1\.0/(\w+)\(appId='(.*)'\)", path):
            return self._principal(request, match[1], match[2])
        return self._identities(request)

    def _read(self, request: httpx.Request, keeper: Keeper, name: str | None) -> httpx.Response:
        shown = self.shown(keeper)
        if name is None:
            items = [_shown(request, key, value) for key, value in shown.items()]
            return self._page(request, items)
        if name not in shown:
            return _not_found(request)
        return httpx.Response(200, json=_shown(request, name, shown[name]))

    def _page(self, request: httpx.Request, items: list[Json]) -> httpx.Response:
        query = parse_qs(request.url.query.decode())
        start = int(query.get("skip", ["0"])[0])
        body: Json = {"value": items[start : start + self.page_size]}
        if start + self.page_size < len(items):
            link = request.url.copy_merge_params({"skip": str(start + self.page_size)})
            body["@odata.nextLink" if _is_graph(request) else "nextLink"] = str(link)
        return httpx.Response(200, json=body)

    async def _write(
        self, request: httpx.Request, keeper: Keeper, name: str | None
    ) -> httpx.Response:
        if keeper.writing:
            return refusal(
                409, "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"
            )()
        keeper.writing += 1
        try:
            await asyncio.sleep(self.latency)
            before = dict(keeper.credentials)
            answered = self._change(request, keeper.credentials, name)
            if keeper.credentials != before:
                keeper.before.append((asyncio.get_running_loop().time(), before))
            return answered
        finally:
            keeper.writing -= 1

    def _change(
        self, request: httpx.Request, there: dict[str, Json], name: str | None
    ) -> httpx.Response:
        if request.method == "DELETE":
            if there.pop(name or "", None) is None:
                return _not_found(request) if _is_graph(request) else httpx.Response(204)
            return httpx.Response(204 if _is_graph(request) else 200)
        sent = json.loads(request.content)
        wanted = {key: value for key, value in sent.get("properties", sent).items() if value}
        name = name or wanted.pop("name")
        if request.method == "PATCH" and name not in there:
            return _not_found(request)
        if refused := _refused(request, there, name, wanted):
            return refused
        new = name not in there
        there[name] = wanted
        if request.method == "PATCH":
            return httpx.Response(204)
        return httpx.Response(201 if new else 200, json=_shown(request, name, wanted))

    def _principal(self, request: httpx.Request, collection: str, client_id: str) -> httpx.Response:
        principal = self.principals.get(client_id)
        if principal is None:
            return _not_found(request)
        if collection == "servicePrincipals":
            return httpx.Response(200, json=principal)
        for keeper in self.keepers.values():
            identity = keeper.identity
            if identity.client_id == client_id and identity.kind is Kind.APPLICATION:
                body = {"id": identity.object_id, "appId": client_id, "displayName": identity.name}
                return httpx.Response(200, json=body)
        return _not_found(request)

    def _identities(self, request: httpx.Request) -> httpx.Response:
        items = {str(one["id"]).lower(): one for one in self._managed()}
        path = request.url.path
        if path.lower() in items:
            return httpx.Response(200, json=items[path.lower()])
        if match := re.fullmatch(
            r"(/subscriptions/[^/]+)/providers/.*/userAssignedIdentities", path
        ):
            return self._page(
                request, [one for key, one in items.items() if key.startswith(match[1])]
            )
        return _not_found(request)

    def _managed(self) -> Iterator[Json]:
        for keeper in self.keepers.values():
            identity = keeper.identity
            if identity.resource:
                yield {
                    "id": str(identity.resource),
                    "name": identity.name,
                    "properties": {
                        "clientId": identity.client_id,
                        "principalId": identity.object_id,
                        "tenantId": identity.tenant_id,
                    },
                }


def _refused(
    request: httpx.Request, there: Mapping[str, Json], name: str, wanted: Json
) -> httpx.Response | None:
    pair = (wanted["issuer"], wanted["subject"])
    if request.method == "POST" and name in there:
        return refusal(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            f"FederatedIdentityCredential with name {name} already exists.",
        )()
    if any((one["issuer"], one["subject"]) == pair for key, one in there.items() if key != name):
        if _is_graph(request):
            return refusal(
                400,
                "InvalidFederatedIdentityCredentialValue",
                "The combination of issuer and subject must be unique for the application.",
            )()
        return refusal(
            400,
            "BadRequest",
            "Issuer and subject combination already exists for this Managed Identity.",
        )()
    if len(there) >= 20 and name not in there:
        return refusal(400, "BadRequest", "Too many federated credentials.")()
    return None


def _shown(request: httpx.Request, name: str, kept: Json) -> Json:
    if _is_graph(request):
        return {"id": f"id-of-{name}", "name": name, "description": None, **kept}
    all_of_them = request.url.path.removesuffix(f"/{name}")
    return {"id": f"{all_of_them}/{name}", "name": name, "properties": kept}


def _not_found(request: httpx.Request) -> httpx.Response:
    code = "Request_ResourceNotFound" if _is_graph(request) else "ResourceNotFound"
    return refusal(404, code, f"{request.url.path} was not found.")()


def _is_graph(request: httpx.Request) -> bool:
    return request.url.host == "graph.example"
