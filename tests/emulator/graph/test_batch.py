"""`$batch`: requests within a request."""

from typing import Any

import pytest

from tests.emulator.conftest import Json
from tests.emulator.graph.stage import (
    ADMIN,
    OWNER,
    PAYMENTS,
    READER,
    Stage,
    a_credential,
    message,
    refusal,
)

JSON = {"Content-Type": "application/json"}


def step(number: str, url: str, method: str = "GET", **more: Any) -> Json:
    return {"id": number, "method": method, "url": url, **more}


def write(number: str, url: str, body: Any, method: str = "POST", **more: Any) -> Json:
    return step(number, url, method, headers=JSON, body=body, **more)


async def batch(stage: Stage, *steps: Json) -> dict[str, Json]:
    """Return the answers by id."""
    answer = await stage.ask("POST", "/$batch", {"requests": list(steps)})
    assert answer.status_code == 200, answer.text
    responses = answer.json()["responses"]
    assert [one["id"] for one in responses] == [one["id"] for one in steps]
    return {one["id"]: one for one in responses}


def statuses(answers: dict[str, Json]) -> dict[str, int]:
    return {number: one["status"] for number, one in answers.items()}


async def test_each_request_is_answered_as_if_it_had_come_alone(stage: Stage) -> None:
    alone = await stage.get(f"/applications(appId='{PAYMENTS}')", select="appId,displayName")
    answers = await batch(
        stage,
        step("1", f"/applications(appId='{PAYMENTS}')?$select=appId,displayName"),
        step("2", "/applications/nobody"),
        write("3", stage.credentials_path(), a_credential()),
        step("4", f"{stage.path()}/nothing"),
        write("5", stage.path(), {"displayName": 7}, "PATCH"),
    )
    assert statuses(answers) == {"1": 200, "2": 404, "3": 201, "4": 404, "5": 400}
    assert answers["1"]["body"] == alone
    assert answers["1"]["headers"]["Content-Type"].startswith("application/json;odata.metadata")
    assert answers["2"]["body"]["error"]["code"] == "Request_ResourceNotFound"
    assert answers["3"]["body"]["name"] == "cluster-a"
    assert [one.name for one in stage.credentials()] == ["cluster-a"]


async def test_an_answer_without_a_body_has_none_in_the_batch(stage: Stage) -> None:
    answers = await batch(stage, write("1", stage.path(), {"displayName": "new"}, "PATCH"))
    assert set(answers["1"]) == {"id", "status", "headers"}
    assert answers["1"]["status"] == 204


@pytest.mark.parametrize(
    "url",
    [
        "applications?$filter=displayName eq 'payments'&$select=displayName",
        "/applications?$filter=displayName%20eq%20'payments'&$select=displayName",
        "/applications?%24filter=displayName+eq+%27payments%27&%24select=displayName#part",
        "/applications/?$filter=startswith(displayName,'päy') and id eq 'x'",
    ],
)
async def test_addresses_are_taken_as_people_write_them(stage: Stage, url: str) -> None:
    found = (await batch(stage, step("1", url)))["1"]
    assert found["status"] == 200, found
    assert [row["displayName"] for row in found["body"]["value"]] in ([], ["payments"])


async def test_the_next_page_is_where_the_batch_was_asked(stage: Stage) -> None:
    found = (await batch(stage, step("1", "/applications?$top=1")))["1"]["body"]
    following = await stage.ask("GET", found["@odata.nextLink"])
    assert following.status_code == 200
    assert following.json()["value"] != found["value"]


async def test_all_requests_are_in_the_record_with_their_caller(stage: Stage) -> None:
    await batch(
        stage,
        step("1", f"/applications(appId='{PAYMENTS}')"),
        write("2", stage.credentials_path(), a_credential(), dependsOn=["1"]),
    )
    told = [(call.kind, call.identity, call.caller, call.status) for call in stage.calls("*")]
    assert told == [
        ("graph.batch", "", ADMIN, 200),
        ("graph.applications.get", PAYMENTS, ADMIN, 200),
        ("graph.credentials.create", PAYMENTS, ADMIN, 201),
    ]


async def test_what_depends_on_a_failure_is_not_tried(stage: Stage) -> None:
    path = stage.credentials_path()
    answers = await batch(
        stage,
        write("d", path, a_credential("never"), dependsOn=["c"]),
        write("c", path, a_credential("never"), dependsOn=["B", "a"]),
        step("b", "/applications/nobody", dependsOn=["a"]),
        write("a", path, a_credential()),
        write("e", path, a_credential("other", subject="x"), dependsOn=["a"]),
    )
    assert statuses(answers) == {"d": 424, "c": 424, "b": 404, "a": 201, "e": 201}
    assert answers["d"]["body"]["error"]["code"] == "FailedDependency"
    assert sorted(one.name for one in stage.credentials()) == ["cluster-a", "other"]


async def test_dependent_requests_come_in_order(stage: Stage) -> None:
    path = stage.credentials_path()
    steps = [
        step(str(number), f"{path}(name='cluster-a')", "DELETE", dependsOn=[str(number - 1)])
        if number % 2
        else write(str(number), path, a_credential(), dependsOn=[str(number - 1)][: number > 0])
        for number in range(20)
    ]
    answers = await batch(stage, *reversed(steps))
    expected = {str(number): 204 if number % 2 else 201 for number in range(20)}
    assert statuses(answers) == expected


async def test_authorisation_is_that_of_each_request(stage: Stage) -> None:
    stage.caller = READER
    path = f"/applications(appId='{PAYMENTS}')"
    other = {"Authorization": f"Bearer {stage.token(caller=OWNER)}"}
    answers = await batch(
        stage,
        step("1", path),
        write("2", stage.credentials_path(), a_credential()),
        step("3", path, headers={"Authorization": "Bearer nonsense"}),
        write("4", stage.credentials_path(), a_credential()) | {"headers": JSON | other},
    )
    assert statuses(answers) == {"1": 200, "2": 403, "3": 401, "4": 201}
    assert "Www-Authenticate" in answers["3"]["headers"]


async def test_the_batch_itself_needs_a_token(stage: Stage) -> None:
    body = {"requests": [step("1", "/applications")]}
    answer = await stage.ask("POST", "/$batch", body, token="x")
    assert refusal(answer) == (401, "InvalidAuthenticationToken")
    assert len(stage.calls("*")) == 1


async def test_each_request_counts_against_the_limits(stage: Stage) -> None:
    stage.set(throttle=3 / 3000)
    path = stage.credentials_path()
    steps = [
        write(str(number), path, a_credential(f"name-{number}", subject=f"subject {number}"))
        for number in range(5)
    ]
    answers = await batch(stage, *steps, step("read", path))
    assert sorted(statuses(answers).values()) == [200, 201, 201, 201, 429, 429]
    throttled = next(one for one in answers.values() if one["status"] == 429)
    assert throttled["headers"]["Retry-After"] == "50"
    assert throttled["body"]["error"]["code"] == "TooManyRequests"
    assert len(stage.credentials()) == 3


async def test_requests_fail_on_demand_within_a_batch_too(stage: Stage) -> None:
    failure = {"kind": "graph.credentials.create", "status": 503, "count": 1, "after": True}
    stage.set(failures=[failure])
    path = stage.credentials_path()
    answers = await batch(
        stage,
        write("1", path, a_credential()),
        step("2", path, dependsOn=["1"]),
        step("3", path),
    )
    assert statuses(answers) == {"1": 503, "2": 424, "3": 200}
    assert answers["1"]["body"]["error"]["code"] == "ServiceUnavailable"
    assert len(stage.credentials()) == 1  # only the answer was lost


@pytest.mark.parametrize("url", ["/$batch", "$BATCH/", "/%24batch", "//$batch"])
async def test_a_batch_within_a_batch_is_refused(stage: Stage, url: str) -> None:
    inner = write("1", url, {"requests": [step("1", "/applications")]})
    assert statuses(await batch(stage, inner))["1"] in {400, 404}
    assert stage.calls("graph.applications.list") == []


@pytest.mark.parametrize("url", ["/subscriptions", "/../_admin/requests", "/_admin", "/", "?a=b"])
async def test_nothing_but_graph_is_reached_through_a_batch(stage: Stage, url: str) -> None:
    found = (await batch(stage, step("1", url)))["1"]
    assert (found["status"], found["body"]["error"]["code"]) == (404, "BadRequest")


async def test_a_body_that_is_no_json_comes_in_base64(stage: Stage) -> None:
    one = step(
        "1", "/applications", "POST", headers={"Content-Type": "image/png"}, body="iVBORw0KGgo="
    )
    two = write("2", "/applications", "eyJkaXNwbGF5TmFtZSI6ICJuZXcifQ==")
    assert statuses(await batch(stage, one, two)) == {"1": 415, "2": 201}


GOOD = step("1", "/applications")


@pytest.mark.parametrize(
    "requests",
    [
        None,
        [],
        {},
        "x",
        [None],
        ["x"],
        [{}],
        [GOOD | {"id": 1}],
        [GOOD | {"id": ""}],
        [{"method": "GET", "url": "/applications"}],
        [{"id": "1", "url": "/applications"}],
        [{"id": "1", "method": "GET"}],
        [GOOD | {"method": "HEAD"}],
        [GOOD | {"method": "get"}],
        [GOOD | {"method": None}],
        [GOOD | {"url": ""}],
        [GOOD | {"url": 7}],
        [GOOD | {"url": "https://graph.microsoft.com/v1.0/applications"}],
        [GOOD | {"headers": []}],
        [GOOD | {"headers": {"a": 1}}],
        [GOOD | {"headers": {"a b": "c"}}],
        [GOOD | {"headers": {"a": "b\r\nc: d"}}],
        [GOOD | {"headers": {"a": "ü"}}],
        [GOOD | {"headers": {"": "a"}}],
        [GOOD | {"dependsOn": "1"}],
        [GOOD | {"dependsOn": ["2"]}],
        [GOOD | {"dependsOn": ["1"]}],
        [GOOD | {"dependsOn": [1]}],
        [GOOD | {"body": {}}],
        [step("1", "/applications", "POST")],
        [step("1", "/applications", "POST", headers=JSON)],
        [step("1", "/applications", "POST", body={})],
        [step("a", "/x"), step("A", "/y")],
        [step("a", "/x", dependsOn=["b"]), step("b", "/x", dependsOn=["a"]), step("c", "/x")],
        [step(str(number), "/applications") for number in range(21)],
    ],
)
async def test_a_batch_that_makes_no_sense_is_refused_whole(stage: Stage, requests: Any) -> None:
    answer = await stage.ask("POST", "/$batch", {"requests": requests})
    assert refusal(answer) == (400, "BadRequest")
    assert len(stage.calls("*")) == 1


async def test_too_many_requests_are_told_in_the_services_words(stage: Stage) -> None:
    steps = [step(str(number), "/applications") for number in range(21)]
    answer = await stage.ask("POST", "/$batch", {"requests": steps})
    assert message(answer) == "Number of batch request steps exceeds the maximum value of 20."


async def test_a_dependency_that_is_not_there_is_named(stage: Stage) -> None:
    steps = [step("1", "/applications", dependsOn=["nobody"])]
    answer = await stage.ask("POST", "/$batch", {"requests": steps})
    assert "request '1' depends on 'nobody', which is not there" in message(answer)


async def test_the_batch_of_beta_asks_beta(stage: Stage) -> None:
    answer = await stage.ask("POST", "/beta/$batch", {"requests": [step("1", "/applications")]})
    found = answer.json()["responses"][0]["body"]
    assert "/beta/$metadata#" in found["@odata.context"]
