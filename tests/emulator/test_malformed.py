"""Whatever comes in by the sockets: a 4xx in the service's shape, and the emulator goes on."""

import json
import random
import re
import secrets
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from urllib.parse import urlencode, urlsplit

import pytest

from hack.emulator import Emulator
from tests.emulator.conftest import Json, RunEmulator

TENANT = "5f1c9d1e-9f3b-4a53-8d0c-2f6d0c1b7a42"
CLIENT = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
TOKEN = f"/{TENANT}/oauth2/v2.0/token"
DISCOVERY = f"/{TENANT}/v2.0/.well-known/openid-configuration"
SEED: Json = {
    "tenants": [{"id": TENANT}],
    "applications": [
        {"appId": CLIENT, "displayName": "app", "tenant": TENANT, "secret": "s3cret"},
    ],
}
SHAPE = {"error", "error_description", "error_codes", "timestamp", "trace_id", "correlation_id"}
PATIENCE = 10.0
"""Seconds for an answer; longer than anything here takes."""


@dataclass
class Answer:
    status: int
    body: bytes

    @property
    def json(self) -> Json:
        found: Json = json.loads(self.body)
        return found


@dataclass
class Wire:
    """The two ports of an emulator, for bytes as they stand."""

    emulator: Emulator

    def connected(self, *, imds: bool = False) -> socket.socket:
        addresses = self.emulator.addresses
        parts = urlsplit(addresses.imds if imds else addresses.authority)
        assert parts.hostname is not None
        plain = socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE)
        if imds:
            return plain
        return self.emulator.tls().wrap_socket(plain, server_hostname=parts.hostname)

    def answer(
        self, sent: bytes, *, method: str = "GET", imds: bool = False, patience: float = PATIENCE
    ) -> Answer | None:
        """Send bytes and read one answer; None where the connection ends without one."""
        with self.connected(imds=imds) as connection:
            connection.settimeout(patience)
            with suppress(OSError):  # it may be turned away while it is still sending
                connection.sendall(sent)
            response = HTTPResponse(connection, method=method)
            try:
                response.begin()
                return Answer(response.status, response.read())
            except (OSError, HTTPException):
                return None
            finally:
                response.close()

    def still_serves(self) -> bool:
        found = self.answer(f"GET {DISCOVERY} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return found is not None and found.status == 200


@pytest.fixture(scope="module")
def emulator(run_emulator: RunEmulator) -> Emulator:
    return run_emulator(SEED)


@pytest.fixture
def wire(emulator: Emulator) -> Iterator[Wire]:
    yield Wire(emulator)
    assert Wire(emulator).still_serves()
    assert "Traceback" not in emulator.log()
    assert "unexpected error" not in emulator.log()


def request(
    body: bytes = b"",
    *,
    method: str = "POST",
    path: str = TOKEN,
    headers: str = "Content-Type: application/x-www-form-urlencoded\r\n",
    length: str | None = None,
) -> bytes:
    told = f"Content-Length: {len(body) if length is None else length}\r\n"
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}{told}\r\n".encode() + body


def form(**changed: str) -> bytes:
    fields = {
        "client_id": CLIENT,
        "client_secret": "s3cret",
        "grant_type": "client_credentials",
        "scope": "https://graph.microsoft.com/.default",
    }
    return urlencode(fields | changed).encode()


def test_what_these_tests_break_is_whole(wire: Wire) -> None:
    answer = wire.answer(request(form()))
    assert answer is not None
    assert (answer.status, answer.json["token_type"]) == (200, "Bearer")


def chunked(*chunks: bytes, headers: str = "") -> bytes:
    head = f"POST {TOKEN} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{headers}\r\n"
    return head.encode() + b"".join(chunks)


NO_HTTP: dict[str, bytes] = {
    "garbage": b"\x00\x01\x02\xff\xfe garbage\r\n\r\n",
    "TLS within TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "words": b"hello there, how are you?\r\n\r\n",
    "no target": b"GET\r\n\r\n",
    "version 9": b"GET / HTTP/9.9\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "SIP": b"INVITE sip:x HTTP/1.1\r\n\r\n",
    "an unknown method": b"STEAL / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method in small letters": b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nHost\r\n\r\n",
    "a blank in a header's name": b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n",
    "a blank before the colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n",
    "a bare CR in a header": b"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
    "an empty header name": b"GET / HTTP/1.1\r\n: x\r\n\r\n",
    "letters beyond ASCII in a target": b"GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a blank in a target": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target without a path": b"GET http://x HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target that is a word": b"GET token HTTP/1.1\r\nHost: x\r\n\r\n",
    "a length that is a word": request(length="many"),
    "a length below nothing": request(length="-1"),
    "a length beyond all numbers": request(length="9" * 40),
    "a length in hexadecimal": request(length="0x10"),
    "two lengths": request(length="3\r\nContent-Length: 4"),
    "a length and chunks": chunked(b"0\r\n\r\n", headers="Content-Length: 5\r\n"),
    "chunks of no size": chunked(b"zz\r\nabc\r\n0\r\n\r\n"),
    "chunks of a size below nothing": chunked(b"-5\r\nabc\r\n0\r\n\r\n"),
    "chunks of a size beyond all numbers": chunked(b"f" * 40 + b"\r\nabc"),
    "chunks that are longer than they say": chunked(b"2\r\nabcdef\r\n0\r\n\r\n"),
    "thousands of headers": b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 5000 + b"\r\n",
    "thousands of trailers": chunked(b"0\r\n", b"a: b\r\n" * 5000, b"\r\n"),
}


@pytest.mark.parametrize("sent", NO_HTTP.values(), ids=NO_HTTP)
def test_what_is_no_http_is_refused_in_entras_shape(wire: Wire, sent: bytes) -> None:
    answer = wire.answer(sent)
    assert answer is not None
    assert answer.status == 400
    assert answer.json.keys() - {"error_uri"} == SHAPE
    assert answer.json["error"] == "invalid_request"


@pytest.mark.parametrize("sent", NO_HTTP.values(), ids=NO_HTTP)
def test_what_is_no_http_is_refused_by_the_instance_metadata_service(
    wire: Wire, sent: bytes
) -> None:
    answer = wire.answer(sent, imds=True)
    assert answer is not None
    assert answer.status == 400
    assert answer.json.keys() == {"error", "error_description"}


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a" * 100_000 + b": x\r\n\r\n",
        b"A" * 100_000,
        b"GET / HTTP/1.1\r\n" + b"".join(b"h%d: %s\r\n" % (n, b"v" * 999) for n in range(100)),
    ],
    ids=["a target", "a value", "a name", "a method", "all together"],
)
def test_a_head_has_its_bounds(wire: Wire, sent: bytes) -> None:
    answer = wire.answer(sent)
    assert answer is not None
    assert answer.status in {400, 431}
    assert answer.json.keys() - {"error_uri"} == SHAPE


def flood(connection: socket.socket) -> None:
    """Send as much as gets away, six gigabytes at most."""
    for _ in range(100_000):
        connection.sendall(b"a" * 65536)


def test_a_head_that_never_ends_is_not_kept(wire: Wire) -> None:
    with wire.connected() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        with pytest.raises(OSError):  # noqa: PT011 - reset, broken pipe or TLS, as it comes
            flood(connection)


def test_a_trailer_that_never_ends_is_not_kept(wire: Wire) -> None:
    with wire.connected() as connection:
        connection.sendall(chunked(b"0\r\nX: "))
        with pytest.raises(OSError):  # noqa: PT011 - as above
            flood(connection)


@pytest.mark.parametrize(
    "method",
    ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "SEARCH", "QUERY"],
)
def test_other_methods_are_refused(wire: Wire, method: str) -> None:
    answer = wire.answer(request(method=method), method=method)
    assert answer is not None
    assert answer.status == 405
    if method != "HEAD":
        assert answer.json["error_codes"] == [900561]


PATHS = [
    "/",
    "//",
    "///",
    "/%00",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/../../etc/passwd",
    f"/{TENANT}%2foauth2/v2.0/token",
    f"/{TENANT}/oauth2/v2.0/token/",
    f"/{TENANT}//oauth2/v2.0/token",
    f"//{TENANT}/oauth2/v2.0/token",
    f"/{TENANT}/oauth2/v2.0/token;x",
    "/%ff%fe",
    "/%zz",
    "/%",
    "/" + "a/" * 10_000,
    "/" + "%41" * 10_000,
    "http://elsewhere.test/token",
    "https://elsewhere.test" + "/%00",
    "/?" + "&".join(f"a{n}=1" for n in range(5000)),
    "/?%00=%ff&&&==&%zz",
    "/_admin",
    "/_admin/%00",
    "/v1.0",
    "/v1.0/%00",
    "/subscriptions/%00",
    "/metadata/identity/oauth2/token",
    "/\\..\\",
    "/%u0041",
    "/{tenant}/oauth2/v2.0/token",
]


@pytest.mark.parametrize("path", PATHS, ids=[path[:40] for path in PATHS])
def test_odd_addresses_are_refused(wire: Wire, path: str) -> None:
    answer = wire.answer(request(b"x=1", path=path))
    assert answer is not None
    assert 400 <= answer.status < 500
    assert "error" in answer.json


def test_the_emulator_is_no_proxy(wire: Wire) -> None:
    for sent in (
        b"CONNECT elsewhere.test:443 HTTP/1.1\r\nHost: elsewhere.test:443\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        answer = wire.answer(sent)
        assert answer is not None
        assert 400 <= answer.status < 500
        assert answer.json["error"]


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "NULs": b"\x00" * 1000,
    "all bytes": bytes(range(256)),
    "no UTF-8": b"client_id=\xff\xfe&grant_type=\xc3",
    "no UTF-8, encoded": b"client_id=%ff%fe&grant_type=%c3",
    "half a surrogate": b"client_id=%ed%a0%80",
    "NUL in a field": form(client_id="\0"),
    "percent signs": b"%%%=%%%&=&&&===",
    "one name, 10,000 times": b"a=1&" * 10_000,
    "10,000 fields": b"&".join(b"a%d=1" % n for n in range(10_000)),
    "a megabyte": b"client_id=" + b"a" * (1 << 20),
    "a name of half a megabyte": b"a" * (1 << 19) + b"=1",
    "a field of half a megabyte": form(client_id="x" * (1 << 19)),
    "an assertion of half a megabyte": form(
        client_assertion="a" * (1 << 19),
        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    ),
    "a scope of thousands": form(scope="a/.default " * 5000),
    "JSON": b'{"grant_type":"client_credentials"}',
    "JSON, nested deep": b'{"a":' * 50_000,
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    "semicolons": form().replace(b"&", b";"),
    "a client id twice": form() + b"&client_id=" + CLIENT.encode(),
    "line ends within": b"grant_type=client_credentials\r\nX-Injected: yes\r\n\r\n",
    "a template": form(client_id="{{7*7}}${7*7}<script>alert(1)</script>'\";--"),
    "a client id of all scripts": form(client_id="ǅ\u202e\u0000🏳️‍🌈ﷺ"),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_bodies_of_every_kind_are_refused(wire: Wire, body: bytes) -> None:
    answer = wire.answer(request(body))
    assert answer is not None
    assert 400 <= answer.status < 500
    assert answer.json.keys() - {"error_uri"} == SHAPE
    assert len(answer.body) < 20_000


CONTENT_TYPES = [
    "",
    "Content-Type: \r\n",
    "Content-Type: application/json\r\n",
    "Content-Type: multipart/form-data\r\n",
    "Content-Type: multipart/form-data; boundary=\r\n",
    "Content-Type: application/x-www-form-urlencodedX\r\n",
    "Content-Type: text/plain\r\n",
    "Content-Type: *\r\n",
    "Content-Type: " + "x/" * 10_000 + "\r\n",
    "Content-Type: \xe4\xf6\xfc\r\n",
]


@pytest.mark.parametrize("headers", CONTENT_TYPES, ids=[kind[:50] for kind in CONTENT_TYPES])
def test_other_content_types_are_refused(wire: Wire, headers: str) -> None:
    answer = wire.answer(request(form(), headers=headers))
    assert answer is not None
    assert (answer.status, answer.json["error_codes"]) == (400, [900144])


@pytest.mark.parametrize(
    "headers",
    [
        "Authorization: Basic \r\n",
        "Authorization: Basic ////\r\n",
        "Authorization: Bearer \xff\r\n",
        "Authorization: " + "x" * 50_000 + "\r\n",
        "Authorization: a\r\nAuthorization: b\r\n",
        "client-request-id: <script>\r\n",
        "client-request-id: " + "a" * 10_000 + "\r\n",
        "Expect: 100-continue\r\n",
        "Expect: the-unexpected\r\n",
        "Range: bytes=0-0,5-\r\n",
        "If-None-Match: *\r\n",
        "X-Forwarded-For: ::ffff:1.2.3.4\r\nForwarded: for=_x\r\n",
        "Host: elsewhere.test\r\nHost: x\r\n",
        "Content-Encoding: gzip\r\n",
        "Cookie: " + "a=b;" * 5000 + "\r\n",
    ],
    ids=lambda headers: headers[:40],
)
def test_odd_headers_change_nothing(wire: Wire, headers: str) -> None:
    kind = "Content-Type: application/x-www-form-urlencoded\r\n"
    answer = wire.answer(request(form(client_secret="guessed"), headers=kind + headers))
    assert answer is not None
    assert (answer.status, answer.json["error_codes"]) == (401, [7000215])
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.json["correlation_id"])


@pytest.mark.parametrize("protocol", ["websocket", "h2c", "TLS/1.3", "\xff"])
def test_no_other_protocol_is_offered(wire: Wire, protocol: str) -> None:
    kind = "Content-Type: application/x-www-form-urlencoded\r\n"
    headers = f"{kind}Connection: upgrade\r\nUpgrade: {protocol}\r\n"
    answer = wire.answer(request(form(), headers=headers))
    assert answer is not None
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


def test_requests_behind_one_another_have_their_bounds(wire: Wire) -> None:
    with wire.connected() as connection:
        with suppress(OSError):  # it may be turned away while it is still sending
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n" * 5000)
        answers = b""
        with suppress(ConnectionError):
            while came := connection.recv(1 << 16):
                answers += came
    assert answers.count(b"HTTP/1.1 400 Bad Request") == 1
    assert answers.count(b"HTTP/1.1 200 OK") <= 100


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET",
        request(form())[:-1],
        request(b"", length="1000000"),
        chunked(b"5\r\nab"),
        request(headers="Expect: 100-continue\r\n", length="5"),
    ],
    ids=["nothing", "a word", "all but a byte", "no body", "half a chunk", "a question"],
)
def test_who_goes_away_in_the_middle_leaves_nothing_behind(wire: Wire, sent: bytes) -> None:
    for end in (socket.SHUT_RDWR, None):
        with wire.connected() as connection:
            connection.sendall(sent)
            if end is not None:
                connection.shutdown(end)


def test_what_is_no_tls_is_turned_away(wire: Wire) -> None:
    parts = urlsplit(wire.emulator.addresses.authority)
    for sent in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\xff" * 100):
        with socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE) as plain:
            plain.sendall(sent)
            try:
                while plain.recv(65536):
                    pass
            except ConnectionError:
                pass


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_old_tls_is_turned_away(wire: Wire) -> None:
    context = wire.emulator.tls()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    parts = urlsplit(wire.emulator.addresses.authority)
    assert parts.hostname is not None
    with (
        socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
        context.wrap_socket(plain, server_hostname=parts.hostname),
    ):
        pass


def mutated(chance: random.Random, sent: bytes) -> bytes:
    """Change a few bytes: others, gone, doubled, swapped, or what parsers stumble over."""
    text = bytearray(sent)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(text) + 1)
        length = chance.choice([1, 1, 2, 8, 64])
        match chance.randrange(5):
            case 0:
                text[place : place + length] = chance.randbytes(length)
            case 1:
                del text[place : place + length]
            case 2:
                text[place:place] = text[place : place + length] * chance.randint(1, 20)
            case 3:
                text[place:place] = chance.choice(STUMBLES)
            case _:
                other = chance.randrange(len(text) + 1)
                text[place : place + length] = text[other : other + length]
    return bytes(text)


STUMBLES = [
    *(
        b"\x00",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"%",
        b"%00",
        b"%ff",
        b"\xc3",
        b"\xff",
        b"&",
        b"=",
        b".",
    ),
    *(
        b"..",
        b"/",
        b"//",
        b":",
        b"9" * 30,
        b"-1",
        b" ",
        b"\t",
        b"0\r\n\r\n",
        b"chunked",
        b"{",
        b'"',
    ),
]


def test_mutations_never_end_in_a_5xx(wire: Wire) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - to see it again
    chance = random.Random(seed)
    wholes = [
        request(form()),
        chunked(b"%x\r\n" % len(form()), form(), b"\r\n0\r\n\r\n"),
        request(method="GET", path=DISCOVERY, headers=""),
        request(method="GET", path="/common/discovery/instance?authorization_endpoint=x"),
        request(
            b'{"a":1}', path="/v1.0/applications", headers="Content-Type: application/json\r\n"
        ),
        request(method="GET", path="/subscriptions?api-version=2022-12-01"),
        request(method="GET", path="/v1.0/applications?$filter=appId%20eq%20'x'&$top=5"),
    ]
    for number in range(400):
        sent = mutated(chance, chance.choice(wholes))
        # A request that lacks its end is waited for: not for long.
        answer = wire.answer(sent, patience=0.3)
        assert answer is None or answer.status < 500, (number, sent, answer)
