"""Whatever comes in: a 4xx with a reason, or a well-formed review."""

import json
import random
from typing import Any

import pytest

from tests.builders import a_container, a_pod
from tests.webhook.server.doubles import UID, Answer, FakeAccounts, a_review, an_app, ask, dumped
from webhook.metrics import Result

DEEP = 3000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"nonsense",
        b"null",
        b"1",
        b'"review"',
        b"[]",
        b"{}",
        b"\xff\xfe\x00",
        b"\xef\xbb\xbf{}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b'{"a": "\\ud800"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": 1',
        b'{"a": 1} x',
        b"[" * DEEP + b"]" * DEEP,
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        b"apiVersion: admission.k8s.io/v1\nkind: AdmissionReview\n",
    ],
)
async def test_a_body_that_is_no_review_is_a_400(body: bytes) -> None:
    answer = await ask(an_app(), body)
    assert answer.status == 400
    assert answer.json["reason"] == "BadRequest"
    assert answer.json["message"]
    assert "connection" not in answer.headers


@pytest.mark.parametrize(
    "change",
    [
        {"apiVersion": "admission.k8s.io/v2"},
        {"apiVersion": None},
        {"apiVersion": ["admission.k8s.io/v1"]},
        {"apiVersion": {}},
        {"kind": "Pod"},
        {"kind": None},
        {"kind": ["AdmissionReview"]},
        {"request": None},
        {"request": []},
        {"request": "x"},
        {"request": {}},
        {"request": {"uid": None}},
        {"request": {"uid": 5}},
        {"request": {"uid": ""}},
        {"request": {"uid": "x" * 129}},
        {"request": {"uid": ["a"]}},
    ],
)
async def test_a_review_that_cannot_be_answered_is_a_400(change: dict[str, Any]) -> None:
    assert (await ask(an_app(), {**a_review(), **change})).status == 400


@pytest.mark.parametrize(
    "request_fields",
    [
        {"object": None},
        {"object": []},
        {"object": "pod"},
        {"object": 1},
        {"namespace": None},
        {"namespace": ""},
        {"namespace": 5},
        {"namespace": {}},
        {"operation": 5},
        {"operation": ["CREATE"]},
        {"subResource": {}},
        {"kind": "Pod"},
        {"kind": []},
        {"resource": "pods"},
    ],
)
async def test_a_review_of_no_possible_pod_is_a_refusal(request_fields: dict[str, Any]) -> None:
    answer = await ask(an_app(), a_review(**request_fields))
    assert answer.response["uid"] == UID
    assert answer.response["allowed"] is False
    assert answer.response["status"]["code"] == 400
    assert answer.response["status"]["message"]


@pytest.mark.parametrize(
    "pod",
    [
        a_pod() | {"spec": []},
        a_pod() | {"spec": None},
        a_pod() | {"metadata": []},
        a_pod() | {"metadata": {"annotations": {"a": 5}}},
        a_pod() | {"metadata": {"annotations": ["a"]}},
        a_pod(serviceAccountName={"a": 1}),
        a_pod(serviceAccountName=5),
        a_pod(containers="app"),
        a_pod(containers=["app", 5, None]),
        a_pod(containers=[{"name": 5}]),
        a_pod(a_container(env=[5])),
        a_pod(a_container(env={"a": "b"})),
        a_pod(a_container(volumeMounts=[{"name": "x", "mountPath": 5}])),
        a_pod(volumes={"a": 1}),
        a_pod(initContainers=5),
    ],
)
async def test_a_pod_of_wrong_types_is_a_refusal(pod: dict[str, Any]) -> None:
    answer = await ask(an_app(), a_review(pod))
    assert answer.response["allowed"] is False
    assert answer.response["status"]["code"] == 400


async def test_of_two_equal_keys_the_last_one_counts_as_in_go() -> None:
    body = dumped(a_review()).replace(b'"uid":', b'"uid": 5, "uid":', 1)
    assert (await ask(an_app(), body)).response["uid"] == UID


async def test_a_huge_number_is_no_trouble() -> None:
    body = dumped(a_review()).replace(b'"dryRun":false', b'"dryRun":' + b"9" * 300)
    assert (await ask(an_app(), body)).operations


async def test_a_message_is_not_of_any_length() -> None:
    pod = a_pod(*(a_container(f"c{index}", env=5) for index in range(2000)))
    answer = await ask(an_app(), a_review(pod))
    assert len(answer.response["status"]["message"]) <= 4096


JUNK: list[Any] = [
    *(None, True, 0, -1, 1.5, 2**70, "", "x", "true", "\x00", "\U0001f600", "a" * 5000),
    *([], {}, [[]], [None], [5], {"a": None}, {"name": 5}, [{"name": "x"}], {"": ""}),
]


def mangled(value: Any, chance: random.Random) -> Any:
    """A copy with something changed, dropped or doubled here and there."""
    if chance.random() < 0.03:
        return chance.choice(JUNK)
    if isinstance(value, dict):
        kept = {key: mangled(held, chance) for key, held in value.items() if chance.random() > 0.02}
        if chance.random() < 0.05:
            kept[chance.choice(["x", "", "uid", "spec", "env"])] = chance.choice(JUNK)
        return kept
    if isinstance(value, list):
        return [
            mangled(held, chance) for held in value for _ in range(chance.choice([1] * 9 + [2]))
        ]
    return value


def well_formed(answer: Answer) -> bool:
    if 400 <= answer.status < 500:
        return answer.json["kind"] == "Status" and bool(answer.json["message"])
    response = answer.response
    if response["allowed"]:
        return "patch" not in response or bool(answer.operations)
    return response["status"]["code"] == 400 and bool(response["status"]["message"])


@pytest.mark.parametrize("seed", range(4))
async def test_a_mangled_review_is_answered_and_no_error_of_ours(seed: int) -> None:
    chance = random.Random(seed)
    app = an_app(FakeAccounts())
    known = an_app()
    whole = a_review(
        a_pod(
            a_container(env=[{"name": "A", "value": "b"}], volumeMounts=[]),
            init=["setup"],
            annotations={"skip-containers": "x", "inject-proxy-sidecar": "true"},
            volumes=[{"name": "data", "emptyDir": {}}],
        )
    )
    for _ in range(500):
        body = json.dumps(mangled(whole, chance)).encode()  # orjson has no numbers that large
        if chance.random() < 0.2:
            at = chance.randrange(len(body) + 1)
            body = body[:at] + bytes(chance.randrange(256) for _ in range(3)) + body[at + 2 :]
        for one in (app, known):
            assert well_formed(await ask(one, body)), body
    assert known._metrics.results[Result.INTERNAL] == 0
    assert app._metrics.results[Result.INTERNAL] == 0
