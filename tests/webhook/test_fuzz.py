"""The fuzzer in short (`make fuzz` is the long one), and that it would find something."""

import asyncio
import base64
import json
import random
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hack.fuzz.additive import loss
from hack.fuzz.case import Answer, Case, Expected, Layer, Seen, request
from hack.fuzz.cases import deal
from hack.fuzz.oracle import Kind, judge
from hack.fuzz.report import lines_of
from hack.fuzz.reviews import QUOTABLE, SECRET, a_review, written
from hack.fuzz.run import Plan, Report, Run
from hack.fuzz.stage import WEBHOOK, on_stage
from hack.fuzz.vitals import MEBIBYTE, Vitals, compare, judge_log, judge_metrics

Json = dict[str, Any]


def fuzz(plan: Plan, launcher: tuple[str, ...] = WEBHOOK) -> Report:
    with on_stage(launcher) as stage:
        report = asyncio.run(Run(stage, plan, lambda _: None).play())
    print("\n".join(lines_of(report)))  # noqa: T201 - with the seed, where the test fails
    return report


def test_malformed_reviews_break_nothing() -> None:
    report = fuzz(Plan(secrets.randbelow(10**9), count=600, seconds=10.0, hurry=True))
    assert not report.kinds
    assert report.done > 100
    assert set(report.table) == set(Layer)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("answers-500", Kind.SERVER_ERROR),
        ("hangs", Kind.HANG),
        ("leaks-memory", Kind.MEMORY),
        ("logs-secrets", Kind.LOG),
    ],
)
def test_a_fault_built_into_the_server_is_what_is_found(fault: str, kind: Kind) -> None:
    patience = 2.0 if kind is Kind.HANG else 20.0
    plan = Plan(5, count=120, patience=patience, hurry=True)  # some six reviews show the fault
    assert set(fuzz(plan, ("-m", "hack.fuzz.broken", fault)).kinds) == {kind}


def test_a_seed_and_an_index_make_the_same_case_each_time() -> None:
    assert [deal(7, index) for index in range(200)] == [deal(7, index) for index in range(200)]
    assert deal(7, 3) != deal(8, 3)


# The oracle, case by case.


@pytest.fixture
def review() -> Json:
    return a_review(random.Random(1))


def answered(
    review: Json | bytes, response: Json | None, *, status: int = 200, **expected: Any
) -> set[Kind]:
    """Judge one answer to a review; a response of None leaves a body of no use."""
    body = review if isinstance(review, bytes) else written(review)
    told = b"x" if response is None else written(answer_to(review, response))
    case = Case(Layer.POD, "", (request(body),), (body,), Expected(**expected))
    return {found.kind for found in judge(case, Seen((Answer(status, {}, told),)))}


def answer_to(review: Json | bytes, response: Json) -> Json:
    asked = json.loads(review) if isinstance(review, bytes) else review
    return {
        "apiVersion": asked["apiVersion"],
        "kind": "AdmissionReview",
        "response": {"uid": asked["request"]["uid"], "allowed": True, **response},
    }


def patched(*operations: Json, **more: Any) -> Json:
    patch = base64.b64encode(written(list(operations))).decode()
    return {"patchType": "JSONPatch", "patch": patch, **more}


def refused(code: int, message: str) -> Json:
    return {"allowed": False, "status": {"code": code, "message": message}}


ADD: Json = {"op": "add", "path": "/spec/x", "value": 1}


def test_what_is_right_is_no_finding(review: Json) -> None:
    assert not answered(review, {})
    assert not answered(review, patched(ADD), admitted=True)
    assert not answered(review, refused(400, "annotation x: ..."))
    assert not answered(review, refused(500, "it can be tried again"), may_fail=True)
    assert not answered(b"{", None, status=400)


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        ({"uid": "another"}, Kind.STRANGER),
        ({"allowed": "true"}, Kind.REVIEW),
        ({"allowed": False}, Kind.WORDLESS),
        (refused(400, ""), Kind.WORDLESS),
        (refused(403, "no"), Kind.REVIEW),
        (refused(500, "it can be tried again"), Kind.FAILURE),
        ({"warnings": ["x" * 121]}, Kind.WARNING),
        ({"warnings": [f"the value is {SECRET}"]}, Kind.SECRET),
        (patched({"op": "add", "path": "/spec/x", "value": SECRET}), Kind.SECRET),
        ({"patchType": "JSONPatch", "patch": "%"}, Kind.PATCH),
        (patched({"op": "add", "path": "/nowhere/x", "value": 1}), Kind.PATCH),
        (patched({"op": "remove", "path": "/spec/volumes/0"}), Kind.PATCH),
        (patched({"op": "remove", "path": "/spec/volumes/0"}), Kind.LOSS),
        (patched({"op": "replace", "path": "/spec/containers", "value": []}), Kind.LOSS),
        (patched(ADD) | {"patchType": "Merge"}, Kind.PATCH),
        ({"message": "Internal Error"}, Kind.INTERNAL),
        ({"message": 'File "/app/webhook/run.py"'}, Kind.INSIDE),
        ({"message": "x" * 5 * MEBIBYTE}, Kind.SIZE),
    ],
)
def test_a_wrong_review_is_a_finding(review: Json, response: Json, kind: Kind) -> None:
    assert kind in answered(review, response)


def test_a_wrong_status_is_a_finding(review: Json) -> None:
    assert answered(review, None, status=503) == {Kind.SERVER_ERROR}
    assert answered(review, None, status=302) == {Kind.STATUS}
    assert answered(review, None, status=408) == {Kind.STATUS}
    assert answered(review, None, status=400, reviewed=True) == {Kind.STATUS}
    assert answered(review, {}, admitted=True) == {Kind.REFUSED}


def test_a_review_for_what_is_no_review_is_a_finding(review: Json) -> None:
    body = written(review).replace(b'"dryRun":false', b'"dryRun":NaN')
    if b"NaN" not in body:
        body = written(review)[:-1] + b',"x":NaN}'
    case = Case(Layer.JSON, "", (request(body),), (body,))
    answer = Answer(200, {}, written(answer_to(review, {})))
    assert [found.kind for found in judge(case, Seen((answer,)))] == [Kind.STRANGER]


def test_a_container_that_is_named_by_a_secret_may_be_named(review: Json) -> None:
    review["request"]["object"]["spec"]["containers"][0]["name"] = SECRET
    assert not answered(review, {"warnings": [f"container {SECRET} has its own mount"]})


def test_silence_is_a_finding_unless_the_case_asks_for_it() -> None:
    case = Case(Layer.POD, "", (b"x",))
    assert [found.kind for found in judge(case, Seen(closed=True))] == [Kind.SILENCE]
    assert [found.kind for found in judge(case, Seen(timed_out=True))] == [Kind.HANG]
    assert [found.kind for found in judge(case, Seen(closed=True, fault="x"))] == [Kind.BROKEN]
    odd = Case(Layer.TLS, "", (b"x",), expected=Expected(may_close=True))
    assert not list(judge(odd, Seen(closed=True)))


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        ({"a": [1, 2]}, {"a": [0, 1, 5, 2], "b": 1}, ""),
        ({"a": None, "metadata": {"namespace": ""}}, {"a": [], "metadata": {"namespace": "x"}}, ""),
        ({"a": 1}, {}, "/a is gone"),
        ({"a": [1, 2]}, {"a": [2, 1]}, "/a/1 is gone"),
        ({"a": [{"name": "x", "b": 1}]}, {"a": [{"name": "x", "b": 2}]}, "/a/0/b has changed"),
        ({"a": True}, {"a": False}, "/a has changed"),
    ],
)
def test_a_patch_may_only_add(before: Json, after: Json, lost: str) -> None:
    assert loss(before, after) == lost


# What shows only in the whole.


def test_200_bytes_a_request_over_a_hundred_thousand_are_a_leak() -> None:
    first = Vitals(57 * MEBIBYTE, 19, 2, 0)
    warm = Vitals(60 * MEBIBYTE, 19, 2, 0)
    leaking = Vitals(60 * MEBIBYTE + 200 * 90_000, 19, 2, 0)
    settled = Vitals(66 * MEBIBYTE, 40, 3, 0)
    assert [found.kind for found in compare(first, warm, leaking, 90_000)] == [Kind.MEMORY]
    assert not list(compare(first, warm, settled, 90_000))


def test_connections_files_and_threads_that_stay_are_findings() -> None:
    before = Vitals(0, 19, 2, 0)
    after = Vitals(0, 90, 60, 1)
    found = [each.kind for each in compare(before, before, after, 100)]
    assert found == [Kind.CONNECTIONS] * 3


INTERNAL = 'azwi_requests_total{outcome="error",reason="internal"} '


@pytest.mark.parametrize(
    ("metrics", "kinds"),
    [
        (INTERNAL + "0.0\n", []),
        (INTERNAL + "2.0\n", [Kind.INTERNAL]),
        ("", [Kind.METRICS]),
        (f'x{{namespace="{SECRET}"}} 1\n{INTERNAL}0.0\n', [Kind.METRICS]),
        ("x 1\n" * 3 * MEBIBYTE + f"\n{INTERNAL}0.0\n", [Kind.METRICS]),
        (f'x{{namespace="{"n" * 2000}"}} 1\n{INTERNAL}0.0\n', [Kind.METRICS]),
    ],
)
def test_metrics_hold_no_secret_and_no_internal_error(metrics: str, kinds: list[Kind]) -> None:
    assert [found.kind for found in judge_metrics(metrics)] == kinds


LINE: Json = {"timestamp": "", "level": "info", "message": "m"}


def log_lines() -> Iterator[tuple[str, str]]:
    yield json.dumps(LINE), ""
    yield "plain", "no JSON"
    yield "[]", "not a log line's keys"
    yield json.dumps(LINE | {"pod": SECRET}), "it holds a canary"
    yield json.dumps(LINE | {"annotation": QUOTABLE}), "it holds a canary"
    yield json.dumps(LINE | {"error": "Traceback (most recent call last)"}), "a traceback"
    yield json.dumps(LINE | {"where": "x" * 20_000}), "longer than 16384 bytes"
    yield json.dumps(LINE | {"message": "unexpected error"}), "an unexpected error"
    lost = json.dumps(LINE | {"message": "Task exception was never retrieved"})
    yield lost, "an error or a task that nobody waited for"


@pytest.mark.parametrize(("line", "fault"), list(log_lines()))
def test_a_log_is_lines_of_json_without_secrets(tmp_path: Path, line: str, fault: str) -> None:
    log = tmp_path / "log"
    log.write_text(f"{json.dumps(LINE)}\n{line}\n")
    found = [each.detail for each in judge_log(log)]
    assert len(found) == bool(fault)
    assert all(detail.startswith(f"line 2: {fault}") for detail in found)
