"""Federated credentials of managed identities."""

import asyncio

import pytest

from emulator.tokens.signer import Signer
from tests.emulator.arm.stage import (
    AUDIENCE,
    GROUP,
    IDENTITIES,
    ISSUER,
    PAYMENTS,
    RESOURCE,
    SPELLED,
    TENANT,
    Stage,
    code,
    fic,
    seed_of,
    staged,
)

CREDENTIALS = f"{RESOURCE}/federatedIdentityCredentials"
TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials"


async def test_a_credential_is_made_changed_told_and_removed(stage: Stage) -> None:
    made = await stage.put_credential("till-1")
    assert (made.status_code, made.json()) == (
        201,
        {
            "id": f"{SPELLED}/federatedIdentityCredentials/till-1",
            "name": "till-1",
            "type": TYPE,
            "properties": {
                "issuer": ISSUER,
                "subject": "system:serviceaccount:shop:till",
                "audiences": [AUDIENCE],
            },
        },
    )
    changed = await stage.put_credential("till-1", subject="system:serviceaccount:shop:desk")
    assert changed.status_code == 200
    told = await stage.ask("GET", f"{CREDENTIALS}/till-1")
    assert (told.status_code, told.json()) == (200, changed.json())
    assert told.json()["properties"]["subject"] == "system:serviceaccount:shop:desk"
    gone = await stage.ask("DELETE", f"{CREDENTIALS}/till-1")
    assert (gone.status_code, gone.content) == (200, b"")
    assert (await stage.ask("DELETE", f"{CREDENTIALS}/till-1")).status_code == 204
    absent = await stage.ask("GET", f"{CREDENTIALS}/till-1")
    assert code(absent) == (404, "ResourceNotFound")
    assert f"under resource group '{GROUP}' was not found" in absent.json()["error"]["message"]


async def test_paths_and_names_are_compared_without_case(stage: Stage) -> None:
    await stage.put_credential("Till-1")
    shouted = f"{CREDENTIALS}/till-1".upper()
    told = await stage.ask("GET", shouted)
    assert told.json()["name"] == "Till-1"
    changed = await stage.ask("PUT", shouted, fic(subject="other"))
    assert (changed.status_code, changed.json()["name"]) == (200, "Till-1")
    assert (await stage.ask("DELETE", f"{shouted}/")).status_code == 200


async def test_a_list_goes_on_where_the_last_page_ended(stage: Stage) -> None:
    for number in range(5):
        await stage.put_credential(f"till-{number}", subject=f"till:{number}")
    first = await stage.ask("GET", CREDENTIALS, query={"$top": "2"})
    assert [one["name"] for one in first.json()["value"]] == ["till-0", "till-1"]
    await stage.ask("DELETE", f"{CREDENTIALS}/till-1")
    names = []
    link = first.json()["nextLink"]
    while link:
        page = await stage.http.get(link, headers={"Authorization": f"Bearer {stage.token()}"})
        names += [one["name"] for one in page.json()["value"]]
        link = page.json().get("nextLink")
    assert names == ["till-2", "till-3", "till-4"]


async def test_a_list_that_ends_with_its_page_is_not_gone_on_with(stage: Stage) -> None:
    for number in range(2):
        await stage.put_credential(f"till-{number}", subject=f"till:{number}")
    answer = await stage.ask("GET", CREDENTIALS, query={"$top": "2"})
    assert (len(answer.json()["value"]), "nextLink" in answer.json()) == (2, False)


@pytest.mark.parametrize("top", ["", "0", "-1", "two", "1.5", "٢"])
async def test_a_page_size_that_is_no_number_is_refused(stage: Stage, top: str) -> None:
    assert code(await stage.ask("GET", CREDENTIALS, query={"$top": top})) == (400, "InvalidTop")


@pytest.mark.parametrize("top", ["0001", "9" * 5000])
async def test_a_page_size_may_be_any_number(stage: Stage, top: str) -> None:
    await stage.put_credential("till-1")
    answer = await stage.ask("GET", CREDENTIALS, query={"$top": top})
    assert [one["name"] for one in answer.json()["value"]] == ["till-1"]


async def test_a_skip_token_that_was_not_given_out_is_refused(stage: Stage) -> None:
    answer = await stage.ask("GET", CREDENTIALS, query={"$skiptoken": "*?"})
    assert code(answer) == (400, "InvalidSkipToken")


@pytest.mark.parametrize("name", ["ab", "-abc", "a" * 121, "a.b.c", "a b c", "äbc", "a\u0000bc"])
async def test_a_name_that_no_credential_can_have_is_refused(stage: Stage, name: str) -> None:
    answer = await stage.put_credential(name.replace("\0", "%00"))
    assert code(answer) == (400, "BadRequest")
    assert "Federated Identity Credential name" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "empty properties"),
        ({"properties": None}, "empty properties"),
        ({"properties": {}}, "empty properties"),
        (fic(issuer=None), "must specify 'issuer'"),
        (fic(subject=7), "must specify 'issuer'"),
        (fic(subject=""), "must specify 'issuer'"),
        (fic(audiences="one"), "must specify 'issuer'"),
        (fic(audiences=[1]), "must specify 'issuer'"),
        (fic(audiences=[]), "exactly one audience"),
        (fic(audiences=["one", "two"]), "exactly one audience"),
        (fic(issuer="x" * 601), "more than 600 characters"),
        (fic(subject="x" * 601), "more than 600 characters"),
        (fic(subject="system:serviceaccount:*"), "wildcards"),
        (fic(issuer="http://issuer.test"), "https URL"),
    ],
)
async def test_a_body_that_is_no_credential_is_refused(
    stage: Stage, body: object, words: str
) -> None:
    answer = await stage.ask("PUT", f"{CREDENTIALS}/till-1", body)
    assert code(answer) == (400, "BadRequest")
    assert words in answer.json()["error"]["message"]


async def test_issuer_and_subject_are_there_once(stage: Stage) -> None:
    await stage.put_credential("till-1")
    again = await stage.put_credential("till-2")
    assert code(again) == (400, "BadRequest")
    assert (
        again.json()["error"]["message"]
        == "Issuer and subject combination already exists for this Managed Identity."
    )
    same = await stage.put_credential("till-1")
    assert same.status_code == 200


async def test_twenty_credentials_are_all_that_an_identity_takes(stage: Stage) -> None:
    for number in range(20):
        answer = await stage.put_credential(f"till-{number}", subject=f"till:{number}")
        assert answer.status_code == 201
    more = await stage.put_credential("till-20", subject="till:20")
    assert code(more) == (400, "BadRequest")
    assert "at most 20" in more.json()["error"]["message"]
    changed = await stage.put_credential("till-19", subject="another")
    assert changed.status_code == 200


async def test_what_has_no_parent_says_so(stage: Stage) -> None:
    nobody = f"{IDENTITIES}/nobody/federatedIdentityCredentials"
    for method, path, body in (
        ("PUT", f"{nobody}/till-1", fic()),
        ("GET", f"{nobody}/till-1", None),
        ("GET", nobody, None),
        ("DELETE", f"{nobody}/till-1", None),
    ):
        assert code(await stage.ask(method, path, body)) == (404, "ParentResourceNotFound")


@pytest.mark.parametrize("location", ["malaysiasouth", "New Zealand North"])
async def test_some_regions_have_no_credentials(signer: Signer, location: str) -> None:
    identity = {
        "resourceId": RESOURCE,
        "clientId": PAYMENTS,
        "tenant": TENANT,
        "location": location,
    }
    async with staged(signer, seed_of(managedIdentities=[identity])) as stage:
        answer = await stage.put_credential("till-1")
        assert code(answer) == (405, "MethodNotAllowed")
        assert "Support for federated identity credentials" in answer.json()["error"]["message"]
        assert (await stage.ask("GET", CREDENTIALS)).json() == {"value": []}


async def test_two_writes_to_one_identity_at_once_are_one_too_many(signer: Signer) -> None:
    async with staged(signer, seed_of(), write_seconds=0.05) as stage:
        answers = await asyncio.gather(
            *(stage.put_credential(f"till-{n}", subject=f"till:{n}") for n in range(3)),
            stage.ask("DELETE", f"{CREDENTIALS}/till-9"),
        )
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
        refused = next(answer for answer in answers if answer.status_code == 409)
        assert (
            refused.json()["error"]["code"]
            == "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"
        )
        later = await stage.put_credential("till-7", subject="till:7")
        assert later.status_code == 201


async def test_reads_lag_behind_writes_when_they_are_asked_to(signer: Signer) -> None:
    async with staged(signer, seed_of(), stale_read_seconds=10) as stage:
        await stage.put_credential("till-1")
        path = f"{CREDENTIALS}/till-1"
        assert code(await stage.ask("GET", path)) == (404, "ResourceNotFound")
        assert (await stage.ask("GET", CREDENTIALS)).json() == {"value": []}
        stage.steady.at += 11
        assert (await stage.ask("GET", path)).status_code == 200


async def test_a_description_that_graph_gave_outlives_a_change(stage: Stage) -> None:
    await stage.put_credential("till-1")
    holder = stage.world.directory.holder(PAYMENTS)
    assert holder
    table = stage.world.directory.credentials(holder.key)
    before = table.get("till-1")
    assert before
    await stage.put_credential("till-1", subject="another")
    after = table.get("till-1")
    assert after
    assert (after.id, after.subject) == (before.id, "another")


async def test_calls_are_recorded_with_kind_identity_and_caller(stage: Stage) -> None:
    await stage.put_credential("till-1")
    await stage.ask("GET", f"{CREDENTIALS}/till-1")
    await stage.ask("GET", CREDENTIALS)
    await stage.ask("DELETE", f"{CREDENTIALS}/till-1")
    assert stage.world.log.counts() == {
        ("arm.credentials.put", PAYMENTS): 1,
        ("arm.credentials.get", PAYMENTS): 1,
        ("arm.credentials.list", PAYMENTS): 1,
        ("arm.credentials.delete", PAYMENTS): 1,
    }
