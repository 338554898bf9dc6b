"""Who may do what where, by the roles that are assigned.

Source: https://learn.microsoft.com/azure/role-based-access-control/overview
"""

from emulator.arm import words
from emulator.arm.roles import role_named
from emulator.bearer import Caller
from emulator.world import World


def check_access(world: World, caller: Caller, action: str, scope: str) -> None:
    """Refuse what no role at the scope or above it allows. Raises Refusal (403).

    Unless role assignments are enforced, everybody with a token may do everything.
    """
    if not world.enforce_role_assignments:
        return
    for assignment in world.directory.assignments.values():
        role = role_named(assignment.role_definition)
        if (
            assignment.principal_id.lower() == caller.object_id
            and is_within(scope, assignment.scope)
            and role is not None
            and role.allows(action)
        ):
            return
    raise words.not_allowed(caller, action, scope)


def sees(world: World, caller: Caller, scope: str) -> bool:
    """Tell whether a caller has any role at a scope, above it or within it."""
    return not world.enforce_role_assignments or any(
        assignment.principal_id.lower() == caller.object_id
        and (is_within(scope, assignment.scope) or is_within(assignment.scope, scope))
        for assignment in world.directory.assignments.values()
    )


def is_within(scope: str, above: str) -> bool:
    """Tell whether a scope is another one or part of it; `/` holds everything."""
    inner, outer = scope.lower().rstrip("/"), above.lower().rstrip("/")
    return inner == outer or inner.startswith(f"{outer}/")
