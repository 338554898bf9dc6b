"""Federated credentials of user-assigned managed identities, behind Azure Resource Manager.

Source: https://learn.microsoft.com/rest/api/managedidentity/federated-identity-credentials
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from entra.credentials import there_already
from entra.errors import Conflict, Invalid, NotFound, Unavailable
from entra.mapping import RESOURCE_MANAGER
from entra.model import FederatedCredential, Identity, ResourceId
from entra.rates import PUBLISHED, Rates
from entra.service import Call, Service
from entra.wire import action, errand, properties, read_credential, segment
from identity.faults import quoted

API_VERSION: Final = "2023-01-31"
"""The first stable one with federated credentials: every cloud that has them knows it."""


class ResourceManagerCredentials:
    """`entra.credentials.Credentials` of managed identities."""

    def __init__(self, resource_manager: Service, rates: Rates = PUBLISHED) -> None:
        self._resource_manager = resource_manager
        self._rates = rates

    async def list(self, identity: Identity) -> tuple[FederatedCredential, ...]:
        """See `Credentials`."""
        call = self._call("GET", identity)
        return tuple([_read(item) async for item in self._resource_manager.pages(call)])

    async def get(self, identity: Identity, name: str) -> FederatedCredential | None:
        """See `Credentials`."""
        try:
            reply = await self._resource_manager.ask(self._call("GET", identity, name))
        except NotFound:
            return None
        return _read(reply.body)

    async def create(self, identity: Identity, wanted: FederatedCredential) -> FederatedCredential:
        """See `Credentials`. A PUT: what has this name already is written over."""
        call = self._call("PUT", identity, wanted.name, {"properties": properties(wanted)})
        try:
            reply = await self._resource_manager.ask(call)
        except Conflict as conflict:
            return await there_already(self, identity, wanted, conflict)
        return _read(reply.body)

    async def update(self, identity: Identity, wanted: FederatedCredential) -> FederatedCredential:
        """See `Credentials`. The same PUT as of `create`."""
        return await self.create(identity, wanted)

    async def delete(self, identity: Identity, name: str) -> bool:
        """See `Credentials`. 200 says that it was there, 204 that it was not."""
        try:
            reply = await self._resource_manager.ask(self._call("DELETE", identity, name))
        except NotFound:
            return False
        return reply.status != 204

    def _call(
        self, method: str, identity: Identity, name: str = "", body: Mapping[str, Any] | None = None
    ) -> Call:
        resource = identity.resource
        if resource is None:
            raise Invalid(f"the managed identity {identity.client_id} has no resource id")
        one = f"/{segment(name)}" if name else ""
        return Call(
            what=errand(method, name, identity),
            method=method,
            path=f"{resource_path(resource)}/federatedIdentityCredentials{one}",
            cost=self._rates.resource_manager(
                action(method, name), identity.tenant_id, resource.subscription, resource.folded
            ),
            query={"api-version": API_VERSION},
            body=body,
        )


def resource_path(resource: ResourceId) -> str:
    """Return a managed identity's path, quoted; raise `Invalid` for a step out of it."""
    if {".", ".."} & {resource.subscription, resource.group, resource.name}:
        raise Invalid(f"{quoted(str(resource))} is no resource id")
    return quote(str(resource), "/")


def _read(item: Mapping[str, Any]) -> FederatedCredential:
    inner = item.get("properties")
    if not isinstance(inner, dict):
        raise Unavailable("the answer makes no sense: a federated credential has no properties")
    return read_credential(RESOURCE_MANAGER, item, inner)
