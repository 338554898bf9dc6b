"""Collections: filtered, chosen from, page by page."""

from urllib.parse import quote

import pytest

from tests.emulator.conftest import ORIGIN, Json
from tests.emulator.graph.stage import (
    ADMIN,
    MANAGED,
    PAYMENTS,
    Stage,
    a_credential,
    message,
    refusal,
)


async def with_credentials(stage: Stage, count: int) -> str:
    path = stage.credentials_path()
    for number in range(count):
        body = a_credential(f"name-{number}", subject=f"subject-{number}")
        assert (await stage.ask("POST", path, body)).status_code == 201
    return path


async def all_pages(stage: Stage, first: Json) -> list[Json]:
    """Follow the links, as they stand."""
    pages = [first]
    while link := pages[-1].get("@odata.nextLink"):
        assert link.startswith(f"{ORIGIN}/v1.0/")
        answer = await stage.ask("GET", link)
        assert answer.status_code == 200, answer.text
        pages.append(answer.json())
        assert len(pages) < 20, "the pages go round in a circle"
    return pages


async def test_a_whole_listing_has_no_further_page(stage: Stage) -> None:
    found = await stage.get("/applications")
    assert set(found) == {"@odata.context", "value"}
    assert found["@odata.context"] == f"{ORIGIN}/v1.0/$metadata#applications"
    assert sorted(row["displayName"] for row in found["value"]) == [
        *("admin", "locked", "nobody", "owned", "owner", "payments", "reader"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"appId eq '{PAYMENTS}'", ["payments"]),
        (f"appId eq '{PAYMENTS.upper()}'", ["payments"]),
        (f"appId eq '{MANAGED}'", []),
        ("displayName eq 'Payments'", ["payments"]),
        ("startswith(displayName,'own')", ["owned", "owner"]),
        (f"startswith(displayName,'own') and appId eq '{ADMIN}'", []),
        ("displayName eq 'it''s'", []),
    ],
)
async def test_applications_are_filtered(stage: Stage, text: str, expected: list[str]) -> None:
    found = await stage.get("/applications", filter=text)
    assert sorted(row["displayName"] for row in found["value"]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"appId eq '{MANAGED}'", ["reports"]),
        ("servicePrincipalType eq 'ManagedIdentity'", ["reports"]),
        ("startswith(displayName,'re')", ["reader", "reports"]),
        ("displayName eq 'admin' and servicePrincipalType eq 'Application'", ["admin"]),
    ],
)
async def test_service_principals_are_filtered(
    stage: Stage, text: str, expected: list[str]
) -> None:
    found = await stage.get("/servicePrincipals", filter=text)
    assert sorted(row["displayName"] for row in found["value"]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name eq 'name-1'", ["name-1"]),
        ("subject eq 'subject-2'", ["name-2"]),
        ("subject eq 'Subject-2'", []),
        ("name eq 'nobody'", []),
    ],
)
async def test_credentials_are_filtered(stage: Stage, text: str, expected: list[str]) -> None:
    path = await with_credentials(stage, 3)
    found = await stage.get(path, filter=text)
    assert [row["name"] for row in found["value"]] == expected


@pytest.mark.parametrize(
    "text",
    [
        "name eq 'name-1' and subject eq 'subject-1'",
        "name eq 'name-1' and name eq 'name-1'",
        "issuer eq 'https://issuer.example/a/'",
        "startswith(name,'n')",
        "name eq 'name-1' or name eq 'name-2'",
    ],
)
async def test_credentials_are_filtered_by_name_or_subject_and_nothing_else(
    stage: Stage, text: str
) -> None:
    answer = await stage.ask("GET", stage.credentials_path(), query={"$filter": text})
    status, code = refusal(answer)
    assert status == 400
    assert code in {"BadRequest", "Request_UnsupportedQuery"}


async def test_only_what_is_selected_is_told(stage: Stage) -> None:
    found = await stage.get("/applications", select="appId, DISPLAYNAME", filter="id eq 'x'")
    assert found == {
        "@odata.context": f"{ORIGIN}/v1.0/$metadata#applications(appId,displayName)",
        "value": [],
    }
    one = await stage.get(f"/applications(appId='{PAYMENTS}')", select="displayName,displayName")
    assert one == {
        "@odata.context": f"{ORIGIN}/v1.0/$metadata#applications(displayName)/$entity",
        "displayName": "payments",
    }


async def test_what_the_service_has_and_the_emulator_has_not_may_be_selected(
    stage: Stage,
) -> None:
    found = await stage.get(f"/applications(appId='{PAYMENTS}')", select="appId,web,spa")
    assert {name for name in found if "@" not in name} == {"appId"}


@pytest.mark.parametrize("select", ["colour", "", "appId,", "appId,,id", "api/x", "*"])
async def test_what_nobody_has_can_not_be_selected(stage: Stage, select: str) -> None:
    for path in ("/applications", f"/applications(appId='{PAYMENTS}')"):
        answer = await stage.ask("GET", path, query={"$select": select})
        assert refusal(answer) == (400, "Request_BadRequest")
        assert "Could not find a property named" in message(answer)


async def test_pages_follow_each_other_with_the_same_options(stage: Stage) -> None:
    path = await with_credentials(stage, 7)
    first = await stage.get(path, top="3", select="name")
    pages = await all_pages(stage, first)
    assert [len(page["value"]) for page in pages] == [3, 3, 1]
    assert sorted(row["name"] for page in pages for row in page["value"]) == [
        f"name-{number}" for number in range(7)
    ]
    assert all(set(row) == {"name"} for page in pages for row in page["value"])


async def test_a_slash_too_many_does_no_harm_and_is_not_handed_on(stage: Stage) -> None:
    first = await stage.ask("GET", f"{ORIGIN}/v1.0//applications//", query={"$top": "1"})
    assert first.json()["@odata.nextLink"].startswith(f"{ORIGIN}/v1.0/applications/?")
    assert len(await all_pages(stage, first.json())) == 7


async def test_a_filter_goes_on_over_all_pages(stage: Stage) -> None:
    for name in ("it's & more", "it's & #1", "it's + 1"):
        await stage.ask("POST", "/applications", {"displayName": name})
    first = await stage.get("/applications", top="1", filter="startswith(displayName,'it''s &')")
    pages = await all_pages(stage, first)
    assert sorted(row["displayName"] for page in pages for row in page["value"]) == [
        *("it's & #1", "it's & more"),
    ]


async def test_a_full_last_page_is_the_last(stage: Stage) -> None:
    path = await with_credentials(stage, 6)
    pages = await all_pages(stage, await stage.get(path, top="3"))
    assert [len(page["value"]) for page in pages] == [3, 3]


async def test_a_page_begins_where_the_last_ended_whatever_was_removed(stage: Stage) -> None:
    path = await with_credentials(stage, 6)
    first = await stage.get(path, top="3")
    for row in first["value"]:
        await stage.ask("DELETE", f"{path}/{row['id']}")
    rest = await all_pages(stage, first)
    seen = {row["name"] for page in rest for row in page["value"]}
    assert seen == {f"name-{number}" for number in range(6)}


async def test_without_a_size_a_page_has_a_hundred(stage: Stage) -> None:
    for number in range(101):
        await stage.ask("POST", "/applications", {"displayName": f"many {number}"})
    first = await stage.get("/applications", filter="startswith(displayName,'many')")
    assert [len(page["value"]) for page in await all_pages(stage, first)] == [100, 1]


async def test_the_count_is_that_of_all_pages(stage: Stage) -> None:
    path = await with_credentials(stage, 5)
    assert (await stage.get(path, top="2", count="true"))["@odata.count"] == 5
    assert "@odata.count" not in await stage.get(path, count="false")


async def test_options_are_known_without_their_dollar_and_in_any_case(stage: Stage) -> None:
    query = {"Select": "appId", "$TOP": "1", "other": "x", "api-version": "1"}
    answer = await stage.ask("GET", "/applications", query=query)
    assert [set(row) for row in answer.json()["value"]] == [{"appId"}]


@pytest.mark.parametrize(
    "query",
    [
        "$top=0",
        "$top=1000",
        "$top=-1",
        "$top=x",
        "$top=",
        "$top=" + "9" * 5000,
        "$top=1&$top=2",
        "$top=1&top=2",
        "$top=%D9%A1",
        "$count=maybe",
        "$skip=1",
        "$orderby=displayName",
        "$expand=owners",
        "$search=x",
        "$nonsense=x",
        "$filter=",
        "$filter=%00",
        "$filter=" + quote("appId eq '" + "'" * 3000),
        "$skiptoken=é",
        "$skiptoken=%00",
        "$skiptoken=a",
        "$skiptoken=gIA",
    ],
)
async def test_options_that_make_no_sense_are_refused(stage: Stage, query: str) -> None:
    for path in ("/applications", "/servicePrincipals", stage.credentials_path()):
        answer = await stage.ask("GET", f"{path}?{query}")
        assert refusal(answer)[0] == 400


async def test_a_single_object_is_selected_from_and_nothing_more(stage: Stage) -> None:
    for query in ("$top=1", "$filter=appId eq 'x'", "$expand=owners", "$select=colour"):
        answer = await stage.ask("GET", f"{stage.path()}?{query}")
        assert refusal(answer)[0] == 400
