"""Role definitions and role assignments."""

from typing import Any

import pytest

from emulator.arm.filters import clauses
from emulator.arm.roles import ROLES, role_named
from emulator.calls.refusal import Refusal
from emulator.tokens.signer import Signer
from tests.emulator.arm.stage import (
    GROUP,
    IDENTITIES,
    OPERATOR,
    OTHER_SUBSCRIPTION,
    PAYMENTS,
    RESOURCE,
    SUBSCRIPTION,
    TENANT,
    Json,
    Stage,
    code,
    seed_of,
    staged,
)

ROLES_VERSION = "2022-04-01"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
NAME = "c0ffee00-0000-4000-8000-000000000001"
SECOND = "c0ffee00-0000-4000-8000-000000000002"
WHOLE = f"/subscriptions/{SUBSCRIPTION}"
IN_GROUP = f"{WHOLE}/resourceGroups/{GROUP}"
DEFINITIONS = "providers/Microsoft.Authorization/roleDefinitions"
ASSIGNMENTS = "providers/Microsoft.Authorization/roleAssignments"


def principal_of(stage: Stage, client_id: str = PAYMENTS) -> str:
    found = stage.world.directory.principal(TENANT, client_id)
    assert found
    return found.object_id


def wanted(stage: Stage, role: str = READER, **more: Any) -> Json:
    definition = f"{WHOLE}/{DEFINITIONS}/{role}"
    properties = {"roleDefinitionId": definition, "principalId": principal_of(stage)}
    return {"properties": properties | more}


async def ask(stage: Stage, method: str, path: str, body: Any = None, **query: str) -> Any:
    return await stage.ask(method, path, body, version=ROLES_VERSION, query=query)


async def assign(stage: Stage, scope: str, name: str = NAME, **more: Any) -> Any:
    return await ask(stage, "PUT", f"{scope}/{ASSIGNMENTS}/{name}", wanted(stage, **more))


async def listed(stage: Stage, scope: str, filter_: str = "") -> list[str]:
    query = {"$filter": filter_} if filter_ else {}
    answer = await ask(stage, "GET", f"{scope}/{ASSIGNMENTS}", **query)
    assert answer.status_code == 200, answer.text
    return [one["properties"]["scope"] for one in answer.json()["value"]]


async def test_a_role_is_found_by_its_name(stage: Stage) -> None:
    answer = await ask(
        stage, "GET", f"{WHOLE}/{DEFINITIONS}", **{"$filter": "roleName eq 'Reader'"}
    )
    one = {
        "id": f"{WHOLE}/{DEFINITIONS}/{READER}",
        "name": READER,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": "Reader",
            "type": "BuiltInRole",
            "description": "View all resources, but does not allow you to make any changes.",
            "assignableScopes": ["/"],
            "permissions": [
                {"actions": ["*/read"], "notActions": [], "dataActions": [], "notDataActions": []}
            ],
        },
    }
    assert answer.json() == {"value": [one]}
    told = await ask(stage, "GET", f"{IN_GROUP}/{DEFINITIONS}/{READER.upper()}")
    assert told.json() == one
    at_the_root = await ask(stage, "GET", f"/{DEFINITIONS}/{READER}")
    assert at_the_root.json() == one | {"id": f"/{DEFINITIONS}/{READER}"}


async def test_all_roles_are_listed_and_unknown_ones_are_not_there(stage: Stage) -> None:
    answer = await ask(stage, "GET", f"{RESOURCE}/{DEFINITIONS}")
    assert len(answer.json()["value"]) == len(ROLES)
    custom = await ask(
        stage, "GET", f"{WHOLE}/{DEFINITIONS}", **{"$filter": "type eq 'CustomRole'"}
    )
    assert custom.json() == {"value": []}
    absent = await ask(stage, "GET", f"{WHOLE}/{DEFINITIONS}/{NAME}")
    assert code(absent) == (404, "RoleDefinitionDoesNotExist")


async def test_a_role_is_assigned_told_and_taken_away(stage: Stage) -> None:
    made = await assign(stage, RESOURCE)
    one = {
        "id": f"{RESOURCE}/{ASSIGNMENTS}/{NAME}",
        "name": NAME,
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "roleDefinitionId": f"{WHOLE}/{DEFINITIONS}/{READER}",
            "principalId": principal_of(stage),
            "principalType": "ServicePrincipal",
            "scope": RESOURCE,
        },
    }
    assert (made.status_code, made.json()) == (201, one)
    told = await ask(stage, "GET", f"{RESOURCE}/{ASSIGNMENTS}/{NAME}")
    assert told.json() == one
    same = await assign(stage, RESOURCE.replace("resourceGroups", "resourcegroups"))
    assert same.status_code == 200
    gone = await ask(stage, "DELETE", f"{RESOURCE}/{ASSIGNMENTS}/{NAME}")
    assert gone.status_code == 200
    nothing = await ask(stage, "DELETE", f"{RESOURCE}/{ASSIGNMENTS}/{NAME}")
    assert (nothing.status_code, nothing.content) == (204, b"")
    absent = await ask(stage, "GET", f"{RESOURCE}/{ASSIGNMENTS}/{NAME}")
    assert code(absent) == (404, "RoleAssignmentNotFound")


async def test_the_same_role_is_not_assigned_twice(stage: Stage) -> None:
    await assign(stage, IN_GROUP)
    twice = await assign(stage, IN_GROUP, SECOND)
    assert code(twice) == (409, "RoleAssignmentExists")
    assert NAME.replace("-", "") in twice.json()["error"]["message"]
    assert (await assign(stage, IN_GROUP, SECOND, role=OWNER)).status_code == 201
    changed = await assign(stage, IN_GROUP, role=OWNER)
    assert code(changed) == (409, "RoleAssignmentUpdateNotPermitted")


@pytest.mark.parametrize(
    ("properties", "refusal"),
    [
        ({"roleDefinitionId": f"/{DEFINITIONS}/{NAME}"}, "RoleDefinitionDoesNotExist"),
        ({"roleDefinitionId": "Reader"}, "RoleDefinitionDoesNotExist"),
        ({"roleDefinitionId": None}, "InvalidRequestContent"),
        ({"principalId": NAME}, "PrincipalNotFound"),
        ({"principalId": "payments"}, "InvalidPrincipalId"),
        ({"principalId": ["x"]}, "InvalidRequestContent"),
        ({"principalType": ["User"]}, "InvalidRequestContent"),
        ({"principalType": "Robot"}, "InvalidRequestContent"),
    ],
)
async def test_what_can_not_be_assigned_is_refused(
    stage: Stage, properties: Json, refusal: str
) -> None:
    body = {"properties": wanted(stage)["properties"] | properties}
    answer = await ask(stage, "PUT", f"{WHOLE}/{ASSIGNMENTS}/{NAME}", body)
    assert code(answer) == (400, refusal)


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        (f"{WHOLE}/{ASSIGNMENTS}/no-guid", "InvalidRoleAssignmentId"),
        (f"{WHOLE}/resourceGroups/{ASSIGNMENTS}/{NAME}", "InvalidScope"),
        (f"{IDENTITIES}/{ASSIGNMENTS}/{NAME}", "InvalidScope"),
    ],
)
async def test_a_scope_or_name_that_is_none_is_refused(
    stage: Stage, path: str, refusal: str
) -> None:
    assert code(await ask(stage, "PUT", path, wanted(stage))) == (400, refusal)


async def test_users_and_groups_are_believed(stage: Stage) -> None:
    answer = await assign(stage, WHOLE, principalId=SECOND, principalType="Group")
    assert answer.status_code == 201
    assert answer.json()["properties"]["principalType"] == "Group"


async def test_a_new_principal_is_not_known_everywhere_unless_its_type_is_said(
    signer: Signer,
) -> None:
    async with staged(signer, seed_of(), propagation_seconds=30) as stage:
        made = await stage.ask("PUT", f"{IDENTITIES}/orders", {"location": "westeurope"})
        principal = made.json()["properties"]["principalId"]
        early = await assign(stage, WHOLE, principalId=principal)
        assert code(early) == (400, "PrincipalNotFound")
        assert " does not exist in the directory " in early.json()["error"]["message"]
        typed = await assign(stage, WHOLE, principalId=principal, principalType="ServicePrincipal")
        assert typed.status_code == 201
        stage.steady.at += 31
        later = await assign(stage, IN_GROUP, SECOND, principalId=principal)
        assert later.status_code == 201


async def test_assignments_are_listed_from_above_and_below_and_filtered(signer: Signer) -> None:
    scopes = ["/", WHOLE, IN_GROUP, RESOURCE]
    seed = seed_of(
        roleAssignments=[
            {"scope": scope, "role": "Reader", "principal": PAYMENTS} for scope in scopes
        ]
        + [{"scope": WHOLE, "role": "Owner", "principal": OPERATOR}]
        + [
            {
                "scope": f"/subscriptions/{OTHER_SUBSCRIPTION}",
                "role": "Owner",
                "principal": OPERATOR,
            }
        ]
    )
    async with staged(signer, seed) as stage:
        assert sorted(await listed(stage, IN_GROUP)) == sorted([*scopes, WHOLE])
        assert sorted(await listed(stage, IN_GROUP, "atScope()")) == ["/", WHOLE, WHOLE, IN_GROUP]
        mine = f"principalId eq '{principal_of(stage).upper()}'"
        assert sorted(await listed(stage, WHOLE, mine)) == sorted(scopes)
        assert await listed(stage, WHOLE, f"atScope() and {mine}") in (["/", WHOLE], [WHOLE, "/"])
        owner = f"assignedTo('{principal_of(stage, OPERATOR)}')"
        assert await listed(stage, RESOURCE, owner) == [WHOLE]
        assert sorted(await listed(stage, "", "atScope()")) == ["/"]
        assert sorted(await listed(stage, "")) == sorted([*scopes, WHOLE])


async def test_a_caller_without_the_right_to_assign_is_refused(signer: Signer) -> None:
    assignment = {"scope": WHOLE, "role": "Contributor", "principal": OPERATOR}
    seed = seed_of(enforceRoleAssignments=True, roleAssignments=[assignment])
    async with staged(signer, seed) as stage:
        assert code(await assign(stage, WHOLE)) == (403, "AuthorizationFailed")
        assert await listed(stage, WHOLE) == [WHOLE]


async def test_a_role_that_is_assigned_counts_at_once(signer: Signer) -> None:
    assignment = {"scope": WHOLE, "role": "User Access Administrator", "principal": OPERATOR}
    seed = seed_of(enforceRoleAssignments=True, roleAssignments=[assignment])
    async with staged(signer, seed) as stage:
        path = f"{IDENTITIES}/orders"
        body = {"location": "westeurope"}
        assert code(await stage.ask("PUT", path, body)) == (403, "AuthorizationFailed")
        await assign(stage, IN_GROUP, role=OWNER, principalId=principal_of(stage, OPERATOR))
        assert (await stage.ask("PUT", path, body)).status_code == 201


@pytest.mark.parametrize(
    "written",
    [
        "roleName",
        "roleName eq Reader",
        "roleName eq 'Reader",
        "roleName eq 'Reader' and",
        "roleName eq 'Reader' or type eq 'BuiltInRole'",
        "roleName eq 'Reader' type eq 'BuiltInRole'",
        "name eq 'Reader'",
        "endsWith('x')",
        "and",
        " and roleName eq 'Reader'",
    ],
)
async def test_a_filter_that_is_not_understood_is_refused(stage: Stage, written: str) -> None:
    answer = await ask(stage, "GET", f"{WHOLE}/{DEFINITIONS}", **{"$filter": written})
    assert code(answer) == (400, "InvalidFilter")


def test_a_filters_values_are_read_as_they_stand() -> None:
    known = {"rolename", "atscope()", "assignedto()"}
    written = "RoleName eq 'A and B''s' AND atScope() and assignedTo('x')"
    assert clauses(written, known) == {
        "rolename": "A and B's",
        "atscope()": "",
        "assignedto()": "x",
    }
    assert clauses("", known) == {}
    with pytest.raises(Refusal):
        clauses("x eq 'y'", known)


IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
ASSIGN = "Microsoft.Authorization/roleAssignments"


@pytest.mark.parametrize(
    ("role", "allowed", "not_allowed"),
    [
        ("Owner", [f"{IDENTITY}/write", f"{ASSIGN}/write"], []),
        ("Contributor", [f"{IDENTITY}/delete", f"{ASSIGN}/read"], [f"{ASSIGN}/write"]),
        ("reader", [f"{IDENTITY}/read", f"{ASSIGN}/read"], [f"{IDENTITY}/write"]),
        ("User Access Administrator", [f"{ASSIGN}/delete"], [f"{IDENTITY}/write"]),
        (
            "Managed Identity Operator",
            [f"{IDENTITY}/read", f"{IDENTITY}/federatedIdentityCredentials/read"],
            [f"{IDENTITY}/write", f"{ASSIGN}/write"],
        ),
        ("Key Vault Secrets User", [], [f"{IDENTITY}/read", f"{ASSIGN}/read"]),
    ],
)
def test_roles_allow_what_azures_do(role: str, allowed: list[str], not_allowed: list[str]) -> None:
    found = role_named(role)
    assert found
    assert [action for action in allowed + not_allowed if found.allows(action)] == allowed
