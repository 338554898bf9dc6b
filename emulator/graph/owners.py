"""Owners of applications: service principals, since nobody else signs in here.

Source: https://learn.microsoft.com/graph/api/application-post-owners
"""

import re
from dataclasses import replace
from typing import Final

from fastapi import Request, Response

from emulator.directory import Application, ServicePrincipal
from emulator.graph import description as d
from emulator.graph.answers import done, listed
from emulator.graph.applications import PATHS
from emulator.graph.bodies import Reference, read_body
from emulator.graph.refusals import bad, not_found
from emulator.graph.shapes import PRINCIPALS, principal
from emulator.graph.visit import Visit, reading, writing

_LINK: Final = re.compile(r".*/(?:directoryObjects|servicePrincipals)/([^/()]+)", re.IGNORECASE)


async def list_owners(request: Request) -> Response:
    """Return the owners that have a service principal."""
    visit = await reading(request, "graph.owners.list")
    parent = visit.application()
    found = [
        visit.world.directory.principal(parent.tenant, owner, visit.at) for owner in parent.owners
    ]
    rows = [
        {"@odata.type": "#microsoft.graph.servicePrincipal"} | principal(owner)
        for owner in found
        if owner is not None
    ]
    return listed(request, rows, PRINCIPALS)


async def add_owner(request: Request) -> Response:
    """Add one; from now on only owners change the application by the permission for owned ones."""
    visit = await writing(request, "graph.owners.add")
    parent = visit.changing()
    link = (await read_body(request, Reference, "owners")).id
    match = _LINK.fullmatch(link)
    if match is None:
        raise bad("Invalid URL format specified in payload: expected .../directoryObjects/{id}.")
    owner = _principal(visit, match[1])
    if _owns(owner, parent):
        raise bad(
            "One or more added object references already exist for the following modified"
            " properties: 'owners'."
        )
    _put(visit, replace(parent, owners=(*parent.owners, owner.app_id)))
    return done()


async def remove_owner(request: Request) -> Response:
    """Remove one; not the last, which would open the application to all."""
    visit = await writing(request, "graph.owners.remove")
    parent = visit.changing()
    owner = _principal(visit, request.path_params["principal_id"])
    if not _owns(owner, parent):
        raise not_found(owner.object_id)
    left = tuple(one for one in parent.owners if one.lower() != owner.app_id.lower())
    if not left:
        raise bad(
            "The application must have at least one owner, hence this owner can't be removed."
        )
    _put(visit, replace(parent, owners=left))
    return done()


def _principal(visit: Visit, object_id: str) -> ServicePrincipal:
    found = visit.world.directory.principals.get(object_id)
    if found is None or not visit.is_own(found):
        raise not_found(object_id)
    return found


def _owns(owner: ServicePrincipal, parent: Application) -> bool:
    return owner.app_id.lower() in {one.lower() for one in parent.owners}


def _put(visit: Visit, application: Application) -> None:
    visit.world.directory.put_application(application, visit.world.clock.moment())


_REFERENCE: Final[d.Schema] = {
    "type": "string",
    "pattern": r"^https://[a-z.]+/v1\.0/directoryObjects/[0-9a-f-]{36}$",
}

OPERATIONS: Final = (
    d.Operation(
        "GET",
        "listOwners",
        list_owners,
        [f"{path}/owners" for path in PATHS],
        {200: d.a_list(d.PRINCIPAL)},
        query=d.listing(r"^(appId|displayName) eq '[^']*'$", sorted(PRINCIPALS.properties)),
    ),
    d.Operation(
        "POST",
        "addOwner",
        add_owner,
        [f"{path}/owners/$ref" for path in PATHS],
        {204: None},
        body=d.an_object({"@odata.id": _REFERENCE}, "@odata.id"),
    ),
    d.Operation(
        "DELETE",
        "removeOwner",
        remove_owner,
        [f"{path}/owners/{{principal_id}}/$ref" for path in PATHS],
        {204: None},
    ),
)
