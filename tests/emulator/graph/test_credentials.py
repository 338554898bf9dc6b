"""Federated credentials of an application: made, read, changed, removed, and their rules."""

from typing import Any

import pytest

from emulator.directory import Credential
from tests.emulator.conftest import ORIGIN, Json
from tests.emulator.graph.stage import (
    MANAGED,
    PAYMENTS,
    Stage,
    a_credential,
    message,
    refusal,
)

BAD = (400, "Request_BadRequest")
NOT_FOUND = (404, "Request_ResourceNotFound")
PREFER = {"Prefer": "create-if-missing"}


@pytest.fixture(params=["id", "appId"])
def path(request: pytest.FixtureRequest, stage: Stage) -> str:
    """The credentials of an application, addressed in both ways."""
    if request.param == "id":
        return stage.credentials_path()
    return f"/applications(appId='{PAYMENTS}')/federatedIdentityCredentials"


async def made(stage: Stage, path: str, **changed: Any) -> Json:
    answer = await stage.ask("POST", path, a_credential(**changed))
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def test_a_credential_is_made_and_read(stage: Stage, path: str) -> None:
    answer = await stage.ask("POST", path, a_credential(description="of the blue cluster"))
    assert answer.status_code == 201
    found = answer.json()
    object_id = stage.application(PAYMENTS).object_id
    expected = {
        "@odata.context": (
            f"{ORIGIN}/v1.0/$metadata#applications('{object_id}')"
            "/federatedIdentityCredentials/$entity"
        ),
        "id": stage.credentials()[0].id,
        "name": "cluster-a",
        "issuer": "https://issuer.example/a/",
        "subject": "system:serviceaccount:apps:cluster-a",
        "description": "of the blue cluster",
        "audiences": ["api://AzureADTokenExchange"],
    }
    assert found == expected
    for key in ("/cluster-a", "/CLUSTER-A", f"/{found['id']}", "(name='cluster-a')"):
        assert await stage.get(f"{path}{key}") == expected
    assert (await stage.get(path))["value"] == [
        {name: value for name, value in expected.items() if name != "@odata.context"}
    ]


async def test_a_credential_is_changed_by_its_name_or_id(stage: Stage, path: str) -> None:
    before = await made(stage, path)
    for key in ("/cluster-a", f"/{before['id']}", "(name='cluster-a')"):
        change = {"subject": f"subject of {key}", "name": "cluster-a"}
        answer = await stage.ask("PATCH", f"{path}{key}", change)
        assert (answer.status_code, answer.content) == (204, b"")
        assert stage.credentials() == [
            Credential(
                id=before["id"],
                name="cluster-a",
                issuer="https://issuer.example/a/",
                subject=f"subject of {key}",
                audiences=("api://AzureADTokenExchange",),
            )
        ]


async def test_a_description_is_taken_away_by_null(stage: Stage, path: str) -> None:
    await made(stage, path, description="old")
    await stage.ask("PATCH", f"{path}/cluster-a", {"subject": "other"})
    assert stage.credentials()[0].description == "old"
    await stage.ask("PATCH", f"{path}/cluster-a", {"description": None})
    assert stage.credentials()[0].description is None


async def test_a_credential_is_removed_by_its_name_or_id(stage: Stage, path: str) -> None:
    for key in ("/{id}", "/cluster-a", "(name='cluster-a')"):
        found = await made(stage, path)
        answer = await stage.ask("DELETE", f"{path}{key.format_map(found)}")
        assert (answer.status_code, answer.content) == (204, b"")
        assert stage.credentials() == []
    assert refusal(await stage.ask("DELETE", f"{path}/cluster-a")) == NOT_FOUND


async def test_what_is_not_there_is_not_found(stage: Stage, path: str) -> None:
    for method, body in (("GET", None), ("PATCH", {"subject": "x"}), ("DELETE", None)):
        for key in ("/nobody", "(name='nobody')"):
            answer = await stage.ask(method, f"{path}{key}", body)
            assert refusal(answer) == NOT_FOUND
            assert message(answer) == (
                "Resource 'nobody' does not exist or one of its queried reference-property"
                " objects are not present."
            )


@pytest.mark.parametrize(
    "parent",
    [
        "/applications/nothing",
        "/applications/00000000-0000-4000-8000-000000000000",
        "/applications(appId='00000000-0000-4000-8000-000000000000')",
        f"/applications(appId='{MANAGED}')",
    ],
)
async def test_credentials_of_no_application_are_not_found(stage: Stage, parent: str) -> None:
    path = f"{parent}/federatedIdentityCredentials"
    for method, where, body in (
        ("GET", path, None),
        ("POST", path, a_credential()),
        ("PATCH", f"{path}(name='abc')", a_credential("abc")),
        ("DELETE", f"{path}/abc", None),
    ):
        assert refusal(await stage.ask(method, where, body)) == NOT_FOUND


async def test_upsert_makes_what_is_missing_and_changes_what_is_there(
    stage: Stage, path: str
) -> None:
    body = {name: value for name, value in a_credential().items() if name != "name"}
    first = await stage.ask("PATCH", f"{path}(name='cluster-a')", body, headers=PREFER)
    assert first.status_code == 201
    assert first.json()["name"] == "cluster-a"
    second = await stage.ask(
        "PATCH", f"{path}(name='cluster-a')", body | {"subject": "new"}, headers=PREFER
    )
    assert (second.status_code, second.content) == (204, b"")
    assert [(one.id, one.subject) for one in stage.credentials()] == [(first.json()["id"], "new")]
    kinds = [call.kind for call in stage.calls("graph.credentials.*")]
    assert kinds == ["graph.credentials.upsert"] * 2


@pytest.mark.parametrize("header", [{}, {"Prefer": "return=minimal"}, {"Prefer": "create"}])
async def test_without_the_preference_it_is_a_plain_update(
    stage: Stage, path: str, header: dict[str, str]
) -> None:
    body = a_credential()
    answer = await stage.ask("PATCH", f"{path}(name='cluster-a')", body, headers=header)
    assert refusal(answer) == NOT_FOUND
    assert stage.calls("*")[-1].kind == "graph.credentials.update"
    assert stage.credentials() == []


async def test_the_preference_is_found_among_others(stage: Stage, path: str) -> None:
    header = {"Prefer": "return=minimal, Create-If-Missing"}
    answer = await stage.ask("PATCH", f"{path}(name='abc')", a_credential("abc"), headers=header)
    assert answer.status_code == 201


async def test_upsert_needs_the_form_with_the_name(stage: Stage, path: str) -> None:
    answer = await stage.ask("PATCH", f"{path}/abc", a_credential("abc"), headers=PREFER)
    assert refusal(answer) == NOT_FOUND


async def test_upsert_under_another_name_than_the_bodys_is_refused(stage: Stage, path: str) -> None:
    answer = await stage.ask("PATCH", f"{path}(name='abc')", a_credential("abd"), headers=PREFER)
    assert refusal(answer) == BAD
    assert stage.credentials() == []


async def test_a_name_that_is_taken_is_told_in_the_services_words(stage: Stage, path: str) -> None:
    await made(stage, path)
    answer = await stage.ask("POST", path, a_credential("Cluster-A", subject="other"))
    assert refusal(answer) == (409, "Request_MultipleObjectsWithSameKeyValue")
    assert message(answer) == "FederatedIdentityCredential with name Cluster-A already exists."


@pytest.mark.parametrize("way", ["POST", "upsert", "PATCH"])
async def test_a_pair_that_is_taken_is_told_in_the_services_words(
    stage: Stage, path: str, way: str
) -> None:
    await made(stage, path)
    await made(stage, path, name="cluster-b")
    twin = a_credential("cluster-c") | {"subject": a_credential()["subject"]}
    match way:
        case "POST":
            answer = await stage.ask("POST", path, twin)
        case "upsert":
            answer = await stage.ask("PATCH", f"{path}(name='cluster-c')", twin, headers=PREFER)
        case _:
            del twin["name"]
            answer = await stage.ask("PATCH", f"{path}/cluster-b", twin)
    assert refusal(answer) == (400, "InvalidFederatedIdentityCredentialValue")
    assert message(answer).startswith(
        "The combination of issuer and subject must be unique for the application. Issuer"
        " https://issuer.example/a/ and Subject: system:serviceaccount:apps:cluster-a already"
        " exist."
    )


async def test_pairs_are_told_apart_case_exactly_and_between_applications(
    stage: Stage, path: str
) -> None:
    await made(stage, path)
    await made(stage, path, name="other", subject="system:serviceaccount:apps:Cluster-A")
    await made(stage, path, name="third", issuer="https://issuer.example/a")
    answer = await stage.ask(
        "POST", stage.credentials_path("20000000-0000-4000-8000-000000000002"), a_credential()
    )
    assert answer.status_code == 201


async def test_the_name_is_for_good(stage: Stage, path: str) -> None:
    await made(stage, path)
    for name in ("cluster-b", "Cluster-A", None):
        answer = await stage.ask("PATCH", f"{path}/cluster-a", {"name": name})
        assert refusal(answer) == BAD
        assert "immutable" in message(answer)
    assert [one.name for one in stage.credentials()] == ["cluster-a"]


async def test_there_are_twenty_slots(stage: Stage, path: str) -> None:
    for number in range(20):
        await made(stage, path, name=f"name-{number}", subject=f"subject {number}")
    for answer in (
        await stage.ask("POST", path, a_credential()),
        await stage.ask("PATCH", f"{path}(name='abc')", a_credential("abc"), headers=PREFER),
    ):
        assert refusal(answer) == BAD
        assert "at most 20" in message(answer)
    changed = await stage.ask("PATCH", f"{path}/name-3", {"subject": "new"})
    assert changed.status_code == 204
    await stage.ask("DELETE", f"{path}/name-3")
    await made(stage, path)
    assert len(stage.credentials()) == 20


FITTING: dict[str, list[Any]] = {
    "name": ["abc", "a" * 120, "0-_"],
    "issuer": ["https://i", "https://" + "i" * 592],
    "subject": ["s", "s" * 600, "sübject", "a b"],
    "audiences": [["a"], ["a" * 600]],
    "description": [None, "", "d" * 600],
}
UNFIT: dict[str, list[Any]] = {
    "name": ["", "ab", "a" * 121, "-abc", "_abc", "a.b", "a b", "äbc", "abc\n", None, 7, ["abc"]],
    "issuer": ["", "http://i", "issuer", "https://" + "i" * 593, "https://a b", None, 7],
    "subject": ["", "s" * 601, "repo:*", "a\x00b", None, 7, {}],
    "audiences": [[], ["a", "b"], [""], ["a" * 601], "a", None, [None], [7], {"a": "b"}],
    "description": ["d" * 601, 7, [], "a\x00b"],
}


@pytest.mark.parametrize(
    ("field", "value"), [(name, value) for name, values in FITTING.items() for value in values]
)
async def test_values_at_the_limits_are_taken(stage: Stage, field: str, value: Any) -> None:
    path = stage.credentials_path()
    answer = await stage.ask("POST", path, a_credential() | {field: value})
    assert answer.status_code == 201, answer.text
    assert answer.json()[field] == value


@pytest.mark.parametrize(
    ("field", "value"), [(name, value) for name, values in UNFIT.items() for value in values]
)
async def test_values_beyond_the_limits_are_refused(stage: Stage, field: str, value: Any) -> None:
    path = stage.credentials_path()
    answer = await stage.ask("POST", path, a_credential() | {field: value})
    assert refusal(answer) == BAD
    assert field in message(answer)
    assert stage.credentials() == []
    if field != "name":
        await made(stage, path)
        changed = await stage.ask("PATCH", f"{path}/cluster-a", {field: value})
        assert refusal(changed) == BAD
        assert await stage.get(f"{path}/cluster-a", select="subject,issuer") == {
            "@odata.context": changed_context(stage),
            "issuer": "https://issuer.example/a/",
            "subject": "system:serviceaccount:apps:cluster-a",
        }


def changed_context(stage: Stage) -> str:
    object_id = stage.application(PAYMENTS).object_id
    return (
        f"{ORIGIN}/v1.0/$metadata#applications('{object_id}')"
        "/federatedIdentityCredentials(subject,issuer)/$entity"
    )


@pytest.mark.parametrize("field", ["name", "issuer", "subject", "audiences"])
async def test_what_is_missing_is_named(stage: Stage, field: str) -> None:
    body = {name: value for name, value in a_credential().items() if name != field}
    answer = await stage.ask("POST", stage.credentials_path(), body)
    assert refusal(answer) == BAD
    assert message(answer) == (
        f"A value is required for property '{field}' of resource 'FederatedIdentityCredential'."
    )


async def test_expressions_are_not_of_this_version(stage: Stage) -> None:
    expression = {"value": "claims['sub'] matches 'repo:*'", "languageVersion": 1}
    body = a_credential() | {"claimsMatchingExpression": expression}
    for version in ("/v1.0", "/beta"):
        answer = await stage.ask("POST", f"{version}{stage.credentials_path()}", body)
        assert refusal(answer) == BAD
        assert message(answer) == "Invalid property 'claimsMatchingExpression'."


async def test_annotations_of_the_type_are_taken_and_other_properties_are_not(
    stage: Stage,
) -> None:
    typed = {"@odata.type": "#microsoft.graph.federatedIdentityCredential"}
    path = stage.credentials_path()
    assert (await stage.ask("POST", path, a_credential() | typed)).status_code == 201
    answer = await stage.ask("POST", path, a_credential("other", subject="x", colour="blue"))
    assert (refusal(answer), message(answer)) == (BAD, "Invalid property 'colour'.")


async def test_beta_serves_the_same(stage: Stage) -> None:
    answer = await stage.ask("POST", f"/beta{stage.credentials_path()}", a_credential())
    assert answer.status_code == 201
    assert answer.json()["@odata.context"].startswith(f"{ORIGIN}/beta/$metadata#")


async def test_names_in_a_path_are_compared_without_case_and_a_slash_may_end_it(
    stage: Stage,
) -> None:
    await made(stage, stage.credentials_path())
    path = f"/V1.0/Applications(APPID='{PAYMENTS.upper()}')/federatedidentitycredentials/"
    answer = await stage.client.get(path, headers={"Authorization": f"Bearer {stage.token()}"})
    assert [row["name"] for row in answer.json()["value"]] == ["cluster-a"]
