"""Finding identities in Microsoft Graph, by client id.

Source: https://learn.microsoft.com/graph/api/resources/serviceprincipal (servicePrincipalType,
alternativeNames)
"""

from collections.abc import Mapping
from typing import Any, Final

from entra.errors import NotFound, Unavailable, Unsupported
from entra.model import Identity, Kind, ResourceId, resource_id
from entra.rates import PUBLISHED, Action, Rates
from entra.service import Call, Service
from entra.wire import text

_PRINCIPAL: Final = (
    "id,appId,displayName,servicePrincipalType,alternativeNames,appOwnerOrganizationId"
)
_APPLICATION: Final = "id,appId,displayName"


class Directory:
    """The service principals and applications of one tenant."""

    def __init__(self, graph: Service, tenant_id: str, rates: Rates = PUBLISHED) -> None:
        self._graph = graph
        self._tenant_id = tenant_id
        self._rates = rates

    async def find(self, client_id: str) -> Identity | None:
        """Return the identity of a client id; None: Graph does not say where it stands.

        Raises `NotFound` where there is no service principal in this tenant, or no application
        behind it, `Unsupported` for principals that can't have credentials, and what `ask` raises.
        """
        principal = await self._read("servicePrincipals", client_id, _PRINCIPAL)
        match text(principal, "servicePrincipalType").lower():
            case "managedidentity":
                return self._managed(client_id, principal)
            case "application":
                # One call tells all where the principal names the tenant that the application
                # belongs to; that is what a program that starts with 500 identities does 500 times.
                owner = text(principal, "appOwnerOrganizationId")
                if owner.lower() != self._tenant_id.lower():
                    await self._application(client_id)
                return self._identity(Kind.APPLICATION, client_id, principal, None)
            case other:
                raise Unsupported(
                    f"{client_id} is a service principal of the type {other or 'unknown'}, which"
                    " has no federated credentials",
                    advice="use an application or a user-assigned managed identity",
                )

    def _managed(self, client_id: str, principal: Mapping[str, Any]) -> Identity | None:
        names = principal.get("alternativeNames")
        names = [name for name in names if isinstance(name, str)] if names else []
        for name in names:
            if place := resource_id(name):
                return self._identity(Kind.MANAGED_IDENTITY, client_id, principal, place)
        if any(name.lower().startswith("/subscriptions/") for name in names):
            raise Unsupported(
                f"{client_id} is a system-assigned managed identity, which has no federated"
                " credentials",
                advice="use an application or a user-assigned managed identity",
            )
        return None

    async def _application(self, client_id: str) -> None:
        """Make sure that the application is in this tenant; raises `NotFound` if not."""
        try:
            await self._read("applications", client_id, _APPLICATION)
        except NotFound as error:
            raise NotFound(
                f"the application {client_id} belongs to another tenant than {self._tenant_id};"
                " only its service principal is here",
                trace=error.trace,
                advice="its credentials are written in the tenant that it belongs to",
            ) from error

    def _identity(
        self, kind: Kind, client_id: str, found: Mapping[str, Any], place: ResourceId | None
    ) -> Identity:
        object_id = text(found, "id")
        if not object_id:
            raise Unavailable(f"the answer makes no sense: {client_id} has no object id in Graph")
        return Identity(
            kind, client_id, self._tenant_id, object_id, place, text(found, "displayName")
        )

    async def _read(self, collection: str, client_id: str, fields: str) -> Mapping[str, Any]:
        reply = await self._graph.ask(
            Call(
                what=f"look {client_id} up among the {_WORDS[collection]}",
                method="GET",
                path=f"/v1.0/{collection}(appId='{client_id}')",
                cost=self._rates.graph(Action.GET, self._tenant_id),
                query={"$select": fields},
            )
        )
        return reply.body


_WORDS: Final = {"servicePrincipals": "service principals", "applications": "applications"}
