"""What passes through a gateway, and what each rule makes of it."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.gateway import DROP, Answer, Call, Fate, Gateway, Gateways, Upstream
from tests.gateway.calls import template_of
from tests.gateway.conftest import Far, calling

CLIENT = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
RESOURCES = "providers/Microsoft.ManagedIdentity/userAssignedIdentities"


def test_a_call_passes_as_it_is_and_so_does_its_answer(
    caller: httpx.Client, gate: Gateway, far: Far
) -> None:
    path = "/v1/things/a%2Fb?filter=x%20eq%20%27y%27"
    answer = caller.post(path, json={"a": 1}, headers={"Authorization": "Bearer mine"})
    told = answer.json()
    assert told["path"] == path
    assert told["body"] == '{"a":1}'
    assert told["headers"]["Authorization"] == "Bearer mine"
    assert answer.headers["X-Request"] == "17"
    assert caller.get("/missing").status_code == 404
    assert [(str(call), call.status, call.fate) for call in gate.calls] == [
        ("upstream POST /v1/things/a/b", 200, Fate.ANSWERED),
        ("upstream GET /missing", 404, Fate.ANSWERED),
    ]
    assert gate.calls[0].json() == {"a": 1}
    assert "Bearer" not in repr(gate.calls)


def test_a_large_body_passes(caller: httpx.Client) -> None:
    body = "x" * 3_000_000
    assert caller.put("/v1/map", content=body).json()["body"] == body


def test_the_gateway_s_credentials_take_the_place_of_the_caller_s(
    gates: Gateways, far: Far
) -> None:
    upstream = Upstream(
        far.upstream.url,
        far.upstream.context,
        signed_in=True,
        headers={"Authorization": "Bearer the-gateway-s"},
    )
    with calling(gates, gates.to(upstream)) as caller:
        told = caller.get("/v1/a", headers={"Authorization": "Bearer mine"}).json()
    assert told["headers"]["Authorization"] == "Bearer the-gateway-s"


def test_a_gateway_with_a_client_certificate_passes_no_token_on(gates: Gateways, far: Far) -> None:
    upstream = Upstream(far.upstream.url, far.upstream.context, signed_in=True)
    with calling(gates, gates.to(upstream)) as caller:
        told = caller.get("/v1/a", headers={"Authorization": "Bearer mine"}).json()
    assert "Authorization" not in told["headers"]


def test_an_answer_in_place_of_the_upstream_s(
    caller: httpx.Client, gate: Gateway, far: Far
) -> None:
    rule = gate.answer("GET", "^/v1/a$", 429, {"why": "slow"}, {"Retry-After": "3"}, nth=2, times=1)
    answers = [caller.get("/v1/a") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 429, 200]
    assert answers[1].json() == {"why": "slow"}
    assert answers[1].headers["Retry-After"] == "3"
    assert far.reached == ["GET /v1/a"] * 2
    assert rule.met == [gate.calls[1]]
    assert gate.calls[1].fate is Fate.MADE_UP


def test_rules_are_for_calls_that_fit_both(caller: httpx.Client, gate: Gateway) -> None:
    gate.answer("POST|PUT", r"/a\?x=1$", 500)
    assert caller.get("/v1/a?x=1").status_code == 200
    assert caller.post("/v1/a").status_code == 200
    assert caller.put("/v1/a?x=1").status_code == 500


def test_a_rule_taken_away_applies_no_more(caller: httpx.Client, gate: Gateway) -> None:
    first = gate.answer("GET", "/a", 500)
    gate.answer("GET", "/b", 500)
    first.off()
    assert caller.get("/v1/a").status_code == 200
    gate.clear()
    assert caller.get("/v1/b").status_code == 200


def test_a_connection_is_dropped_before_its_call_is_forwarded(
    caller: httpx.Client, gate: Gateway, far: Far
) -> None:
    gate.drop_before("POST", "/a", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        caller.post("/v1/a")
    assert far.reached == []
    assert caller.post("/v1/a").status_code == 200
    assert [call.fate for call in gate.calls] == [Fate.DROPPED_BEFORE, Fate.ANSWERED]


def test_an_answer_is_lost(caller: httpx.Client, gate: Gateway, far: Far) -> None:
    gate.drop_after("POST", "/a", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        caller.post("/v1/a")
    assert far.reached == ["POST /v1/a"]
    assert gate.calls[0].fate is Fate.DROPPED_AFTER
    assert gate.calls[0].status == 200


@pytest.mark.parametrize("answers", [False, True])
def test_a_call_is_held_until_it_is_released(
    caller: httpx.Client, gate: Gateway, far: Far, answers: bool
) -> None:
    rule, hold = gate.hold("GET", "/a", answers=answers, times=1)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(caller.get, "/v1/a")
        call = rule.wait_met()
        assert caller.get("/v1/b").status_code == 200
        assert call.fate is Fate.UNDER_WAY
        assert ("GET /v1/a" in far.reached) is answers
        hold.release()
        assert asked.result(10).status_code == 200


def test_a_held_call_may_be_refused_in_the_end(caller: httpx.Client, gate: Gateway) -> None:
    rule, hold = gate.hold("GET", "/a")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(caller.get, "/v1/a")
        rule.wait_met()
        hold.release(Answer.of(503))
        assert asked.result(10).status_code == 503


def test_a_call_is_forwarded_later(caller: httpx.Client, gate: Gateway, far: Far) -> None:
    gate.delay("GET", "/a", 60.0)
    gate.delay("GET", "/b", 0.01)
    with pytest.raises(httpx.ReadTimeout):
        caller.get("/v1/a", timeout=httpx.Timeout(5, read=0.1))
    assert far.reached == []
    assert caller.get("/v1/b").status_code == 200


def test_something_runs_before_a_call_is_forwarded(
    caller: httpx.Client, gate: Gateway, far: Far
) -> None:
    seen: list[list[str]] = []

    def look(call: Call) -> None:
        seen.append(list(far.reached))

    gate.before("GET", "/a", look)
    assert caller.get("/v1/a").status_code == 200
    assert seen == [[]]


def test_something_runs_before_an_answer_is_passed_on(
    caller: httpx.Client, gate: Gateway, far: Far
) -> None:
    seen: list[list[str]] = []

    def look(call: Call) -> None:
        seen.append(list(far.reached))

    gate.after("GET", "/a", look)
    assert caller.get("/v1/a").status_code == 200
    assert seen == [["GET /v1/a"]]


def test_what_runs_before_may_drop_the_call(caller: httpx.Client, gate: Gateway, far: Far) -> None:
    gate.before("GET", "/a", lambda _: DROP)
    with pytest.raises(httpx.RemoteProtocolError):
        caller.get("/v1/a")
    assert far.reached == []


def test_a_call_whose_caller_left_is_forwarded_all_the_same(
    gates: Gateways, gate: Gateway, far: Far
) -> None:
    """As when a process is killed while its request is on the way."""
    rule, hold = gate.hold("POST", "/a", answers=True)
    with calling(gates, gate) as caller, pytest.raises(httpx.ReadTimeout):
        caller.post("/v1/a", timeout=httpx.Timeout(5, read=0.05))
    gates.ledger.wait(lambda calls: calls[0].fate is Fate.LEFT)
    assert rule.met
    assert far.reached == ["POST /v1/a"]
    hold.release()


def test_what_the_upstream_works_at_is_not_broken_off(
    gates: Gateways, gate: Gateway, far: Far
) -> None:
    with calling(gates, gate) as caller, pytest.raises(httpx.ReadTimeout):
        caller.post("/v1/slow", timeout=httpx.Timeout(5, read=0.05))
    gates.ledger.wait(lambda calls: calls[0].fate is Fate.LEFT)
    far.go_on()
    assert far.finished.wait(5)


def test_a_stream_passes_as_it_comes(caller: httpx.Client, gate: Gateway, far: Far) -> None:
    with caller.stream("GET", "/v1/a?watch=1") as answer:
        lines = answer.iter_lines()
        for line in ("one", "two"):
            far.tell(line)
            assert next(lines) == line
        far.tell(None)
        assert list(lines) == []
    assert str(gate.calls[0]) == "upstream GET /v1/a (watch)"


def test_a_stream_whose_caller_leaves_ends_at_the_upstream(
    caller: httpx.Client, gate: Gateway, far: Far
) -> None:
    with caller.stream("GET", "/v1/a?watch=1"):
        pass
    assert far.watch_ended.wait(10)


def test_a_stream_is_cut(caller: httpx.Client, gate: Gateway, far: Far) -> None:
    with caller.stream("GET", "/v1/a?watch=1") as answer:
        far.tell("one")
        lines = answer.iter_lines()
        assert next(lines) == "one"
        assert gate.under_way(lambda call: call.kind == "watch") == 1
        assert gate.cut(lambda call: call.kind == "watch") == 1
        with pytest.raises(httpx.TransportError):
            next(lines)
        gate.ledger.wait(lambda calls: calls[0].fate is not Fate.UNDER_WAY)
        assert gate.under_way() == 0


def test_a_stream_is_stalled_and_flows_again(caller: httpx.Client, gate: Gateway, far: Far) -> None:
    with caller.stream("GET", "/v1/a?watch=1") as answer:
        lines = answer.iter_lines()
        far.tell("one")
        assert next(lines) == "one"
        gate.stall()
        far.tell("two")
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(next, lines)
            with pytest.raises(TimeoutError):
                second.result(0.2)
            gate.flow()
            assert second.result(10) == "two"


def test_an_upstream_that_is_away_is_told_as_503(gates: Gateways) -> None:
    gate = gates.to()
    with calling(gates, gate) as caller:
        assert caller.get("/v1/a").status_code == 503
    assert gate.calls[0].fate is Fate.FAILED


def test_gateways_count_their_calls_together(
    caller: httpx.Client, gates: Gateways, gate: Gateway, far: Far
) -> None:
    other = gates.to(far.upstream, "other")
    with calling(gates, other) as through_the_other:
        caller.get("/v1/a")
        through_the_other.get("/v1/a")
        caller.get("/v1/a")
    assert [(call.number, call.gateway) for call in gates.ledger.calls] == [
        (1, "upstream"),
        (2, "other"),
        (3, "upstream"),
    ]


def test_quiet_waits_for_calls_under_way(
    caller: httpx.Client, gates: Gateways, gate: Gateway
) -> None:
    rule, hold = gate.hold("GET", "/a")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(caller.get, "/v1/a")
        rule.wait_met()
        with pytest.raises(AssertionError, match="went on"):
            gates.ledger.quiet(0.05, within=0.2)
        hold.release()
        gates.ledger.quiet(0.05, within=10)
        assert asked.result(10).status_code == 200


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/api/v1/serviceaccounts", "/api/v1/serviceaccounts"),
        ("/api/v1/namespaces/shop", "/api/v1/namespaces/{name}"),
        (
            "/api/v1/namespaces/shop/serviceaccounts/pay/token",
            "/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
        ),
        (
            "/apis/azure.workload.identity/v1alpha1/namespaces/shop/fics/pay-1/status",
            "/apis/azure.workload.identity/v1alpha1/namespaces/{namespace}/fics/{name}/status",
        ),
        (f"/{CLIENT}/oauth2/v2.0/token", "/{id}/oauth2/v2.0/token"),
        (f"/v1.0/applications(appId='{CLIENT}')", "/v1.0/applications(appId='{id}')"),
        (
            f"/v1.0/applications/{CLIENT}/federatedIdentityCredentials/azwi-1",
            "/v1.0/applications/{name}/federatedIdentityCredentials/{name}",
        ),
        (
            f"/subscriptions/{CLIENT}/resourceGroups/shop/{RESOURCES}/mail",
            f"/subscriptions/{{name}}/resourceGroups/{{name}}/{RESOURCES}/{{name}}",
        ),
    ],
)
def test_names_are_left_out_of_a_path(path: str, template: str) -> None:
    assert template_of(path) == template


@pytest.mark.parametrize(
    ("method", "path", "query", "kind"),
    [
        ("GET", "/api/v1/serviceaccounts", {}, "read"),
        ("GET", "/api/v1/serviceaccounts", {"watch": "true"}, "watch"),
        ("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {}, "read"),
        ("POST", "/api/v1/namespaces/shop/events", {}, "write"),
        ("DELETE", "/v1.0/applications/a", {}, "write"),
        ("POST", f"/{CLIENT}/oauth2/v2.0/token", {}, "read"),
    ],
)
def test_calls_are_of_three_kinds(method: str, path: str, query: dict[str, str], kind: str) -> None:
    assert Call(1, "api", method, path, query).kind == kind
