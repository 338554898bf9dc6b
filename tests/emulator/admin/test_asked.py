"""What was asked: requests, counts, exchanges."""

from typing import Any

import pytest

from tests.emulator.admin.stage import GRAPH, Stage
from tests.emulator.conftest import ORIGIN
from tests.emulator.seed.samples import APP, ISSUER, MANAGED, TENANT

CREDENTIALS = f"/applications(appId='{APP}')/federatedIdentityCredentials"


async def numbers(stage: Stage, query: str = "") -> list[int]:
    found = await stage.done("GET", f"/requests{query}")
    return [one["number"] for one in found["requests"]]


async def test_a_request_is_told_with_all_that_is_known_of_it(stage: Stage) -> None:
    token = await stage.access_token()
    answer = await stage.http.get(
        f"/v1.0{CREDENTIALS}/none",
        params={"$select": "id"},
        headers={"Authorization": f"Bearer {token}", "client-request-id": "a-request-of-mine"},
    )
    found = await stage.done("GET", "/requests?kind=graph.*")
    assert found == {
        "requests": [
            {
                "number": 2,
                "service": "graph",
                "kind": "graph.credentials.get",
                "identity": APP,
                "caller": APP,
                "method": "GET",
                "path": f"/v1.0{CREDENTIALS}/none",
                "status": 404,
                "code": "Request_ResourceNotFound",
                "requestId": answer.headers["request-id"],
                "clientRequestId": "a-request-of-mine",
                "began": stage.hands.wall,
                "seconds": 0.0,
            }
        ],
        "dropped": 0,
    }


async def test_no_token_secret_or_assertion_is_in_what_is_told(stage: Stage) -> None:
    token = await stage.access_token()
    await stage.graph("GET", CREDENTIALS, token=token)
    await stage.sign_in(secret="a-secret-of-mine")
    assertion = stage.issuer.token()
    await stage.http.post(f"/{TENANT}/oauth2/v2.0/token?client_secret=in-the-query")
    await stage.exchange(sub="nobody")
    told = ""
    for path in ("/requests", "/requests/counts", "/exchanges", "/state", "/issuers", "/faults"):
        told += (await stage.ask("GET", path)).text
    told += (await stage.http.get("/")).text
    for hidden in (token, "s3cret", "a-secret-of-mine", "in-the-query", assertion.split(".")[0]):
        assert hidden not in told


async def test_requests_are_the_newest_last_and_read_on_from_a_number(stage: Stage) -> None:
    for client_id in (APP, MANAGED, APP, MANAGED):
        await stage.exchange(client_id)
    assert await numbers(stage) == [1, 2, 3, 4]
    assert await numbers(stage, f"?identity={MANAGED.upper()}") == [2, 4]
    assert await numbers(stage, "?kind=arm.*") == []
    assert await numbers(stage, "?kind=&identity=") == [1, 2, 3, 4]
    assert await numbers(stage, "?limit=2") == [3, 4]
    assert await numbers(stage, "?after=0&limit=2") == [1, 2]
    assert await numbers(stage, "?after=2&limit=1") == [3]
    assert await numbers(stage, "?after=4") == []


async def test_counts_are_by_kind_and_identity(stage: Stage) -> None:
    await stage.exchange(APP)
    await stage.exchange(APP, sub="nobody")
    await stage.exchange(MANAGED)
    await stage.http.get(f"/{TENANT}/v2.0/.well-known/openid-configuration")
    assert await stage.done("GET", "/requests/counts") == {
        "total": 4,
        "counts": [
            {"kind": "discovery", "identity": "", "count": 1},
            {"kind": "token", "identity": APP, "count": 2},
            {"kind": "token", "identity": MANAGED, "count": 1},
        ],
    }
    counted = await stage.done("GET", f"/requests/counts?kind=token&identity={APP}")
    assert (counted["total"], len(counted["counts"])) == (2, 1)


async def test_the_admin_api_the_page_and_probes_are_not_counted(stage: Stage) -> None:
    for path in ("/", "/healthz", "/_admin/state", "/_admin/nonsense", "/_admin/openapi.json"):
        await stage.http.get(path)
    assert await stage.done("GET", "/requests") == {"requests": [], "dropped": 0}
    assert await stage.done("GET", "/requests/counts") == {"total": 0, "counts": []}


async def test_what_is_not_served_is_told_and_not_counted(stage: Stage) -> None:
    await stage.http.get("/v1.0/nonsense")
    await stage.http.get(f"{ORIGIN}//double/slash")
    found = await stage.done("GET", "/requests")
    assert [(one["path"], one["status"]) for one in found["requests"]] == [
        ("/v1.0/nonsense", 404),
        ("//double/slash", 404),
    ]


async def test_after_forgetting_requests_numbers_go_on(stage: Stage) -> None:
    await stage.exchange()
    assert await stage.done("DELETE", "/requests") is None
    assert await numbers(stage) == []
    assert (await stage.done("GET", "/requests/counts"))["total"] == 0
    await stage.exchange()
    assert await numbers(stage) == [2]


async def test_exchanges_are_told_with_why_they_were_refused(stage: Stage) -> None:
    await stage.exchange()
    stage.hands.advance(5)
    await stage.exchange(sub="nobody")
    first, second = (await stage.done("GET", "/exchanges"))["exchanges"]
    shared: dict[str, Any] = {
        "tenant": TENANT,
        "clientId": APP,
        "how": "federated",
        "issuer": ISSUER,
        "audience": "api://AzureADTokenExchange",
        "scope": GRAPH,
    }
    assert first == shared | {
        "at": stage.hands.wall - 5,
        "subject": "system:serviceaccount:team:app",
        "credential": "cluster",
        "aadsts": None,
        "reason": "",
    }
    assert "'nobody'" in second.pop("reason")
    assert second == shared | {
        "at": stage.hands.wall,
        "subject": "nobody",
        "credential": "",
        "aadsts": 700213,
    }


async def test_exchanges_of_one_identity_and_the_last_of_them(stage: Stage) -> None:
    for client_id in (APP, MANAGED, APP):
        await stage.exchange(client_id)
    mine = await stage.done("GET", f"/exchanges?identity={APP.upper()}")
    assert [one["clientId"] for one in mine["exchanges"]] == [APP, APP]
    last = await stage.done("GET", "/exchanges?limit=2")
    assert [one["clientId"] for one in last["exchanges"]] == [MANAGED, APP]


@pytest.mark.parametrize(
    "path",
    [
        "/requests?limit=0",
        "/requests?limit=20001",
        "/requests?limit=many",
        "/requests?after=-1",
        "/requests?kind=" + "x" * 101,
        "/exchanges?limit=0",
        "/exchanges?identity=" + "x" * 101,
    ],
)
async def test_a_query_that_can_not_be_is_refused(stage: Stage, path: str) -> None:
    refused = await stage.ask("GET", path)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "BadRequest"
