"""Role definitions: the built-in ones, the same at every scope.

Source: https://learn.microsoft.com/rest/api/authorization/role-definitions
"""

from typing import Final

from fastapi import APIRouter, Request, Response

from emulator.any_case import AnyCase
from emulator.arm.arrival import Arrival, Errand, arrive
from emulator.arm.described import Guid, described
from emulator.arm.filters import clauses
from emulator.arm.kinds import ROLE_DEFINITIONS
from emulator.arm.roles import ROLES, Role
from emulator.arm.scopes import RoleCall, Scope, at_every_scope, scope_of
from emulator.arm.shapes import RoleDefinitionBody, RoleDefinitionList, definition_body
from emulator.calls.refusal import Refusal

router = APIRouter(route_class=AnyCase)

_FILTERS: Final = frozenset({"rolename", "type", "atscope()", "atscopeandbelow()"})


@at_every_scope(
    router,
    RoleCall(
        "GET",
        ROLE_DEFINITIONS,
        "listRoleDefinitions",
        {200: {"model": RoleDefinitionList}},
        described(ROLE_DEFINITIONS, filtered=True),
    ),
)
async def listed(request: Request) -> Response:
    """List roles; `$filter=roleName eq 'Reader'` finds one by its name."""
    arrival, scope = await _arrive(request, "list")
    wanted = clauses(arrival.query.get("$filter", ""), _FILTERS)
    found = [
        role
        for role in ROLES
        if wanted.get("rolename", role.name).lower() == role.name.lower()
        and wanted.get("type", "BuiltInRole").lower() == "builtinrole"
    ]
    return arrival.answer(
        RoleDefinitionList(value=[definition_body(scope.id, role) for role in found])
    )


@at_every_scope(
    router,
    RoleCall(
        "GET",
        ROLE_DEFINITIONS,
        "getRoleDefinition",
        {200: {"model": RoleDefinitionBody}},
        described(ROLE_DEFINITIONS),
        named="role",
    ),
)
async def one(role: Guid, request: Request) -> Response:
    """Tell a role."""
    arrival, scope = await _arrive(request, "get")
    found = role_of(role)
    if found is None:
        raise absent(404, role)
    return arrival.answer(definition_body(scope.id, found))


def role_of(guid: str) -> Role | None:
    """Find a role by its GUID."""
    return next((role for role in ROLES if role.id == guid.lower()), None)


def absent(status: int, guid: str) -> Refusal:
    """Say that there is no such role: 404 to who asks for it, 400 to who would assign it."""
    return Refusal(
        status,
        "RoleDefinitionDoesNotExist",
        f"The specified role definition with ID '{guid[:100]}' does not exist.",
    )


async def _arrive(request: Request, what: str) -> tuple[Arrival, Scope]:
    scope = scope_of(request, ROLE_DEFINITIONS)
    name = f"arm.role-definitions.{what}"
    errand = Errand(name, ROLE_DEFINITIONS, "read", scope.id, scope.subscription)
    arrival = await arrive(request, errand)
    scope.check()
    return arrival, scope
