"""Applications: made, found, changed, removed."""

from typing import Any

import pytest

from emulator.directory import Application
from tests.emulator.conftest import ORIGIN, Json
from tests.emulator.graph.stage import (
    FOREIGN,
    LOCKED,
    OWNER,
    PAYMENTS,
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
