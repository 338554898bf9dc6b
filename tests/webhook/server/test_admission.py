"""The hot route, called as uvicorn calls it."""

import asyncio
import logging
from typing import Any

import pytest

from identity.account import Account
from tests.builders import ACCOUNT_NAME, NAMESPACE, a_pod, an_account
from tests.webhook.server.doubles import (
    UID,
    FakeAccounts,
    a_review,
    a_scope,
    an_app,
    ask,
    dumped,
)
from webhook.accounts.errors import AccountUnreadable
from webhook.metrics import Metrics, Result
from webhook.mutation.outcome import Injected, Refused


async def test_a_labelled_pod_gets_a_patch() -> None:
    answer = await ask(an_app(), a_review())
    assert answer.headers["content-type"] == "application/json"
    assert answer.response["uid"] == UID
    assert answer.response["allowed"] is True
    assert {operation["op"] for operation in answer.operations} <= {"add", "replace"}
    assert answer.response["auditAnnotations"]["injected"] == "app"
    assert "connection" not in answer.headers


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_review_is_answered_in_its_version(version: str) -> None:
    answer = await ask(an_app(), a_review(version=version))
    assert answer.json["apiVersion"] == f"admission.k8s.io/{version}"


async def test_a_pod_that_has_all_of_it_gets_no_patch() -> None:
    def nothing_to_do(pod: Any, namespace: str, account: Account) -> Injected:
        return Injected([], [], {})

    metrics = Metrics()
    app = an_app(metrics=metrics, decide=nothing_to_do)
    answer = await ask(app, a_review())
    assert answer.response == {"uid": UID, "allowed": True}
    assert metrics.results[Result.COMPLETE] == 1


async def test_warnings_are_given_and_counted() -> None:
    metrics = Metrics()
    app = an_app(FakeAccounts(an_account({})), metrics=metrics)
    answer = await ask(app, a_review())
    assert len(answer.response["warnings"]) == 1
    assert sum(metrics.warnings.values()) == 1


async def test_a_refusal_names_what_is_wrong() -> None:
    pod = a_pod(annotations={"service-account-token-expiration": "60"})
    answer = await ask(an_app(), a_review(pod))
    assert answer.response["allowed"] is False
    assert answer.response["status"]["code"] == 400
    assert answer.response["status"]["reason"] == "BadRequest"
    assert "service-account-token-expiration" in answer.response["status"]["message"]
    assert "patch" not in answer.response


async def test_an_account_that_is_not_there_is_a_refusal() -> None:
    answer = await ask(an_app(FakeAccounts()), a_review())
    assert answer.response["uid"] == UID
    assert answer.response["allowed"] is False
    assert answer.response["status"]["code"] == 400
    assert f"{NAMESPACE}/{ACCOUNT_NAME}" in answer.response["status"]["message"]


async def test_an_account_that_is_not_in_the_cache_is_read() -> None:
    async def live(_: str, __: str) -> Account:
        await asyncio.sleep(0)
        return an_account()

    accounts = FakeAccounts(live=live)
    answer = await ask(an_app(accounts), a_review())
    assert answer.operations
    assert accounts.asked == [(NAMESPACE, ACCOUNT_NAME)]


async def test_an_api_error_is_a_500_that_can_be_tried_again() -> None:
    async def live(namespace: str, name: str) -> Account:
        raise AccountUnreadable(namespace, name, "connection refused")

    answer = await ask(an_app(FakeAccounts(live=live)), a_review())
    assert answer.response["uid"] == UID
    assert answer.response["allowed"] is False
    assert answer.response["status"]["code"] == 500
    assert answer.response["status"]["details"] == {"retryAfterSeconds": 1}
    assert "tried again" in answer.response["status"]["message"]


async def test_the_answer_comes_before_the_api_servers_timeout() -> None:
    async def live(_: str, __: str) -> Account:
        await asyncio.Event().wait()
        raise AssertionError

    metrics = Metrics()
    app = an_app(FakeAccounts(live=live), metrics=metrics)
    async with asyncio.timeout(0.2):
        answer = await ask(app, a_review(), a_scope(query="timeout=200ms"))
    assert answer.response["allowed"] is False
    assert answer.response["status"]["code"] == 500
    assert metrics.results[Result.OUT_OF_TIME] == 1


async def test_a_live_read_gets_only_the_time_that_is_left() -> None:
    """The body took longer than the API server waits: nobody is asked for long."""
    ticks = iter([0.0, 10.0, 10.0, 10.0])

    async def live(_: str, __: str) -> Account:
        await asyncio.Event().wait()
        raise AssertionError

    app = an_app(FakeAccounts(live=live))
    app._clock = lambda: next(ticks)
    async with asyncio.timeout(1):
        answer = await ask(app, a_review())
    assert answer.response["status"]["code"] == 500


@pytest.mark.parametrize(
    "name", ["../../secrets/x", "a/b", "A", "", "-a", "a" * 254, "a?b", "a%2fb", "\n"]
)
async def test_a_name_that_cannot_be_is_never_put_into_a_url(name: str) -> None:
    accounts = FakeAccounts()
    pod = a_pod(serviceAccountName=name or "x")
    answer = await ask(an_app(accounts), a_review(pod, namespace=NAMESPACE if name else "../x"))
    assert answer.response["allowed"] is False
    assert accounts.asked == []


@pytest.mark.parametrize(
    "request_fields",
    [
        {"operation": "UPDATE"},
        {"operation": "DELETE", "object": None},
        {"operation": "CONNECT"},
        {"subResource": "ephemeralcontainers"},
        {"kind": {"group": "apps", "version": "v1", "kind": "Deployment"}},
        {"resource": {"group": "apps", "version": "v1", "resource": "deployments"}},
        {"kind": {"group": "metrics.k8s.io", "version": "v1", "kind": "Pod"}},
        {"kind": None, "resource": None, "object": {"kind": "Deployment", "spec": {}}},
    ],
)
async def test_what_is_no_new_pod_is_allowed_unchanged(request_fields: dict[str, Any]) -> None:
    answer = await ask(an_app(), a_review(**request_fields))
    assert answer.response == {"uid": UID, "allowed": True}


async def test_a_review_that_says_little_is_taken_for_a_new_pod() -> None:
    review = a_review(kind=None, resource=None, operation=None, subResource="")
    assert (await ask(an_app(), review)).operations


async def test_a_dry_run_is_answered_alike() -> None:
    wet = await ask(an_app(), a_review())
    dry = await ask(an_app(), a_review(dryRun=True))
    assert wet.body == dry.body


async def test_the_requests_namespace_is_the_pods() -> None:
    pod = a_pod()
    del pod["metadata"]["namespace"]
    answer = await ask(an_app(), a_review(pod))
    assert {"op": "add", "path": "/metadata/namespace", "value": NAMESPACE} in answer.operations


@pytest.mark.parametrize(
    ("scope", "status", "header"),
    [
        (a_scope(path="/"), 404, None),
        (a_scope(path="/mutate-v1-pod/"), 404, None),
        (a_scope(method="GET"), 405, ("allow", "POST")),
        (a_scope(method="HEAD"), 405, ("allow", "POST")),
        (a_scope(headers={"content-type": "text/plain"}), 415, None),
        (a_scope(headers={"content-type": ""}), 415, None),
        (a_scope(headers={"content-type": "application/jsonx"}), 415, None),
        (a_scope(headers={"content-encoding": "gzip"}), 415, None),
    ],
)
async def test_a_request_that_is_not_for_us_is_told_so(
    scope: dict[str, Any], status: int, header: tuple[str, str] | None
) -> None:
    answer = await ask(an_app(), a_review(), scope)
    assert answer.status == status
    assert answer.json["kind"] == "Status"
    assert answer.json["code"] == status
    assert answer.json["message"]
    assert answer.headers["connection"] == "close"
    if header:
        assert answer.headers[header[0]] == header[1]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/json;x",
        "application/json ",
    ],
)
async def test_a_content_type_may_have_parameters(content_type: str) -> None:
    scope = a_scope(headers={"content-type": content_type})
    assert (await ask(an_app(), a_review(), scope)).status == 200


@pytest.mark.parametrize("cut", [1, 7, 1000])
async def test_a_body_may_come_in_pieces(cut: int) -> None:
    body = dumped(a_review())
    pieces = [body[start : start + cut] for start in range(0, len(body), cut)]
    assert (await ask(an_app(), [*pieces, b""])).operations


async def test_a_body_of_seven_mebibytes_is_taken() -> None:
    pod = a_pod()
    pod["metadata"]["annotations"] = {"filler": "x" * 7 * 1024 * 1024}
    body = dumped(a_review(pod))
    assert (await ask(an_app(), body)).operations
    assert (await ask(an_app(), [body[:100_000], body[100_000:]])).operations


async def test_a_body_over_the_limit_is_a_413_by_its_length() -> None:
    scope = a_scope(headers={"content-length": "1001"})
    answer = await ask(an_app(max_body_bytes=1000), [b"x" * 1001], scope)
    assert answer.status == 413
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("pieces", [[b"x" * 1001], [b"x" * 600, b"x" * 401], [b"x" * 600] * 3])
async def test_a_body_over_the_limit_is_a_413_while_it_comes(pieces: list[bytes]) -> None:
    app = an_app(max_body_bytes=1000)
    assert (await ask(app, pieces)).status == 413


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        ({"content-length": "1500"}, 0),
        ({}, 0),
        ({"content-length": "1500", "expect": "100-continue"}, 3),
        ({"content-length": "5000"}, 3),
    ],
)
async def test_what_is_on_its_way_is_read_off_before_a_413(
    headers: dict[str, str], left: int
) -> None:
    """A connection closed with unread data is reset, and the answer may be lost."""
    pieces = [{"type": "http.request", "body": b"x" * 700, "more_body": True} for _ in range(2)]
    pieces.append({"type": "http.request", "body": b"x" * 100, "more_body": False})
    sent: list[Any] = []

    async def receive() -> Any:
        return pieces.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await an_app(max_body_bytes=1000)(a_scope(headers=headers), receive, send)
    assert sent[0]["status"] == 413
    assert len(pieces) == left


async def test_only_so_many_large_bodies_are_in_memory_at_a_time() -> None:
    """The others wait, and are told to come again when their time is over."""
    release = asyncio.Event()

    async def live(_: str, __: str) -> Account:
        await release.wait()
        return an_account()

    pod = a_pod()
    pod["metadata"]["annotations"] = {"filler": "x" * 100_000}
    body = dumped(a_review(pod))
    app = an_app(FakeAccounts(live=live))
    held = [asyncio.create_task(ask(app, body)) for _ in range(8)]
    for _ in range(10):
        await asyncio.sleep(0)
    late = await ask(app, body, a_scope(query="timeout=50ms"))
    assert late.status == 429
    assert late.headers["retry-after"] == "1"
    waits = asyncio.create_task(ask(app, body))
    release.set()
    for one in [*held, waits]:
        assert (await one).operations


@pytest.mark.parametrize(
    "parts",
    [b"[" + b"[]," * 200_000 + b"1]", b"[" + b"{}," * 200_000 + b"1]", b"[" + b"1," * 500_001],
)
async def test_a_large_body_of_very_many_parts_is_not_parsed(parts: bytes) -> None:
    answer = await ask(an_app(), parts)
    assert answer.status == 413
    assert answer.json["reason"] == "RequestEntityTooLarge"
    assert "200000 objects and lists" in answer.json["message"]


async def test_a_large_pod_has_fewer_parts_than_are_allowed() -> None:
    """As many variables as go into the 3 MiB that the API server takes of a pod."""
    variables = [{"name": f"V{number}", "value": "x"} for number in range(120_000)]
    review = a_review(a_pod({"name": "app", "image": "x", "env": variables}))
    assert len(dumped(review)) > 3 * 1024 * 1024
    assert (await ask(an_app(), review)).operations


async def test_a_client_that_goes_away_gets_no_answer() -> None:
    metrics = Metrics()
    app = an_app(metrics=metrics)
    messages = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        raise AssertionError(message)

    await app(a_scope(), receive, send)
    assert metrics.results[Result.GONE] == 1


async def test_an_error_of_ours_is_a_refusal_that_says_nothing_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    secret = "s3cr3t"

    def breaks(pod: Any, namespace: str, account: Account) -> Injected | Refused:
        raise KeyError(secret)

    metrics = Metrics()
    with caplog.at_level(logging.DEBUG):
        answer = await ask(an_app(metrics=metrics, decide=breaks), a_review())
    assert answer.response == {
        "uid": UID,
        "allowed": False,
        "status": {
            "status": "Failure",
            "code": 500,
            "reason": "InternalError",
            "message": "internal error",
        },
    }
    assert metrics.results[Result.INTERNAL] == 1
    (line,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert vars(line)["error"] == "KeyError"
    assert "test_admission.py" in vars(line)["stack"][-1]
    assert secret not in str(vars(line))


async def test_a_cancelled_request_is_not_taken_for_an_error_of_ours() -> None:
    async def live(_: str, __: str) -> Account:
        await asyncio.Event().wait()
        raise AssertionError

    asking = asyncio.create_task(ask(an_app(FakeAccounts(live=live)), a_review()))
    await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_a_log_line_names_some_of_very_many_faults(caplog: pytest.LogCaptureFixture) -> None:
    wrong = [{"name": f"c{number}", "env": "none"} for number in range(50)]
    with caplog.at_level(logging.INFO):
        answer = await ask(an_app(), a_review(a_pod(*wrong)))
    assert answer.response["allowed"] is False
    (line,) = [record for record in caplog.records if record.message == "refused"]
    assert len(vars(line)["where"]) == 20


async def test_logs_hold_nothing_of_the_pod(caplog: pytest.LogCaptureFixture) -> None:
    secret = "s3cr3t"
    env = [{"name": "PASSWORD", "value": secret}]
    pods = [
        a_pod({"name": "app", "image": secret, "env": env}),
        a_pod(
            {"name": "app", "env": env},
            annotations={"service-account-token-expiration": secret},
        ),
        a_pod({"name": secret, "env": env, "volumeMounts": secret}),
    ]
    with caplog.at_level(logging.DEBUG):
        for pod in pods:
            await ask(an_app(), a_review(pod))
        await ask(an_app(), b'{"password": "s3cr3t"')
        await ask(an_app(), {"password": secret})
    assert len(caplog.records) == 5
    for record in caplog.records:
        assert secret not in str(vars(record))


async def test_every_review_is_observed_under_its_namespace() -> None:
    metrics = Metrics()
    app = an_app(metrics=metrics)
    await ask(app, a_review())
    await ask(app, a_review(a_pod(annotations={"service-account-token-expiration": "60"})))
    count = metrics.registry.get_sample_value(
        "azwi_mutation_request_count", {"namespace": NAMESPACE}
    )
    assert count == 2
