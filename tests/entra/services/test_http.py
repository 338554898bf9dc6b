"""One call, one whole answer or one error; nothing of what is secret in it."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import httpx
import pytest

from entra.errors import EntraError, Invalid, Trace, Unavailable, Unreachable
from entra.http import Answer, CallEnd, Http, Request, TimeLimits, origin, seconds_asked
from identity.version import VERSION
from tests.fakes.virtual_time import elapsed

URL = "https://graph.example/v1.0/applications"
SECRET = "eyJ0eXAi.c2VjcmV0.c2ln"
TRACE = Trace("graph", correlation_id="of this call")


def http(handler: Callable[[httpx.Request], httpx.Response]) -> Http:
    return Http(httpx.MockTransport(handler))


async def send(handler: Callable[[httpx.Request], httpx.Response], **parts: object) -> Answer:
    request = Request("GET", URL, {"Authorization": f"Bearer {SECRET}"})
    return await http(handler).send(request, TRACE)


def raising(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error

    return handler


async def test_an_answer_comes_whole() -> None:
    answer = await send(lambda _: httpx.Response(404, json={"a": 1}, headers={"x": "y"}))
    assert (answer.status, answer.json(), answer.headers["x"]) == (404, {"a": 1}, "y")
    assert not answer.succeeded


async def test_calls_say_who_we_are() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204)

    await http(handler).send(Request("POST", URL, {}, {"name": "ö"}), TRACE)
    assert seen[0].headers["user-agent"] == f"azwi/{VERSION}"
    assert seen[0].headers["content-type"] == "application/json"
    assert json.loads(seen[0].content) == {"name": "ö"}


def connect_error(cause: Exception) -> httpx.ConnectError:
    error = httpx.ConnectError(f"failed with {SECRET}")
    error.__cause__ = cause
    return error


def untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "long words")
    error.verify_message = "unable to get local issuer certificate"
    return error


SERVER = "https://graph.example"


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (
            connect_error(ConnectionRefusedError(111, "Connection refused")),
            Unreachable,
            f"{SERVER} can't be reached: Connection refused",
        ),
        (
            connect_error(untrusted()),
            Unreachable,
            f"TLS with {SERVER} failed: unable to get local issuer certificate",
        ),
        (connect_error(ssl.SSLError(1, "x")), Unreachable, f"TLS with {SERVER} failed: no agree"),
        (httpx.ConnectError(SECRET), Unreachable, f"{SERVER} can't be reached"),
        (
            httpx.ConnectTimeout(SECRET),
            Unreachable,
            f"{SERVER} did not take the connection in time",
        ),
        (httpx.PoolTimeout(SECRET), Unreachable, f"no connection to {SERVER} became free"),
        (httpx.ReadTimeout(SECRET), Unreachable, f"{SERVER} did not answer in time"),
        (httpx.WriteTimeout(SECRET), Unreachable, f"{SERVER} did not answer in time"),
        (httpx.ReadError(SECRET), Unreachable, f"the connection to {SERVER} broke"),
        (httpx.RemoteProtocolError(SECRET), Unreachable, f"the connection to {SERVER} broke"),
        (httpx.ProxyError(SECRET), Unreachable, f"the connection to {SERVER} broke"),
        (OSError(5, "Input/output error"), Unreachable, f"the connection to {SERVER} broke"),
        (httpx.DecodingError(SECRET), Unavailable, f"the answer of {SERVER} makes no sense"),
        (httpx.LocalProtocolError(SECRET), Invalid, f"the request to {SERVER} is none"),
        (httpx.UnsupportedProtocol(SECRET), Invalid, f"the request to {SERVER} is none"),
        (httpx.InvalidURL(SECRET), Invalid, f"the request to {SERVER} is none"),
    ],
)
async def test_every_failure_becomes_one_of_ours(
    error: Exception, kind: type[EntraError], says: str
) -> None:
    with pytest.raises(kind) as caught:
        await send(raising(error))
    assert type(caught.value) is kind
    assert caught.value.message.startswith(says)
    assert SECRET not in str(caught.value) + repr(caught.value)
    assert caught.value.trace == TRACE


def every_error_of_httpx() -> list[type[httpx.HTTPError]]:
    found, left = [], [httpx.RequestError]
    while left:
        kind = left.pop()
        found.append(kind)
        left += kind.__subclasses__()
    return found  # type: ignore[return-value]


@pytest.mark.parametrize("kind", every_error_of_httpx())
async def test_no_error_of_the_library_gets_through(kind: type[httpx.RequestError]) -> None:
    with pytest.raises(EntraError):
        await send(raising(kind(SECRET)))


async def test_what_quotes_a_header_is_not_even_the_cause() -> None:
    with pytest.raises(Invalid) as caught:
        await send(raising(httpx.LocalProtocolError(f"Illegal header value {SECRET}")))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


class Slow(httpx.AsyncBaseTransport):
    """Takes its time for the head, and then for each part of the body."""

    def __init__(self, head: float, parts: list[float]) -> None:
        self.head, self.parts = head, parts

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(self.head)

        async def body() -> AsyncIterator[bytes]:
            for seconds in self.parts:
                await asyncio.sleep(seconds)
                yield b" " * 100_000

        return httpx.Response(200, content=body())


@pytest.mark.parametrize("transport", [Slow(31.0, []), Slow(1.0, [10.0] * 100)])
async def test_the_whole_call_has_a_limit(transport: Slow) -> None:
    with pytest.raises(Unreachable, match="did not answer in time"):
        await Http(transport).send(Request("GET", URL, {}), TRACE)
    assert elapsed() == 30.0


async def test_the_limit_can_be_set() -> None:
    limits = TimeLimits(total=3.0)
    with pytest.raises(Unreachable):
        await Http(Slow(5.0, []), limits).send(Request("GET", URL, {}), TRACE)
    assert elapsed() == limits.longest == 3.0


@pytest.mark.parametrize(
    ("transport", "ends"),
    [
        (Slow(1.0, [2.0]), CallEnd("graph list", 200, "", 3.0)),
        (Slow(31.0, []), CallEnd("graph list", None, "Unreachable", 30.0)),
        (httpx.MockTransport(lambda _: httpx.Response(429)), CallEnd("graph list", 429, "", 0.0)),
    ],
)
async def test_the_end_of_a_call_is_told(
    transport: httpx.AsyncBaseTransport, ends: CallEnd
) -> None:
    heard: list[CallEnd] = []
    client = Http(transport, told=heard.append)
    with suppress(Unreachable):
        await client.send(Request("GET", URL, {}, kind="graph list"), TRACE)
    assert heard == [ends]


async def test_the_end_of_a_cancelled_call_is_told() -> None:
    heard: list[CallEnd] = []
    client = Http(Slow(9.0, []), told=heard.append)
    task = asyncio.create_task(client.send(Request("GET", URL, {}, kind="arm get"), TRACE))
    await asyncio.sleep(1.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard == [CallEnd("arm get", None, "CancelledError", 1.0)]


async def test_an_answer_without_end_is_not_read_to_it() -> None:
    with pytest.raises(Unavailable, match="has no end"):
        await Http(Slow(0.0, [0.0] * 10_000)).send(Request("GET", URL, {}), TRACE)


async def test_a_cancellation_stays_one() -> None:
    task = asyncio.create_task(Http(Slow(9.0, [])).send(Request("GET", URL, {}), TRACE))
    await asyncio.sleep(1.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_redirects_are_not_followed() -> None:
    headers = {"location": "https://elsewhere.example/"}
    answer = await send(lambda _: httpx.Response(302, headers=headers))
    assert (answer.status, answer.succeeded) == (302, False)


async def test_cookies_are_not_kept() -> None:
    seen: list[str | None] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("cookie"))
        return httpx.Response(204, headers={"set-cookie": "slice=1; Path=/"})

    client = http(handler)
    for _ in range(2):
        await client.send(Request("GET", URL, {}), TRACE)
    assert seen == [None, None]


async def test_closing_closes_the_transport() -> None:
    closed: list[bool] = []

    class Transport(httpx.AsyncBaseTransport):
        async def aclose(self) -> None:
            closed.append(True)

    await Http(Transport()).aclose()
    assert closed == [True]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"a": [1]}', {"a": [1]}),
        (b"", {}),
        (b" \n", {}),
        (b"[1]", None),
        (b"null", None),
        (b"<html>", None),
        (b"\xff\xfe{}x", None),
        (b"[" * 100_000, None),
    ],
)
async def test_a_body_is_an_object_or_nothing(content: bytes, expected: object) -> None:
    assert (await send(lambda _: httpx.Response(200, content=content))).json() == expected


NOON = "Tue, 24 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("17", 17.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
    ],
)
def test_a_wish_to_wait_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert seconds_asked(value, NOON) == seconds


def test_a_date_alone_tells_no_seconds() -> None:
    assert seconds_asked(NOON, None) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/b?c", "https://a.example"),
        ("https://a.example:443/b", "https://a.example"),
        ("https://A.example:8443", "https://a.example:8443"),
        ("https://user:word@a.example/", ""),
        ("https://a.example:x/", ""),
        ("/b?c", ""),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, expected: str) -> None:
    assert origin(url) == expected


def test_headers_and_bodies_are_not_in_any_repr() -> None:
    request = Request("GET", URL, {"Authorization": SECRET})
    answer = Answer(200, httpx.Headers({"x": SECRET}), SECRET.encode())
    assert SECRET not in repr(request) + repr(answer)
