"""Applications, their secrets and owners; service principals."""

from typing import Any

import pytest

from emulator.directory import Application, ServicePrincipal
from tests.emulator.conftest import ORIGIN, Json
from tests.emulator.graph.stage import (
    ADMIN,
    FOREIGN,
    GRAPH,
    LOCKED,
    MANAGED,
    MANAGED_ID,
    OWNED,
    OWNER,
    PAYMENTS,
    READER,
    TENANT,
    Stage,
    a_credential,
    message,
    refusal,
)

BAD = (400, "Request_BadRequest")
NOT_FOUND = (404, "Request_ResourceNotFound")
DENIED = (403, "Authorization_RequestDenied")


async def made(stage: Stage, **body: Any) -> Json:
    answer = await stage.ask("POST", "/applications", {"displayName": "new"} | body)
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def test_an_application_is_made_without_a_service_principal(stage: Stage) -> None:
    api = {"requestedAccessTokenVersion": 2, "knownClientApplications": []}
    found = await made(stage, identifierUris=["api://new"], tags=["a", "a"], api=api)
    application = stage.application(found["appId"])
    assert application == Application(
        object_id=found["id"],
        app_id=found["appId"],
        tenant=TENANT,
        display_name="new",
        permissions=(),
        identifier_uris=("api://new",),
        token_version=2,
        tags=("a",),
        created=stage.hands.wall,
    )
    assert stage.world.directory.principal(TENANT, found["appId"]) is None
    assert found == {
        "@odata.context": f"{ORIGIN}/v1.0/$metadata#applications/$entity",
        "id": application.object_id,
        "deletedDateTime": None,
        "appId": application.app_id,
        "createdDateTime": "2027-01-15T08:00:00Z",
        "description": None,
        "displayName": "new",
        "identifierUris": ["api://new"],
        "publisherDomain": None,
        "signInAudience": "AzureADMyOrg",
        "tags": ["a"],
        "api": {
            "acceptMappedClaims": None,
            "knownClientApplications": [],
            "requestedAccessTokenVersion": 2,
            "oauth2PermissionScopes": [],
            "preAuthorizedApplications": [],
        },
        "keyCredentials": [],
        "passwordCredentials": [],
    }


async def test_it_is_found_in_all_ways(stage: Stage) -> None:
    found = await made(stage)
    for path in (
        f"/applications/{found['id']}",
        f"/applications/{found['id'].upper()}",
        f"/applications(appId='{found['appId']}')",
    ):
        assert await stage.get(path) == found
    listed = await stage.get("/applications", filter=f"appId eq '{found['appId']}'")
    assert listed["value"] == [
        {name: value for name, value in found.items() if name != "@odata.context"}
    ]
    for path in ("/applications/x", f"/applications(appId='{FOREIGN}')", "/applications/%00"):
        assert refusal(await stage.ask("GET", path)) == NOT_FOUND


async def test_who_makes_one_by_the_permission_for_owned_ones_owns_it(stage: Stage) -> None:
    assert stage.application((await made(stage))["appId"]).owners == ()
    stage.caller = OWNER
    mine = await made(stage)
    assert stage.application(mine["appId"]).owners == (OWNER,)
    path = f"/applications/{mine['id']}/federatedIdentityCredentials"
    assert (await stage.ask("POST", path, a_credential())).status_code == 201


@pytest.mark.parametrize("path", ["id", "appId"])
async def test_an_application_is_changed(stage: Stage, path: str) -> None:
    where = stage.path() if path == "id" else f"/applications(appId='{PAYMENTS}')"
    body = {
        "displayName": "renamed",
        "identifierUris": ["api://payments", "https://payments.example"],
        "tags": ["x"],
        "api": {"requestedAccessTokenVersion": 2},
        "web": {"redirectUris": []},
    }
    answer = await stage.ask("PATCH", where, body)
    assert (answer.status_code, answer.content) == (204, b"")
    found = await stage.get(where)
    for name in ("displayName", "identifierUris", "tags"):
        assert found[name] == body[name]
    assert found["api"]["requestedAccessTokenVersion"] == 2
    cleared: Json = {
        "identifierUris": None,
        "tags": [],
        "api": {"requestedAccessTokenVersion": None},
    }
    await stage.ask("PATCH", where, cleared)
    found = await stage.get(where)
    assert (found["displayName"], found["identifierUris"], found["tags"]) == ("renamed", [], [])
    assert found["api"]["requestedAccessTokenVersion"] == 1


async def test_the_version_of_tokens_is_that_of_the_resource(stage: Stage) -> None:
    await stage.ask("PATCH", stage.path(), {"api": {"requestedAccessTokenVersion": 2}})
    resource = stage.world.resources.find(f"api://{PAYMENTS}", TENANT)
    assert resource is not None
    assert resource.version == 2


@pytest.mark.parametrize(
    "body",
    [
        {"displayName": None},
        {"displayName": ""},
        {"displayName": "d" * 257},
        {"displayName": 7},
        {"displayName": "a\x00b"},
        {"identifierUris": "api://x"},
        {"identifierUris": [7]},
        {"identifierUris": ["no uri"]},
        {"identifierUris": ["api://" + "x" * 250]},
        {"tags": {"a": "b"}},
        {"tags": ["t" * 257]},
        {"api": 7},
        {"api": {"requestedAccessTokenVersion": 3}},
        {"api": {"requestedAccessTokenVersion": "2"}},
        {"api": {"requestedAccessTokenVersion": True}},
        {"colour": "blue"},
        {"display_name": "new"},
        {"id": "x"},
        {"appId": "x"},
        {"passwordCredentials": []},
    ],
)
async def test_values_that_can_not_be_are_refused(stage: Stage, body: Json) -> None:
    changed = await stage.ask("PATCH", stage.path(), body)
    assert refusal(changed) == BAD
    new = await stage.ask("POST", "/applications", {"displayName": "new"} | body)
    assert refusal(new) == BAD
    assert stage.application(PAYMENTS).display_name == "payments"
    assert len((await stage.get("/applications"))["value"]) == 7


async def test_an_application_needs_a_name(stage: Stage) -> None:
    answer = await stage.ask("POST", "/applications", {})
    assert message(answer) == (
        "A value is required for property 'displayName' of resource 'Application'."
    )


async def test_two_applications_can_not_share_an_identifier(stage: Stage) -> None:
    await made(stage, identifierUris=["api://Shared"])
    for answer in (
        await stage.ask(
            "POST", "/applications", {"displayName": "x", "identifierUris": ["api://shared"]}
        ),
        await stage.ask("PATCH", stage.path(), {"identifierUris": ["api://shared"]}),
    ):
        assert refusal(answer) == BAD
        assert "Another object with the same value" in message(answer)
    again = {"identifierUris": ["api://other"]}
    assert (await stage.ask("PATCH", stage.path(), again)).status_code == 204
    assert (await stage.ask("PATCH", stage.path(), again)).status_code == 204


async def test_an_application_goes_with_all_that_is_its_own(stage: Stage) -> None:
    path, credentials = stage.path(), stage.credentials_path()
    await stage.ask("POST", credentials, a_credential())
    assert (await stage.ask("DELETE", path)).status_code == 204
    for gone in (path, credentials, f"/servicePrincipals(appId='{PAYMENTS}')"):
        assert refusal(await stage.ask("GET", gone)) == NOT_FOUND
    assert refusal(await stage.ask("DELETE", path)) == NOT_FOUND


async def test_who_owns_nothing_of_it_changes_nothing_of_it(stage: Stage) -> None:
    stage.caller = OWNER
    path = stage.path(LOCKED)
    for method, where, body in (
        ("PATCH", path, {"displayName": "x"}),
        ("DELETE", path, None),
        ("POST", f"{path}/addPassword", {}),
        ("POST", f"{path}/removePassword", {"keyId": "x"}),
        ("POST", f"{path}/owners/$ref", {"@odata.id": "x"}),
        ("DELETE", f"/servicePrincipals(appId='{LOCKED}')", None),
    ):
        assert refusal(await stage.ask(method, where, body)) == DENIED, (method, where)


async def test_a_secret_is_told_once_and_signs_in(stage: Stage) -> None:
    wanted = {
        "displayName": "ci",
        "startDateTime": "2027-01-01T00:00:00Z",
        "endDateTime": "2027-06-01T02:00:00+02:00",
    }
    body = {"passwordCredential": wanted}
    answer = await stage.ask("POST", f"{stage.path(OWNER)}/addPassword", body)
    assert answer.status_code == 200
    found = answer.json()
    text = found.pop("secretText")
    assert found == {
        "@odata.context": f"{ORIGIN}/v1.0/$metadata#microsoft.graph.passwordCredential",
        "customKeyIdentifier": None,
        "displayName": "ci",
        "endDateTime": "2027-06-01T00:00:00Z",
        "hint": text[:3],
        "keyId": stage.application(OWNER).secrets[0].key_id,
        "startDateTime": "2027-01-01T00:00:00Z",
    }
    assert text not in (await stage.ask("GET", stage.path(OWNER))).text
    assert text not in repr(stage.application(OWNER))
    form = {
        "grant_type": "client_credentials",
        "client_id": OWNER,
        "client_secret": text,
        "scope": f"{GRAPH}/.default",
    }
    signed_in = await stage.client.post(f"/{TENANT}/oauth2/v2.0/token", data=form)
    assert signed_in.status_code == 200
    removed = await stage.ask(
        "POST", f"{stage.path(OWNER)}/removePassword", {"keyId": found["keyId"].upper()}
    )
    assert removed.status_code == 204
    refused = await stage.client.post(f"/{TENANT}/oauth2/v2.0/token", data=form)
    assert refused.status_code == 401


@pytest.mark.parametrize("body", [{}, {"passwordCredential": None}, {"passwordCredential": {}}])
async def test_a_secret_lives_for_two_years_if_nobody_says_how_long(
    stage: Stage, body: Json
) -> None:
    answer = await stage.ask("POST", f"{stage.path()}/addPassword", body)
    assert answer.json()["endDateTime"] == "2029-01-14T08:00:00Z"


@pytest.mark.parametrize(
    "wanted",
    [
        {"endDateTime": "2020-01-01T00:00:00Z"},
        {"endDateTime": "tomorrow"},
        {"endDateTime": 1_900_000_000},
        {"endDateTime": "1900000000"},
        {"startDateTime": "0001-01-01T00:00:00+14:00"},
        {"endDateTime": "9999-12-31T23:59:59-14:00"},
        {"endDateTime": "10000-01-01T00:00:00Z"},
        {"startDateTime": "2030-01-01T00:00:00Z", "endDateTime": "2030-01-01T00:00:00Z"},
        {"displayName": 7},
        "ci",
    ],
)
async def test_a_secret_that_can_not_be_is_refused(stage: Stage, wanted: Any) -> None:
    body = {"passwordCredential": wanted}
    assert refusal(await stage.ask("POST", f"{stage.path()}/addPassword", body)) == BAD
    assert stage.application(PAYMENTS).secrets == ()


@pytest.mark.parametrize("body", [{}, {"keyId": None}, {"keyId": 7}, {"keyId": "nobody's"}])
async def test_only_a_secret_that_is_there_is_removed(stage: Stage, body: Json) -> None:
    answer = await stage.ask("POST", f"{stage.path()}/removePassword", body)
    assert refusal(answer) == BAD


def reference(stage: Stage, app_id: str, by: str = "directoryObjects") -> Json:
    principal = stage.world.directory.principal(TENANT, app_id)
    assert principal is not None
    return {"@odata.id": f"https://graph.microsoft.com/v1.0/{by}/{principal.object_id}"}


async def test_owners_are_added_listed_and_removed(stage: Stage) -> None:
    path = f"{stage.path()}/owners"
    assert (await stage.get(path))["value"] == []
    for owner, by in ((OWNER, "directoryObjects"), (READER, "servicePrincipals")):
        answer = await stage.ask("POST", f"{path}/$ref", reference(stage, owner, by))
        assert answer.status_code == 204
    listed = (await stage.get(path))["value"]
    assert {row["appId"] for row in listed} == {OWNER, READER}
    assert {row["@odata.type"] for row in listed} == {"#microsoft.graph.servicePrincipal"}
    again = await stage.ask("POST", f"{path}/$ref", reference(stage, OWNER))
    assert refusal(again) == BAD
    assert "already exist" in message(again)
    first = next(row for row in listed if row["appId"] == OWNER)
    gone = f"{path}/{first['id']}/$ref"
    assert (await stage.ask("DELETE", gone)).status_code == 204
    assert refusal(await stage.ask("DELETE", gone)) == NOT_FOUND
    assert stage.application(PAYMENTS).owners == (READER,)


async def test_the_first_owner_shuts_the_others_out(stage: Stage) -> None:
    await stage.ask("POST", f"{stage.path()}/owners/$ref", reference(stage, ADMIN))
    stage.caller = OWNER
    answer = await stage.ask("POST", stage.credentials_path(), a_credential())
    assert refusal(answer) == DENIED


async def test_the_last_owner_stays(stage: Stage) -> None:
    owner = reference(stage, OWNER)["@odata.id"].rpartition("/")[2]
    answer = await stage.ask("DELETE", f"{stage.path(OWNED)}/owners/{owner}/$ref")
    assert refusal(answer) == BAD
    assert stage.application(OWNED).owners == (OWNER,)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://graph.microsoft.com/v1.0/directoryObjects/nobody", NOT_FOUND),
        ("https://graph.microsoft.com/v1.0/users/x", BAD),
        ("nobody", BAD),
        ("", BAD),
        (None, BAD),
        (7, BAD),
    ],
)
async def test_an_owner_must_be_there(stage: Stage, link: Any, expected: tuple[int, str]) -> None:
    answer = await stage.ask("POST", f"{stage.path()}/owners/$ref", {"@odata.id": link})
    assert refusal(answer) == expected


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
    application = await made(stage)
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
