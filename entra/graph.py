"""Federated credentials of applications, behind Microsoft Graph.

Source: https://learn.microsoft.com/graph/api/resources/federatedidentitycredentials-overview
"""

from collections.abc import Mapping
from typing import Any

from entra.credentials import there_already
from entra.errors import Conflict, NotFound
from entra.mapping import GRAPH
from entra.model import FederatedCredential, Identity
from entra.rates import PUBLISHED, Rates
from entra.service import Call, Service
from entra.wire import action, errand, properties, read_credential, segment


class GraphCredentials:
    """`entra.credentials.Credentials` of applications."""

    def __init__(self, graph: Service, rates: Rates = PUBLISHED) -> None:
        self._graph = graph
        self._rates = rates

    async def list(self, identity: Identity) -> tuple[FederatedCredential, ...]:
        """See `Credentials`."""
        call = self._call("GET", identity)
        return tuple([_read(item) async for item in self._graph.pages(call)])

    async def get(self, identity: Identity, name: str) -> FederatedCredential | None:
        """See `Credentials`."""
        try:
            reply = await self._graph.ask(self._call("GET", identity, name))
        except NotFound:
            return None
        return _read(reply.body)

    async def create(self, identity: Identity, wanted: FederatedCredential) -> FederatedCredential:
        """See `Credentials`. By POST, which never writes over somebody's credential."""
        body = {"name": wanted.name, **properties(wanted)}
        if wanted.description:
            body["description"] = wanted.description
        try:
            reply = await self._graph.ask(self._call("POST", identity, wanted.name, body))
        except Conflict as conflict:
            return await there_already(self, identity, wanted, conflict)
        return _read(reply.body)

    async def update(self, identity: Identity, wanted: FederatedCredential) -> FederatedCredential:
        """See `Credentials`."""
        body = {**properties(wanted), "description": wanted.description or None}
        try:
            await self._graph.ask(self._call("PATCH", identity, wanted.name, body))
        except Conflict as conflict:
            return await there_already(self, identity, wanted, conflict)
        return wanted

    async def delete(self, identity: Identity, name: str) -> bool:
        """See `Credentials`."""
        try:
            await self._graph.ask(self._call("DELETE", identity, name))
        except NotFound:
            return False
        return True

    def _call(
        self, method: str, identity: Identity, name: str = "", body: Mapping[str, Any] | None = None
    ) -> Call:
        path = f"/v1.0/applications(appId='{identity.client_id}')/federatedIdentityCredentials"
        one = f"/{segment(name)}" if name else ""
        return Call(
            what=errand(method, name, identity),
            method=method,
            path=path if method == "POST" else path + one,
            cost=self._rates.graph(action(method, name), identity.tenant_id),
            body=body,
        )


def _read(item: Mapping[str, Any]) -> FederatedCredential:
    return read_credential(GRAPH, item, item)
