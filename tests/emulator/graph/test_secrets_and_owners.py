"""Client secrets and owners of applications."""

from typing import Any

import pytest

from tests.emulator.conftest import ORIGIN, Json
from tests.emulator.graph.stage import (
    ADMIN,
    GRAPH,
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
