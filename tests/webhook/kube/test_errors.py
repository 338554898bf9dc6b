import ssl
from collections.abc import Iterator

import httpx
import orjson
import pytest

from webhook.kube import (
    SECRETS,
    AlreadyExists,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    KubeError,
    NotFound,
    ServerError,
    TooManyRequests,
    Unauthorized,
    Unreachable,
)
from webhook.kube.errors import error_from_answer, error_from_status, error_from_transport

PLACE = SECRETS.named("s", "azwi")
SERVER = "https://api.example"

# Raised for what a program does wrong, never for what a server or a network does.
OF_THE_PROGRAMMER = (
    httpx.CookieConflict,
    httpx.HTTPStatusError,
    httpx.InvalidURL,
    httpx.StreamError,
)

EXPECTED: dict[type[Exception], type[KubeError]] = {
    httpx.ConnectTimeout: Unreachable,
    httpx.ReadTimeout: Unreachable,
    httpx.WriteTimeout: Unreachable,
    httpx.PoolTimeout: Unreachable,
    httpx.ConnectError: Unreachable,
    httpx.ReadError: Unreachable,
    httpx.WriteError: Unreachable,
    httpx.CloseError: Unreachable,
    httpx.ProxyError: Unreachable,
    httpx.RemoteProtocolError: Unreachable,
    httpx.LocalProtocolError: Invalid,
    httpx.UnsupportedProtocol: Invalid,
    httpx.DecodingError: ServerError,
    httpx.TooManyRedirects: ServerError,
    TimeoutError: Unreachable,
    ConnectionResetError: Unreachable,
    OSError: Unreachable,
}


def leaves(kind: type[Exception]) -> Iterator[type[Exception]]:
    below = kind.__subclasses__()
    if not below:
        yield kind
    for each in below:
        yield from leaves(each)


def every_exception_of_httpx() -> list[type[Exception]]:
    public = [getattr(httpx, name) for name in httpx.__all__]
    return [each for each in public if isinstance(each, type) and issubclass(each, Exception)]


def test_every_exception_that_httpx_can_raise_is_accounted_for() -> None:
    found = {leaf for kind in every_exception_of_httpx() for leaf in leaves(kind)}

    assert {kind for kind in found if not issubclass(kind, OF_THE_PROGRAMMER)} <= EXPECTED.keys()


@pytest.mark.parametrize("kind", EXPECTED)
def test_a_failure_of_the_transport_becomes(kind: type[Exception]) -> None:
    error = error_from_transport(kind("some words"), SERVER)

    assert type(error) is EXPECTED[kind]
    assert SERVER in str(error)


def test_a_protocol_error_does_not_quote_what_may_be_a_header() -> None:
    error = error_from_transport(
        httpx.LocalProtocolError("Illegal header value b'Bearer secret'"), SERVER
    )

    assert "secret" not in str(error)


def test_a_refused_connection_says_so() -> None:
    error = httpx.ConnectError("x")
    error.__cause__ = ConnectionRefusedError(111, "Connection refused")

    assert str(error_from_transport(error, SERVER)) == (
        f"{SERVER} can't be reached: Connection refused"
    )


def test_tls_that_fails_is_told_as_such() -> None:
    error = httpx.ConnectError("x")
    cause = ssl.SSLCertVerificationError(1, "certificate verify failed")
    cause.verify_message = "self-signed certificate"
    error.__cause__ = cause

    assert str(error_from_transport(error, SERVER)) == (
        f"TLS with {SERVER} failed: self-signed certificate"
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (300, ServerError),
        (302, ServerError),
        (400, Invalid),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (405, Invalid),
        (406, Invalid),
        (408, ServerError),
        (409, Conflict),
        (410, Gone),
        (413, Invalid),
        (415, Invalid),
        (422, Invalid),
        (429, TooManyRequests),
        (500, ServerError),
        (502, ServerError),
        (503, ServerError),
        (504, ServerError),
        (599, ServerError),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"{}", b'{"kind": "Status"}'])
def test_a_status_becomes(status: int, kind: type[KubeError], body: bytes) -> None:
    error = error_from_answer(status, body, {}, PLACE, "get")

    assert type(error) is kind
    assert error.status == status
    assert "get /api/v1/namespaces/azwi/secrets/s" in str(error)


def test_every_status_of_an_answer_that_is_no_success_becomes_an_error() -> None:
    for status in [*range(300, 600)]:
        assert isinstance(error_from_answer(status, b"", {}, PLACE, "get"), KubeError)


def test_a_name_that_is_taken_is_told_from_a_write_that_came_too_late() -> None:
    def answer(reason: str) -> KubeError:
        body = orjson.dumps({"kind": "Status", "code": 409, "reason": reason})
        return error_from_answer(409, body, {}, PLACE, "create")

    assert type(answer("AlreadyExists")) is AlreadyExists
    assert type(answer("Conflict")) is Conflict


def test_forbidden_names_the_rule_that_would_grant_it() -> None:
    message = 'secrets "s" is forbidden: User "u" cannot get resource "secrets"'
    body = orjson.dumps({"kind": "Status", "reason": "Forbidden", "message": message})

    error = error_from_answer(403, body, {}, PLACE, "get")

    assert isinstance(error, Forbidden)
    assert error.rule == PLACE.rule("get")
    assert str(error) == (
        f"get {PLACE.path}: {message}; it takes the rule"
        ' {apiGroups: [""], resources: ["secrets"], resourceNames: ["s"], verbs: ["get"]}'
        " in a ClusterRole, or in a Role of namespace azwi"
    )


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 0.0), ("-1", None), ("soon", None), ("nan", None), ("1e9", 3600.0)],
)
def test_the_wait_that_the_server_asks_for(header: str, seconds: float | None) -> None:
    error = error_from_answer(429, b"", {"retry-after": header}, PLACE, "get")

    assert error.retry_after == seconds


def test_the_wait_may_stand_in_the_status_object() -> None:
    status = {"kind": "Status", "code": 504, "details": {"retryAfterSeconds": 3}}

    assert error_from_status(status, PLACE, "watch").retry_after == 3.0


def test_an_error_event_becomes_the_error_of_its_code() -> None:
    expired = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}

    assert type(error_from_status(expired, PLACE, "watch")) is Gone
    assert type(error_from_status({"reason": "Expired"}, PLACE, "watch")) is Gone
    assert type(error_from_status({}, PLACE, "watch")) is ServerError


def test_a_message_is_one_line_of_bounded_length() -> None:
    body = orjson.dumps({"kind": "Status", "message": "two\nlines\x1b[31m" + "x" * 9000})

    text = str(error_from_answer(500, body, {}, PLACE, "get"))

    assert "two lines?[31m" in text
    assert len(text) <= 400
