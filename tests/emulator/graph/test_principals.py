"""Service principals, of applications and of managed identities."""

import pytest

from emulator.directory import ServicePrincipal
from tests.emulator.conftest import ORIGIN, Json
from tests.emulator.graph.stage import (
    FOREIGN,
    MANAGED,
    MANAGED_ID,
    PAYMENTS,
    TENANT,
    Stage,
    refusal,
)

BAD = (400, "Request_BadRequest")
DENIED = (403, "Authorization_RequestDenied")


async def test_a_managed_identity_is_known_by_its_service_principal(stage: Stage) -> None:
    found = await stage.get(f"/servicePrincipals(appId='{MANAGED}')")
    principal = stage.world.directory.principal(TENANT, MANAGED)
    assert principal is not None
    assert found == {
        "@odata.context": f"{ORIGIN}/v1.0/$metadata#servicePrincipals/$entity",
        "id": principal.object_id,
        "deletedDateTime": None,
        "accountEnabled": True,
        "alternativeNames": ["isExplicit=True", MANAGED_ID],
        "appDisplayName": None,
        "appId": MANAGED,
        "appOwnerOrganizationId": None,
        "appRoleAssignmentRequired": False,
        "displayName": "reports",
        "servicePrincipalNames": [MANAGED],
        "servicePrincipalType": "ManagedIdentity",
        "signInAudience": None,
        "tags": [],
    }
    selected = await stage.get(
        f"/servicePrincipals/{principal.object_id}", select="servicePrincipalType,alternativeNames"
    )
    assert {name: value for name, value in selected.items() if "@" not in name} == {
        "servicePrincipalType": "ManagedIdentity",
        "alternativeNames": ["isExplicit=True", MANAGED_ID],
    }


async def test_a_service_principal_is_made_for_an_application(stage: Stage) -> None:
    answer = await stage.ask("POST", "/applications", {"displayName": "new"})
    application = answer.json()
    body = {"appId": application["appId"].upper(), "tags": ["x"], "accountEnabled": True}
    answer = await stage.ask("POST", "/servicePrincipals", body)
    assert answer.status_code == 201
    found = answer.json()
    assert stage.world.directory.principal(TENANT, application["appId"]) == ServicePrincipal(
        object_id=found["id"],
        app_id=application["appId"],
        tenant=TENANT,
        display_name="new",
        tags=("x",),
    )
    assert (found["servicePrincipalType"], found["appOwnerOrganizationId"]) == (
        "Application",
        TENANT,
    )
    again = await stage.ask("POST", "/servicePrincipals", body)
    assert refusal(again) == (409, "Request_MultipleObjectsWithSameKeyValue")
    gone = await stage.ask("DELETE", f"/servicePrincipals/{found['id']}")
    assert gone.status_code == 204
    assert (await stage.get(f"/applications/{application['id']}"))["displayName"] == "new"
    assert (await stage.ask("POST", "/servicePrincipals", body)).status_code == 201


@pytest.mark.parametrize("app_id", [MANAGED, FOREIGN, "nobody"])
async def test_a_service_principal_needs_an_application(stage: Stage, app_id: str) -> None:
    answer = await stage.ask("POST", "/servicePrincipals", {"appId": app_id})
    assert refusal(answer) == (400, "NoBackingApplicationObject")


@pytest.mark.parametrize(
    "body", [{}, {"appId": None}, {"appId": 7}, {"appId": PAYMENTS, "colour": 1}, {"tags": []}]
)
async def test_a_service_principal_that_can_not_be_is_refused(stage: Stage, body: Json) -> None:
    assert refusal(await stage.ask("POST", "/servicePrincipals", body)) == BAD


async def test_a_managed_identitys_service_principal_stays(stage: Stage) -> None:
    answer = await stage.ask("DELETE", f"/servicePrincipals(appId='{MANAGED}')")
    assert refusal(answer) == DENIED
    assert (await stage.get(f"/servicePrincipals(appId='{MANAGED}')"))["appId"] == MANAGED
