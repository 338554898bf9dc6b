"""Role assignments, enough for a command line that grants roles to identities.

Source: https://learn.microsoft.com/rest/api/authorization/role-assignments
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from fastapi import APIRouter, Request, Response

from emulator.any_case import AnyCase
from emulator.arm import words
from emulator.arm.access import is_within
from emulator.arm.arrival import Arrival, Errand, Verb, arrive
from emulator.arm.definitions import absent, role_of
from emulator.arm.described import ASSIGNMENT, Guid, described
from emulator.arm.filters import clauses
from emulator.arm.kinds import ROLE_ASSIGNMENTS
from emulator.arm.paging import cut
from emulator.arm.scopes import RoleCall, Scope, at_every_scope, scope_of
from emulator.arm.shapes import RoleAssignmentBody, RoleAssignmentList, assignment_body
from emulator.calls.refusal import Refusal, Surface
from emulator.directory import RoleAssignment
from emulator.web import Json, json_body

router = APIRouter(route_class=AnyCase)

_FILTERS: Final = frozenset({"principalid", "assignedto()", "atscope()"})
_GUID: Final = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_OTHERS: Final = frozenset({"User", "Group", "ForeignGroup", "Device"})
"""Types of principals that the emulator holds none of, so that it believes every id."""


@at_every_scope(
    router,
    RoleCall(
        "GET",
        ROLE_ASSIGNMENTS,
        "listRoleAssignments",
        {200: {"model": RoleAssignmentList}},
        described(ROLE_ASSIGNMENTS, paged=True, filtered=True),
    ),
)
async def listed(request: Request) -> Response:
    """List what is assigned at a scope, above it and within it; `atScope()` leaves that out.

    `principalId eq '...'` and `assignedTo('...')` are the same here, where groups have no members.
    """
    arrival, scope = await _arrive(request, "list", "read")
    wanted = clauses(arrival.query.get("$filter", ""), _FILTERS)
    world = arrival.world
    rows = world.directory.assignments.values(world.gate.read_at())
    seen = [row for row in rows if _is_of_tenant(arrival, row)]
    page = cut(((row.id, row) for row in _asked(seen, scope, wanted)), arrival.query)
    value = [assignment_body(row) for row in page.items]
    return arrival.answer(RoleAssignmentList(value=value, next_link=arrival.link(page.after)))


@at_every_scope(
    router,
    RoleCall(
        "GET",
        ROLE_ASSIGNMENTS,
        "getRoleAssignment",
        {200: {"model": RoleAssignmentBody}},
        described(ROLE_ASSIGNMENTS),
        named="assignment",
    ),
)
async def one(assignment: Guid, request: Request) -> Response:
    """Tell an assignment."""
    arrival, scope = await _arrive(request, "get", "read")
    world = arrival.world
    found = world.directory.assignments.get(_id(scope, assignment), world.gate.read_at())
    if found is None:
        raise Refusal(
            404,
            "RoleAssignmentNotFound",
            f"The role assignment '{assignment[:100]}' is not found.",
        )
    return arrival.answer(assignment_body(found))


@at_every_scope(
    router,
    RoleCall(
        "PUT",
        ROLE_ASSIGNMENTS,
        "putRoleAssignment",
        {200: {"model": RoleAssignmentBody}, 201: {"model": RoleAssignmentBody}},
        described(ROLE_ASSIGNMENTS, body=ASSIGNMENT),
        named="assignment",
    ),
)
async def put(assignment: Guid, request: Request) -> Response:
    """Assign a role. The same once more is 200; the same under another name is a conflict."""
    arrival, scope = await _arrive(request, "put", "write")
    key = _id(scope, assignment)
    properties = _properties(await json_body(request, Surface.ARM))
    wanted = _read(properties, scope, assignment)
    _check_principal(arrival, wanted, typed="principalType" in properties)
    world = arrival.world
    there = world.directory.assignments.get(key)
    _check_beside(wanted, there, world.directory.assignments.values())
    world.directory.assignments.put(key, wanted, world.clock.moment())
    return arrival.answer(assignment_body(wanted), 201 if there is None else 200)


@at_every_scope(
    router,
    RoleCall(
        "DELETE",
        ROLE_ASSIGNMENTS,
        "deleteRoleAssignment",
        {200: {"model": RoleAssignmentBody}, 204: {"description": "Not there"}},
        described(ROLE_ASSIGNMENTS),
        named="assignment",
    ),
)
async def delete(assignment: Guid, request: Request) -> Response:
    """Take a role away, and tell what it was."""
    arrival, scope = await _arrive(request, "delete", "delete")
    world = arrival.world
    gone = world.directory.assignments.delete(_id(scope, assignment), world.clock.moment())
    return arrival.empty(204) if gone is None else arrival.answer(assignment_body(gone))


async def _arrive(request: Request, what: str, verb: Verb) -> tuple[Arrival, Scope]:
    scope = scope_of(request, ROLE_ASSIGNMENTS)
    name = f"arm.role-assignments.{what}"
    errand = Errand(name, ROLE_ASSIGNMENTS, verb, scope.id, scope.subscription)
    arrival = await arrive(request, errand)
    scope.check()
    return arrival, scope


def _id(scope: Scope, name: str) -> str:
    if not _GUID.fullmatch(name):
        raise Refusal(
            400,
            "InvalidRoleAssignmentId",
            f"The role assignment ID '{name[:100]}' is not valid. The role assignment ID must be a"
            " GUID.",
        )
    return RoleAssignment(name, scope.id, "", "").id


def _is_of_tenant(arrival: Arrival, row: RoleAssignment) -> bool:
    inside = Scope(row.scope.rstrip("/")).subscription
    found = arrival.world.directory.subscriptions.get(inside)
    tenant = arrival.caller.tenant.lower()
    return not inside or (found is not None and found.tenant.lower() == tenant)


def _asked(
    rows: list[RoleAssignment], scope: Scope, wanted: Mapping[str, str]
) -> Iterator[RoleAssignment]:
    principals = {
        wanted[name].lower() for name in ("principalid", "assignedto()") if name in wanted
    }
    for row in rows:
        below = is_within(row.scope, scope.id) and "atscope()" not in wanted
        if not (below or is_within(scope.id, row.scope)):
            continue
        if principals <= {row.principal_id.lower()}:
            yield row


def _properties(body: Json) -> Json:
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise words.invalid("properties with a roleDefinitionId and a principalId are missing")
    return properties


def _read(properties: Json, scope: Scope, name: str) -> RoleAssignment:
    definition, principal = properties.get("roleDefinitionId"), properties.get("principalId")
    if not isinstance(definition, str) or not isinstance(principal, str):
        raise words.invalid("roleDefinitionId and principalId must be texts")
    if not _GUID.fullmatch(principal):
        raise Refusal(
            400, "InvalidPrincipalId", f"The Principal ID '{principal[:100]}' is not valid."
        )
    role = role_of(definition.rpartition("/")[2])
    if role is None:
        raise absent(400, definition.rpartition("/")[2])
    kind = properties.get("principalType", "ServicePrincipal")
    if not isinstance(kind, str) or kind not in _OTHERS | {"ServicePrincipal"}:
        raise words.invalid(f"principalType must be ServicePrincipal, {', '.join(sorted(_OTHERS))}")
    return RoleAssignment(name, scope.id or "/", principal, role.id, kind)


def _check_principal(arrival: Arrival, wanted: RoleAssignment, *, typed: bool) -> None:
    """Refuse one that is not there, or so new that not all of Azure knows of it.

    Whoever says the principal's type does not meet the second. Source:
    https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---assigning-a-role-to-a-new-principal-sometimes-fails
    """
    if wanted.principal_type in _OTHERS:
        return
    world, tenant = arrival.world, arrival.caller.tenant
    at = None if typed else world.gate.known_at()
    found = world.directory.principals.get(wanted.principal_id, at)
    if found is None or found.tenant.lower() != tenant.lower():
        raise Refusal(
            400,
            "PrincipalNotFound",
            f"Principal {wanted.principal_id.replace('-', '')} does not exist in the directory"
            f" {tenant}. Check that you have the correct principal ID. If you are creating this"
            " principal and then immediately assigning a role, this error might be related to a"
            " replication delay. In this case, set the role assignment principalType property to a"
            " value, such as ServicePrincipal, User, or Group.",
        )


def _check_beside(
    wanted: RoleAssignment, there: RoleAssignment | None, others: list[RoleAssignment]
) -> None:
    if there is not None:
        if _essence(there) != _essence(wanted):
            raise Refusal(
                409,
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            )
        return
    for other in others:
        if _essence(other) == _essence(wanted):
            raise Refusal(
                409,
                "RoleAssignmentExists",
                "The role assignment already exists. The ID of the existing role assignment is"
                f" {other.name.replace('-', '')}.",
            )


def _essence(row: RoleAssignment) -> tuple[str, str, str]:
    return row.scope.lower().rstrip("/"), row.principal_id.lower(), row.role_definition.lower()
