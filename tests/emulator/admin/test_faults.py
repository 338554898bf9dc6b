"""Faults at run time, each seen through the token endpoint or Graph."""

import asyncio

import pytest

from emulator.calls.faults import Settings
from tests.emulator.admin.stage import Stage
from tests.emulator.seed.samples import APP, ISSUER, MANAGED, Json

NONE = Settings().model_dump(by_alias=True)
CREDENTIALS = f"/applications(appId='{APP}')/federatedIdentityCredentials"
SECOND: Json = {
    "name": "second",
    "issuer": ISSUER,
    "subject": "system:serviceaccount:team:second",
    "audiences": ["api://AzureADTokenExchange"],
}
AS_SECOND = {"sub": SECOND["subject"]}


async def test_without_faults_an_exchange_succeeds(stage: Stage) -> None:
    assert await stage.done("GET", "/faults") == NONE
    assert await stage.exchange() == 0


async def test_faults_are_set_as_a_whole_changed_in_part_and_cleared(stage: Stage) -> None:
    put = await stage.done("PUT", "/faults", {"latencySeconds": 1, "throttle": 2})
    assert put == NONE | {"latencySeconds": 1, "throttle": 2}
    assert await stage.done("PUT", "/faults", {"latencySeconds": 2}) == NONE | {"latencySeconds": 2}
    changed = await stage.done("PATCH", "/faults", {"randomSeed": 7, "failures": [{"count": 2}]})
    assert changed["latencySeconds"] == 2
    assert (changed["randomSeed"], changed["failures"][0]["count"]) == (7, 2)
    assert (await stage.done("PATCH", "/faults", {"throttle": 3}))["failures"] != []
    assert (await stage.done("PATCH", "/faults", {"throttle": None}))["throttle"] is None
    assert await stage.done("GET", "/faults") == changed
    assert await stage.done("DELETE", "/faults") == NONE


async def test_latency_meets_exchanges_and_not_the_admin_api(stage: Stage) -> None:
    await stage.done("PUT", "/faults", {"latencySeconds": 3})
    await stage.exchange()
    assert stage.hands.slept == [3]
    for path in ("/faults", "/requests", "/state", "/health"):
        await stage.done("GET", path)
    assert stage.hands.slept == [3]


async def test_the_admin_api_does_not_fail_on_demand(stage: Stage) -> None:
    await stage.done("POST", "/failures", {"count": None})
    assert await stage.exchange() == 503
    assert (await stage.ask("GET", "/faults")).status_code == 200
    await stage.done("DELETE", "/failures")
    assert await stage.exchange() == 0


async def test_rules_are_added_listed_with_what_is_left_and_taken_away(stage: Stage) -> None:
    rule = {"kind": "token", "count": 3, "status": 401, "code": "AADSTS700213"}
    added = await stage.ask("POST", "/failures", rule)
    assert (added.status_code, added.json()["count"]) == (201, 3)
    assert [await stage.exchange() for _ in range(2)] == [700213, 700213]
    (left,) = (await stage.done("GET", "/failures"))["failures"]
    assert (left["kind"], left["count"], left["code"]) == ("token", 1, "AADSTS700213")
    assert await stage.done("DELETE", "/failures") is None
    assert await stage.done("GET", "/failures") == {"failures": []}
    assert await stage.exchange() == 0


async def test_taking_the_rules_away_leaves_other_faults_on(stage: Stage) -> None:
    await stage.done("PUT", "/faults", {"writeSeconds": 2, "failures": [{}]})
    await stage.done("DELETE", "/failures")
    assert await stage.done("GET", "/faults") == NONE | {"writeSeconds": 2}


async def test_there_is_an_end_to_rules(stage: Stage) -> None:
    await stage.done("PUT", "/faults", {"failures": [{}] * 1000})
    refused = await stage.ask("POST", "/failures", {})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "TooManyFailures")


async def test_a_rule_is_about_one_identity(stage: Stage) -> None:
    await stage.done("POST", "/failures", {"identity": MANAGED, "count": None})
    assert await stage.exchange(APP) == 0
    assert await stage.exchange(MANAGED) == 503


async def test_the_answer_is_lost_and_the_credential_is_there(stage: Stage) -> None:
    await stage.done("POST", "/failures", {"kind": "graph.credentials.create", "after": True})
    assert await stage.graph("POST", CREDENTIALS, SECOND) == 503
    assert await stage.exchange(**AS_SECOND) == 0


async def test_a_failure_before_the_work_leaves_no_credential(stage: Stage) -> None:
    await stage.done("POST", "/failures", {"kind": "graph.credentials.create"})
    assert await stage.graph("POST", CREDENTIALS, SECOND) == 503
    assert await stage.exchange(**AS_SECOND) == 700213


async def test_a_new_credential_is_known_after_its_propagation(stage: Stage) -> None:
    await stage.done("PUT", "/faults", {"propagationSeconds": 60})
    assert await stage.graph("POST", CREDENTIALS, SECOND) == 201
    assert await stage.exchange(**AS_SECOND) == 700213
    stage.hands.advance(59)
    assert await stage.exchange(**AS_SECOND) == 700213
    stage.hands.advance(1)
    assert await stage.exchange(**AS_SECOND) == 0


async def test_a_change_is_known_after_its_propagation(stage: Stage) -> None:
    await stage.done("PUT", "/faults", {"propagationSeconds": 60})
    assert await stage.graph("PATCH", f"{CREDENTIALS}/cluster", {"subject": "new"}) == 204
    assert (await stage.exchange(), await stage.exchange(sub="new")) == (0, 700213)
    stage.hands.advance(60)
    assert (await stage.exchange(), await stage.exchange(sub="new")) == (700213, 0)


async def test_a_removal_is_known_after_its_propagation(stage: Stage) -> None:
    await stage.done("PUT", "/faults", {"propagationSeconds": 60})
    assert await stage.graph("DELETE", f"{CREDENTIALS}/cluster") == 204
    assert await stage.exchange() == 0
    stage.hands.advance(60)
    assert await stage.exchange() == 70025


async def test_propagation_that_is_switched_off_is_over(stage: Stage) -> None:
    await stage.done("PUT", "/faults", {"propagationSeconds": 600})
    await stage.graph("POST", CREDENTIALS, SECOND)
    await stage.done("DELETE", "/faults")
    assert await stage.exchange(**AS_SECOND) == 0


async def test_reads_of_graph_lag_and_exchanges_do_not(stage: Stage) -> None:
    await stage.done("PUT", "/faults", {"staleReadSeconds": 30})
    assert await stage.graph("POST", CREDENTIALS, SECOND) == 201
    assert await stage.graph("GET", f"{CREDENTIALS}/second") == 404
    assert await stage.exchange(**AS_SECOND) == 0
    stage.hands.advance(30)
    assert await stage.graph("GET", f"{CREDENTIALS}/second") == 200


async def test_the_same_reads_lag_for_the_same_random_seed(stage: Stage) -> None:
    async def read() -> list[int]:
        lag = {"staleReadSeconds": 600, "staleReadShare": 0.5, "randomSeed": 5}
        await stage.done("PUT", "/faults", lag)
        token = await stage.access_token()
        path = f"{CREDENTIALS}/second"
        return [await stage.graph("GET", path, token=token) for _ in range(40)]

    await stage.graph("POST", CREDENTIALS, SECOND)
    first = await read()
    assert {200, 404} == set(first)
    assert await read() == first


async def test_writes_are_throttled_and_let_through_after_the_wait(stage: Stage) -> None:
    await stage.done("PUT", "/faults", {"throttle": 1 / 3000})
    token = await stage.access_token()
    assert await stage.graph("POST", CREDENTIALS, SECOND, token) == 201
    assert await stage.graph("DELETE", f"{CREDENTIALS}/second", token=token) == 429
    stage.hands.advance(150)
    assert await stage.graph("DELETE", f"{CREDENTIALS}/second", token=token) == 204


async def test_of_two_writes_at_once_to_a_managed_identity_one_gets_409(stage: Stage) -> None:
    await stage.done("PUT", "/faults", {"writeSeconds": 4})
    answer = await stage.http.post(
        f"/{stage.world.directory.tenants.values()[0].id}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": APP,
            "client_secret": "s3cret~of-the.app",
            "scope": "https://management.azure.com/.default",
        },
    )
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    holder = stage.world.directory.holder(MANAGED)
    assert holder is not None

    async def put(name: str) -> int:
        wanted = {"issuer": ISSUER, "subject": name, "audiences": ["api://AzureADTokenExchange"]}
        written = await stage.http.put(
            f"{holder.key}/federatedIdentityCredentials/{name}",
            params={"api-version": "2023-01-31"},
            json={"properties": wanted},
            headers=headers,
        )
        return written.status_code

    assert sorted(await asyncio.gather(put("first"), put("second"))) == [201, 409]
    assert 4 in stage.hands.slept


async def test_the_clock_offset_makes_assertions_late_and_tokens_of_the_future(
    stage: Stage,
) -> None:
    await stage.done("PUT", "/faults", {"clockOffsetSeconds": 3600 + 301})
    assert await stage.exchange() == 700024
    await stage.done("PUT", "/faults", {"clockOffsetSeconds": -301})
    assert await stage.exchange() == 700024
    await stage.done("PUT", "/faults", {"clockOffsetSeconds": 299})
    claims = stage.world.signer.read(await stage.access_token())
    assert claims["iat"] == int(stage.hands.wall) + 299


@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        (
            "PUT",
            "/faults",
            {"latency": 1, "throttle": -1},
            [
                'throttle: "-1" is not valid; expected greater than 0',
                "latency: is unknown: check its spelling",
            ],
        ),
        (
            "PATCH",
            "/faults",
            {"failures": [{"count": "two"}]},
            ['failures[0].count: "two" is not valid; expected a whole number'],
        ),
        (
            "POST",
            "/failures",
            {"status": 200, "kind": 5},
            [
                (
                    'kind: "5" is not valid; expected a text, in quotes if it looks like something'
                    " else"
                ),
                'status: "200" is not valid; expected greater than or equal to 400',
            ],
        ),
    ],
)
async def test_all_that_is_wrong_is_told_and_nothing_is_changed(
    stage: Stage, method: str, path: str, body: object, told: list[str]
) -> None:
    before = await stage.done("PUT", "/faults", {"latencySeconds": 1})
    refused = await stage.ask(method, path, body)
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert error["code"] == "InvalidBody"
    assert [fault["message"] for fault in error["faults"]] == told
    assert await stage.done("GET", "/faults") == before


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
        (b"", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"null", "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"latencySeconds": 1e999}', "application/json", 400),
        (b'{"latencySeconds": 1, "latencySeconds": 2}', "application/json", 400),
        (b'{"randomSeed": ' + b"9" * 5000 + b"}", "application/json", 400),
        (b'{"a": "\xff"}', "application/json", 400),
        (b'{"failures": [{"kind": "\\ud800"}]}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"a": "' + b"x" * (1 << 20) + b'"}', "application/json", 413),
    ],
)
async def test_a_body_that_is_none_is_refused(
    stage: Stage, content: bytes, kind: str, status: int
) -> None:
    for method, path in [("PUT", "/faults"), ("POST", "/failures"), ("POST", "/seed")]:
        refused = await stage.ask(method, path, content=content, headers={"Content-Type": kind})
        assert refused.status_code == status, refused.text
        assert refused.json()["error"]["message"]


async def test_names_with_nul_are_only_names(stage: Stage) -> None:
    await stage.done("POST", "/failures", {"kind": "a\x00b[", "message": "\x00"})
    assert await stage.exchange() == 0
