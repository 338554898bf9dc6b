"""Finding user-assigned managed identities in Azure Resource Manager.

Source: https://learn.microsoft.com/rest/api/managedidentity/user-assigned-identities
"""

from collections.abc import Mapping
from typing import Any

from entra.arm import API_VERSION, resource_path
from entra.errors import Invalid, Unavailable
from entra.model import Identity, Kind, ResourceId, resource_id
from entra.rates import PUBLISHED, Action, Cost, Rates
from entra.service import Call, Service
from entra.wire import text
from identity.account import is_uuid
from identity.faults import quoted


class ManagedIdentities:
    """The managed identities of subscriptions, as one tenant's program may see them."""

    def __init__(self, resource_manager: Service, tenant_id: str, rates: Rates = PUBLISHED) -> None:
        self._resource_manager = resource_manager
        self._tenant_id = tenant_id
        self._rates = rates

    async def get(self, resource: ResourceId) -> Identity:
        """Return the identity at a resource id; raises `NotFound` and what `ask` raises."""
        cost = self._rates.resource_manager(
            Action.GET, self._tenant_id, resource.subscription, resource.folded
        )
        call = _call(f"read {resource}", resource_path(resource), cost)
        return _identity((await self._resource_manager.ask(call)).body)

    async def list(self, subscription: str) -> tuple[Identity, ...]:
        """Return all identities of a subscription that we may see."""
        if not is_uuid(subscription):
            raise Invalid(f"the subscription {quoted(subscription)} is no UUID")
        cost = self._rates.resource_manager(Action.LIST, self._tenant_id, subscription)
        path = (
            f"/subscriptions/{subscription}/providers/Microsoft.ManagedIdentity"
            "/userAssignedIdentities"
        )
        call = _call(f"list the identities of subscription {subscription}", path, cost)
        return tuple([_identity(item) async for item in self._resource_manager.pages(call)])


def _call(what: str, path: str, cost: Cost) -> Call:
    return Call(what, "GET", path, cost, query={"api-version": API_VERSION})


def _identity(item: Mapping[str, Any]) -> Identity:
    place = resource_id(text(item, "id"))
    inner = item.get("properties")
    inner = inner if isinstance(inner, dict) else {}
    client_id, object_id, tenant_id = (
        text(inner, field) for field in ("clientId", "principalId", "tenantId")
    )
    if place is None or not all(map(is_uuid, (client_id, object_id, tenant_id))):
        raise Unavailable(
            "the answer makes no sense: a managed identity lacks its resource id, client id,"
            " principal id or tenant id"
        )
    return Identity(
        Kind.MANAGED_IDENTITY, client_id.lower(), tenant_id, object_id, place, text(item, "name")
    )
