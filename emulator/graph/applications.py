"""Applications. Making one makes no service principal.

Source: https://learn.microsoft.com/graph/api/resources/application
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from fastapi import Request, Response

from emulator.directory import Application
from emulator.directory.directory import new_id
from emulator.graph import description as d
from emulator.graph.answers import chosen, done, listed, one
from emulator.graph.bodies import ApplicationBody, read_body, required
from emulator.graph.filters import equal_to
from emulator.graph.permissions import ALL
from emulator.graph.refusals import bad
from emulator.graph.shapes import APPLICATIONS, application
from emulator.graph.visit import Visit, reading, writing

_RESOURCE: Final = "Application"


async def list_applications(request: Request) -> Response:
    """Return the applications of the caller's tenant."""
    identity = equal_to("appId", request.query_params.get("$filter"))
    visit = await reading(request, "graph.applications.list", identity)
    found = visit.world.directory.applications.values(visit.at)
    return listed(request, [application(row) for row in found if visit.is_own(row)], APPLICATIONS)


async def create_application(request: Request) -> Response:
    """Make one; who may only write owned ones owns it."""
    visit = await writing(request, "graph.applications.create")
    body = await read_body(request, ApplicationBody, _RESOURCE)
    owners = () if ALL in visit.caller.roles else (visit.caller.client_id,)
    made = Application(
        object_id=new_id(),
        app_id=new_id(),
        tenant=visit.caller.tenant,
        display_name=required(body.display_name, "displayName", _RESOURCE),
        owners=owners,
        permissions=(),
        created=visit.world.clock.now(),
    )
    made = _with(made, body)
    _check_uris(visit, made)
    visit.world.directory.put_application(made, visit.world.clock.moment())
    return one(request, application(made), APPLICATIONS, 201)


async def get_application(request: Request) -> Response:
    """Return one."""
    visit = await reading(request, "graph.applications.get")
    return chosen(request, application(visit.application()), APPLICATIONS)


async def update_application(request: Request) -> Response:
    """Change one."""
    visit = await writing(request, "graph.applications.update")
    before = visit.changing()
    body = await read_body(request, ApplicationBody, _RESOURCE)
    if "display_name" in body.model_fields_set:
        required(body.display_name, "displayName", _RESOURCE)
    wanted = _with(before, body)
    _check_uris(visit, wanted)
    visit.world.directory.put_application(wanted, visit.world.clock.moment())
    return done()


async def delete_application(request: Request) -> Response:
    """Remove one with its credentials and its service principals."""
    visit = await writing(request, "graph.applications.delete")
    found = visit.changing()
    visit.world.directory.delete_application(found, visit.world.clock.moment())
    return done()


def _with(before: Application, body: ApplicationBody) -> Application:
    """Return an application with what a body says; null takes a value away."""
    given = body.model_fields_set
    api = body.api
    return replace(
        before,
        display_name=body.display_name or before.display_name,
        identifier_uris=_texts(body.identifier_uris)
        if "identifier_uris" in given
        else before.identifier_uris,
        tags=_texts(body.tags) if "tags" in given else before.tags,
        token_version=(api.requested_access_token_version or 1)
        if api is not None and "requested_access_token_version" in api.model_fields_set
        else before.token_version,
    )


def _texts(values: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values or ()))


def _check_uris(visit: Visit, wanted: Application) -> None:
    uris = {uri.lower() for uri in wanted.identifier_uris}
    for other in visit.world.directory.applications.values():
        if other.key == wanted.key or not visit.is_own(other):
            continue
        if uris & {uri.lower() for uri in other.identifier_uris}:
            raise bad(
                "Another object with the same value for property identifierUris already exists."
            )


PATHS: Final = ("/applications/{object_id}", "/applications(appId='{app_id}')")
_PROPERTIES: Final = sorted(APPLICATIONS.properties)
_BODY: Final[d.Schema] = {
    "displayName": d.DISPLAY_NAME,
    "identifierUris": {
        "type": ["array", "null"],
        "items": {
            "type": "string",
            "pattern": r"^[a-zA-Z][a-zA-Z0-9+.-]*:[^\s\x00]+$",
            "maxLength": 255,
        },
        "maxItems": 50,
    },
    "tags": d.TAGS,
    "api": {
        "type": ["object", "null"],
        "properties": {"requestedAccessTokenVersion": {"enum": [1, 2, None]}},
    },
}

OPERATIONS: Final = (
    d.Operation(
        "GET",
        "listApplications",
        list_applications,
        ("/applications",),
        {200: d.a_list(d.APPLICATION)},
        query=d.listing(r"^(appId|displayName) eq '[^']*'$", _PROPERTIES),
    ),
    d.Operation(
        "POST",
        "createApplication",
        create_application,
        ("/applications",),
        {201: d.APPLICATION},
        body=d.an_object(_BODY, "displayName"),
    ),
    d.Operation(
        "GET",
        "getApplication",
        get_application,
        PATHS,
        {200: d.APPLICATION},
        query=[d.select(_PROPERTIES)],
    ),
    d.Operation(
        "PATCH",
        "updateApplication",
        update_application,
        PATHS,
        {204: None},
        body=d.an_object(_BODY),
    ),
    d.Operation("DELETE", "deleteApplication", delete_application, PATHS, {204: None}),
)
