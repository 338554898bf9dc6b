"""Every status and reason of an API server becomes one error."""

import inspect

import orjson
import pytest

from controller.kube import errors
from controller.kube.errors import (
    AlreadyExists,
    Answer,
    Changed,
    Expired,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    NotServed,
    Terminating,
    Transient,
    Unauthenticated,
    Unavailable,
    error_from,
)

NAMED = {"name": "payments", "kind": "serviceaccounts"}
TERMINATING = {"causes": [{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]}

# All reasons of k8s.io/apimachinery/pkg/apis/meta/v1 (StatusReason), with the status that each has.
TABLE = [
    (401, "Unauthorized", {}, Unauthenticated),
    (403, "Forbidden", {}, Forbidden),
    (403, "Forbidden", NAMED, Forbidden),
    (403, "Forbidden", {**NAMED, **TERMINATING}, Terminating),
    (404, "NotFound", NAMED, NotFound),
    (404, "NotFound", {}, NotServed),
    (404, "", {}, NotServed),
    (409, "AlreadyExists", NAMED, AlreadyExists),
    (409, "Conflict", NAMED, Changed),
    (409, "", {}, Changed),
    (410, "Gone", {}, Expired),
    (410, "Expired", {}, Expired),
    (410, "", {}, Expired),
    (400, "Expired", {}, Expired),
    (422, "Invalid", NAMED, Invalid),
    (504, "Timeout", {}, Unavailable),
    (500, "ServerTimeout", {}, Unavailable),
    (429, "TooManyRequests", {}, Unavailable),
    (400, "BadRequest", {}, Invalid),
    (405, "MethodNotAllowed", {}, Invalid),
    (406, "NotAcceptable", {}, Invalid),
    (413, "RequestEntityTooLarge", {}, Invalid),
    (415, "UnsupportedMediaType", {}, Invalid),
    (500, "InternalError", {}, Unavailable),
    (503, "ServiceUnavailable", {}, Unavailable),
    (408, "", {}, Unavailable),
    (502, "", {}, Unavailable),
    (301, "", {}, Unavailable),
    (418, "", {}, Invalid),
]


def answer(
    status: int, body: object = b"", *, retry_after: str | None = None, asked: str = "GET /a"
) -> Answer:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return Answer(asked, status, retry_after, content)


@pytest.mark.parametrize(("status", "reason", "details", "kind"), TABLE)
def test_a_status_becomes_an_error(
    status: int, reason: str, details: dict[str, object], kind: type[KubeError]
) -> None:
    body = {"kind": "Status", "reason": reason, "message": "why so", "details": details}
    error = error_from(answer(status, body))
    assert type(error) is kind
    assert (error.status, error.reason, error.retry_after) == (status, reason, None)
    assert str(error) == f"GET /a: status {status}{' ' + reason if reason else ''}: why so"


def test_every_error_is_of_one_tree_and_in_the_drawing() -> None:
    classes = [
        found
        for _, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, Exception)
    ]
    assert all(issubclass(found, KubeError) for found in classes)
    drawing = errors.__doc__ or ""
    assert [found.__name__ for found in classes if found.__name__ not in drawing] == []


def test_only_what_nobody_has_to_change_is_transient() -> None:
    transient = {kind for *_, kind in TABLE if issubclass(kind, Transient)}
    assert transient == {Unavailable, NotServed}


@pytest.mark.parametrize(
    ("header", "details", "seconds"),
    [
        ("7", {}, 7.0),
        ("0", {"retryAfterSeconds": 5}, 0.0),
        (None, {"retryAfterSeconds": 5}, 5.0),
        ("1e9", {}, 3600.0),
        ("-1", {}, None),
        ("nan", {}, None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", {}, None),
        (None, {"retryAfterSeconds": "soon"}, None),
        (None, {"retryAfterSeconds": None}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503, 500])
def test_how_long_to_wait(
    status: int, header: str | None, details: dict[str, object], seconds: float | None
) -> None:
    body = {"kind": "Status", "details": details}
    assert error_from(answer(status, body, retry_after=header)).retry_after == seconds


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no message"),
        (b"<h1>503 Service Unavailable</h1>", "<h1>503 Service Unavailable</h1>"),
        (b"[1]", "[1]"),
        (b"a" * 5000, "a" * 200),
        (b"a\x00\nb\x1b[31m", "a? b?[31m"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (
            b'{"kind": "Pod", "message": "none of ours"}',
            '{"kind": "Pod", "message": "none of ours"}',
        ),
    ],
)
def test_what_is_no_status_object_is_told_in_part_on_one_line(body: bytes, words: str) -> None:
    assert str(error_from(answer(503, body))) == f"GET /a: status 503: {words}"


@pytest.mark.parametrize("details", [None, [], "x", {"causes": None}, {"causes": ["x", None]}])
def test_senseless_details_do_not_matter(details: object) -> None:
    body = {"kind": "Status", "reason": "Forbidden", "message": 7, "details": details}
    assert type(error_from(answer(403, body))) is Forbidden


def test_a_long_message_is_cut() -> None:
    error = error_from(answer(422, {"kind": "Status", "message": "x" * 5000}))
    assert len(str(error)) == 600
