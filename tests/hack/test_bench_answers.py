"""What the benchmark's drivers send and how they read answers."""

import json

import pytest

from hack.bench.answers import ALLOWED_WITH_PATCH, REFUSED, NotHttp, complete, holds
from hack.bench.cost import imported
from hack.bench.creation import pod_for
from hack.bench.reviews import AccountName, bodies_for, captured, pod_bytes, request_for
from hack.bench.stage import account
from hack.bench.wrk import WrkRun, read_result
from identity.names import CLIENT_ID

_ACCOUNT = AccountName("team-007", "billing")


def _answer(body: bytes, head: bytes = b"HTTP/1.1 200 OK\r\n") -> bytes:
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


def test_an_answer_is_complete_with_its_last_byte() -> None:
    answer = _answer(b'{"a": 1}')

    assert complete(answer)
    assert not any(complete(answer[:end]) for end in range(len(answer)))


def test_an_answer_in_chunks_is_complete_with_the_last_one() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"

    assert complete(answer)
    assert not any(complete(answer[:end]) for end in range(len(answer)))


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n"])
def test_what_has_no_end_is_not_waited_for(answer: bytes) -> None:
    with pytest.raises(NotHttp):
        complete(answer)


def test_only_a_mutation_counts_as_one() -> None:
    dense = b'{"response":{"allowed":true,"patchType":"JSONPatch","patch":"W10="}}'

    assert holds(_answer(dense), ALLOWED_WITH_PATCH)
    assert holds(_answer(json.dumps(json.loads(dense)).encode()), ALLOWED_WITH_PATCH)
    assert not holds(_answer(b'{"response":{"allowed":true}}'), ALLOWED_WITH_PATCH)
    assert not holds(_answer(dense, b"HTTP/1.1 500 Oh\r\n"), ALLOWED_WITH_PATCH)
    assert holds(_answer(b'{"response":{"allowed":false}}'), REFUSED)


def test_the_pod_is_as_large_as_the_table_says_and_has_three_containers() -> None:
    review = captured()

    assert 6000 < pod_bytes(review) < 6700
    assert len(review["request"]["object"]["spec"]["containers"]) == 3
    assert review["request"]["object"]["metadata"]["managedFields"]


def test_reviews_differ_in_their_account_and_uid() -> None:
    first, second = (json.loads(body)["request"] for body in bodies_for([_ACCOUNT, _ACCOUNT]))

    assert first["uid"] != second["uid"]
    assert first["namespace"] == first["object"]["metadata"]["namespace"] == _ACCOUNT.namespace
    assert first["object"]["spec"]["serviceAccountName"] == _ACCOUNT.name


def test_a_request_is_complete_in_itself() -> None:
    head, _, body = request_for(b'{"a": 1}', "127.0.0.1").partition(b"\r\n\r\n")

    assert head.startswith(b"POST /mutate-v1-pod?timeout=10s HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    assert b"\r\nContent-Length: 8\r\n" in head
    assert body == b'{"a": 1}'


def test_the_pod_that_is_created_has_nothing_that_the_api_server_adds() -> None:
    pod = pod_for(_ACCOUNT)

    assert pod["spec"]["serviceAccountName"] == _ACCOUNT.name
    assert set(pod["metadata"]) == {"generateName", "labels"}
    assert [volume["name"] for volume in pod["spec"]["volumes"]] == ["tmp"]
    assert all(len(container["volumeMounts"]) == 1 for container in pod["spec"]["containers"])


def test_service_accounts_are_the_same_in_every_run() -> None:
    method, path, body = account(_ACCOUNT)

    assert (method, path) == ("POST", "/api/v1/namespaces/team-007/serviceaccounts")
    assert body == account(_ACCOUNT)[2]
    assert len(body["metadata"]["annotations"][CLIENT_ID]) == 36


def test_what_wrk_prints_beside_the_result_is_skipped() -> None:
    output = (
        "Running 3s test @ https://127.0.0.1:1/\n  Latency  2ms\n"
        'RESULT {"count": 30, "seconds": 3.0, "p50_ms": 1.5, "p99_ms": 9, "wrong": 0}\n'
    )

    assert read_result(output) == WrkRun(30, 3.0, 1.5, 9, 0)
    assert read_result(output.partition("RESULT")[0]) is None


def test_imported_modules_are_read_whatever_else_is_logged() -> None:
    log = (
        '{"message": "starting"}\nimport time: self [us] | cumulative | imported package\n'
        "import time:       120 |        120 |   uvloop.loop\nimport time: 7 | 127 | uvloop\n"
    )

    assert {"uvloop", "uvloop.loop"} <= imported(log)
    assert "starting" not in imported(log)
