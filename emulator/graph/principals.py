"""Service principals, of applications and of managed identities.

Source: https://learn.microsoft.com/graph/api/resources/serviceprincipal
"""

from typing import Final

from fastapi import Request, Response

from emulator.calls.refusal import Refusal
from emulator.directory import ServicePrincipal
from emulator.directory.directory import new_id
from emulator.graph import description as d
from emulator.graph.answers import chosen, done, listed, one
from emulator.graph.bodies import PrincipalBody, read_body
from emulator.graph.filters import equal_to
from emulator.graph.permissions import may_change
from emulator.graph.refusals import LONGEST, denied, taken
from emulator.graph.shapes import PRINCIPALS, principal
from emulator.graph.visit import Visit, reading, writing

_RESOURCE: Final = "ServicePrincipal"


async def list_principals(request: Request) -> Response:
    """Return the service principals of the caller's tenant."""
    identity = equal_to("appId", request.query_params.get("$filter"))
    visit = await reading(request, "graph.principals.list", identity)
    found = visit.world.directory.principals.values(visit.at)
    return listed(request, [principal(row) for row in found if visit.is_own(row)], PRINCIPALS)


async def create_principal(request: Request) -> Response:
    """Make that of an application."""
    visit = await writing(request, "graph.principals.create")
    body = await read_body(request, PrincipalBody, _RESOURCE)
    directory = visit.world.directory
    application = directory.application(body.app_id)
    if application is None or not visit.is_own(application):
        raise Refusal(
            400,
            "NoBackingApplicationObject",
            f"The appId '{body.app_id[:LONGEST]}' of the service principal does not reference a"
            " valid application object.",
        )
    if not may_change(visit.caller, application):
        raise denied()
    if directory.principal(visit.caller.tenant, application.app_id) is not None:
        raise taken(
            "The service principal cannot be created, updated, or restored because the service"
            f" principal name {application.app_id} is already in use."
        )
    made = ServicePrincipal(
        object_id=new_id(),
        app_id=application.app_id,
        tenant=application.tenant,
        display_name=application.display_name,
        tags=tuple(dict.fromkeys(body.tags or ())),
    )
    directory.put_principal(made, visit.world.clock.moment())
    return one(request, principal(made), PRINCIPALS, 201)


async def get_principal(request: Request) -> Response:
    """Return one."""
    visit = await reading(request, "graph.principals.get")
    return chosen(request, principal(visit.principal()), PRINCIPALS)


async def delete_principal(request: Request) -> Response:
    """Remove that of an application; a managed identity's goes with the identity only."""
    visit = await writing(request, "graph.principals.delete")
    found = visit.principal()
    if not _may_delete(visit, found):
        raise denied()
    visit.world.directory.delete_principal(found, visit.world.clock.moment())
    return done()


def _may_delete(visit: Visit, found: ServicePrincipal) -> bool:
    application = visit.world.directory.application(found.app_id)
    return application is not None and may_change(visit.caller, application)


_PATHS: Final = ("/servicePrincipals/{object_id}", "/servicePrincipals(appId='{app_id}')")
_PROPERTIES: Final = sorted(PRINCIPALS.properties)

OPERATIONS: Final = (
    d.Operation(
        "GET",
        "listServicePrincipals",
        list_principals,
        ("/servicePrincipals",),
        {200: d.a_list(d.PRINCIPAL)},
        query=d.listing(r"^(appId|displayName|servicePrincipalType) eq '[^']*'$", _PROPERTIES),
    ),
    d.Operation(
        "POST",
        "createServicePrincipal",
        create_principal,
        ("/servicePrincipals",),
        {201: d.PRINCIPAL},
        body=d.an_object({"appId": d.UUID, "tags": d.TAGS}, "appId"),
    ),
    d.Operation(
        "GET",
        "getServicePrincipal",
        get_principal,
        _PATHS,
        {200: d.PRINCIPAL},
        query=[d.select(_PROPERTIES)],
    ),
    d.Operation("DELETE", "deleteServicePrincipal", delete_principal, _PATHS, {204: None}),
)
