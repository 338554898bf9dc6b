"""Requests that are malformed, odd or slow as HTTP/1.1, around a sound review."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from hack.fuzz import framing
from hack.fuzz.case import PATH, Case, End, Expected, Lane, request
from hack.fuzz.chance import noise
from hack.fuzz.framing import JSON, http_case, slow_case

_OK: Final = frozenset({200})
_REFUSED: Final = frozenset(range(400, 500))
_GOOD: Final = Expected(_OK, admitted=True)
_BAD: Final = Expected(_REFUSED)
_ENDED: Final = Expected(may_close=True)

Maker = Callable[[bytes, random.Random], Case]


def make(body: bytes, chance: random.Random, another: Callable[[], bytes]) -> Case:
    """Wrap a sound review into something else; `another` makes more of them, for pipelining."""
    if chance.random() < 0.04:
        return _pipeline(body, chance, [another() for _ in range(chance.choice((1, 2, 15)))])
    if chance.random() < 0.004:
        return chance.choice(_SLOW)(body, chance)
    made = chance.choices(_MAKERS, _WEIGHTS)[0](body, chance)
    return replace(made, bodies=made.bodies or (body,))


def _another_method(body: bytes, chance: random.Random) -> Case:
    methods = (b"GET", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"PATCH", b"CONNECT", b"PRI")
    odd = (b"post", b"FOO", b"PO ST", b"", b"POST\x00", b"\xff", b"P" * 70_000, b"HEAD")
    method = chance.choice((*methods, *odd))
    made = http_case("another method", request(body, method=method), expected=_BAD)
    return replace(made, silent=True) if method == b"HEAD" else made


def _another_path(body: bytes, chance: random.Random) -> Case:
    same = (
        b"/%6dutate-v1-pod",
        PATH + b"?",
        PATH + b"?x",
        b"https://elsewhere" + PATH,
        PATH + b"#x",
    )
    paths = (
        *(b"/", b"", b"*", PATH + b"/", b"/" + PATH, PATH + b"%00", PATH + b"%2f", b"/../x", b"/%"),
        *(b"/%zz", b"/\xff\xfe", b"/" + b"a" * 20_000, b"/" + b"a" * 70_000, b"//", b"http://"),
        *(PATH.upper(), b"/mutate", b"/metrics", b"/healthz", b"/docs", b"/openapi.json", b"x:1"),
    )
    target = chance.choice((*same, *paths, b"/" + noise(chance)))
    expected = Expected(may_wait=True)
    return http_case("another path", request(body, target=target), expected=expected)


def _another_content_type(body: bytes, chance: random.Random) -> Case:
    right: tuple[bytes, ...] = (
        b"application/json; charset=utf-8",
        b"APPLICATION/JSON",
        b"application/json;",
        b" application/json ",
    )
    wrong: tuple[bytes, ...] = (
        b"text/plain",
        b"",
        b"application/jsonx",
        b"json",
        b"*/*",
        b"application/json, text/x",
    )
    wrong += (b"multipart/form-data; boundary=x", b"\xff\xfe", b"a" * 60_000, b"application/yaml")
    if chance.random() < 0.4:
        fields = ((b"content-TYPE", chance.choice(right)),)
        return http_case(
            "another spelling of the content type", request(body, headers=fields), expected=_GOOD
        )
    headers = chance.choice(((), ((b"Content-Type", chance.choice(wrong)),)))
    return http_case("another content type", request(body, headers=headers), expected=_BAD)


def _an_odd_timeout(body: bytes, chance: random.Random) -> Case:
    fair: tuple[bytes, ...] = (
        b"",
        b"0",
        b"0s",
        b"-1s",
        b"+5s",
        b"1e9s",
        b"abc",
        b"10",
        b"1h",
        b"999999999h",
        b".s",
    )
    fair += (
        b"1.5.5s",
        b"%C2%B5",
        b"5%C2%B5s",
        b"9" * 5000 + b"s",
        b"1s" * 500,
        b"%00",
        b"0&timeout",
    )
    if chance.random() < 0.7:
        target = PATH + b"?timeout=" + chance.choice(fair)
        return http_case(
            "an odd timeout", request(body, target=target), expected=_GOOD, fresh=False
        )
    value = chance.choice((b"5\xc2\xb5s", noise(chance)))
    broken = request(body, target=PATH + b"?timeout=" + value)
    return http_case("a broken query", broken, expected=Expected(may_wait=True))


def _large_heads(body: bytes, chance: random.Random) -> Case:
    small = ((b"X-Long", b"y" * 12_000),), tuple((b"X-%d" % i, b"y") for i in range(90))
    large = ((b"X-Long", b"y" * 70_000),), ((b"X" * 70_000, b"y"),), ((b"X", b"y"),) * 30_000
    if chance.random() < 0.5:
        headers = (JSON, *chance.choice(small))
        return http_case("a large head", request(body, headers=headers), expected=_GOOD)
    headers = (JSON, *chance.choice(large))
    # A head that is there at once, in one read of the server's, may be let through.
    return http_case("too large a head", request(body, headers=headers), expected=_ENDED)


def _odd_headers(body: bytes, chance: random.Random) -> Case:
    lines = (
        *(
            b"NoColon",
            b": no name",
            b"Space : x",
            b" folded",
            b"X: a\r\n\tb",
            b"X: a\x00b",
            b"X: \xff\xfe",
        ),
        *(b"X: a\rb", b"\x00: x", b"X-\xc3\xa9: x", b"Host: a\r\nHost: b", b"X: " + noise(chance)),
        *(
            b"Cookie: a=b; " * 300,
            b"X-Forwarded-For: 1",
            b"Authorization: Bearer x",
            b"Te: trailers",
        ),
        *(
            b"Content-Encoding: gzip",
            b"Content-Encoding: identity",
            b"Content-Encoding: \xff",
            b"Range: bytes=0-1",
        ),
        *(
            b"Connection: close",
            b"Connection: keep-alive, close",
            b"Connection: \xff",
            b"Keep-Alive: timeout=0",
        ),
    )
    head, _, rest = request(body).partition(b"\r\n\r\n")
    return http_case(
        "odd headers",
        head + b"\r\n" + chance.choice(lines) + b"\r\n\r\n" + rest,
        expected=Expected(may_wait=True, may_close=False),
    )


def _other_line_ends(body: bytes, chance: random.Random) -> Case:
    head, _, rest = request(body).partition(b"\r\n\r\n")
    end = chance.choice((b"\n", b"\r\n\r", b"\n\r"))
    made = head.replace(b"\r\n", end) + end + end + rest
    return replace(
        http_case("other line ends", made, expected=Expected(may_wait=True)), lane=Lane.SLOW
    )


def _another_protocol(body: bytes, chance: random.Random) -> Case:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    versions = (
        b"HTTP/1.0",
        b"HTTP/0.9",
        b"HTTP/9.9",
        b"HTTP/2.0",
        b"HTTPS/1.1",
        b"http/1.1",
        b"HTTP/1.1 x",
        b"",
        b"\x00",
    )
    made = [request(body, version=version) for version in versions]
    others = (
        preface,
        b"POST " + PATH + b"\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"\x16\x03\x01\x00\x05\x01",
        b"EHLO x\r\n",
    )
    return http_case("another protocol", chance.choice((*made, *others)), expected=_ENDED)


def _an_upgrade(body: bytes, chance: random.Random) -> Case:
    to = chance.choice((b"websocket", b"h2c", b"\xff", b"TLS/1.0"))
    headers = (
        JSON,
        (b"Connection", b"Upgrade"),
        (b"Upgrade", to),
        (b"Sec-WebSocket-Key", b"eA=="),
    )
    return http_case(
        "an upgrade",
        request(body, headers=headers),
        expected=Expected(may_wait=True, may_close=True),
    )


def _an_expectation(body: bytes, chance: random.Random) -> Case:
    asked = chance.choice((b"100-continue", b"100-Continue", b"200-ok", b"", b"\xff"))
    whole = request(body, headers=(JSON, (b"Expect", asked)))
    head, _, rest = whole.partition(b"\r\n\r\n")
    if chance.random() < 0.3:
        refused = request(b"", headers=(JSON, (b"Expect", asked)), length=b"99999999")
        return http_case("an expectation of too much", refused, expected=Expected(frozenset({413})))
    return http_case("an expectation", head + b"\r\n\r\n", 0.02, rest, expected=_GOOD)


def _many_pieces(body: bytes, chance: random.Random) -> Case:
    whole = request(body)
    cuts = sorted(chance.sample(range(1, len(whole)), 20))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    pauses = [part for piece in pieces for part in (piece, 0.0)]
    return http_case("many pieces", *pauses, expected=_GOOD, fresh=False)


def _flips_in_the_head(body: bytes, chance: random.Random) -> Case:
    whole = bytearray(request(body))
    for _ in range(chance.choice((1, 1, 2, 4))):
        whole[chance.randrange(len(whole) - len(body))] ^= 1 << chance.randrange(8)
    made = http_case(
        "flips in the head", bytes(whole), expected=Expected(may_wait=True, may_close=True)
    )
    return replace(made, lane=Lane.SLOW)


def _an_early_end(body: bytes, chance: random.Random) -> Case:
    whole = request(body)
    at = chance.choice((chance.randrange(len(whole)), len(whole)))
    end = chance.choice((End.CLOSE, End.ABORT))
    words = "an end before the answer" if at == len(whole) else "an end in the middle"
    return replace(http_case(words, whole[:at]), end=end)


def _pipeline(body: bytes, chance: random.Random, others: Sequence[bytes]) -> Case:
    bodies = (body, *others)
    whole = b"".join(map(request, bodies))
    last = chance.choice((b"", b"", b"GET / HTTP/1.1\r\n\r\n", b"\x00\xff garbage\r\n\r\n"))
    expected = Expected(answers=len(bodies) + bool(last), may_close=bool(last))
    if not last:
        expected = replace(expected, codes=_OK, admitted=True)
    return replace(http_case("a pipeline", whole + last, expected=expected), bodies=bodies)


def _a_slow_head(body: bytes, chance: random.Random) -> Case:
    whole = request(body)
    head = len(whole) - len(body)
    return slow_case("a head that does not end", whole[: chance.randrange(1, head)])


_SLOW: Final[tuple[Maker, ...]] = (
    _a_slow_head,
    framing.a_slow_body,
    framing.a_slow_drip,
    framing.slow_chunks,
)
_CHOICES: Final[tuple[tuple[Maker, int], ...]] = (
    (_another_method, 10),
    (_another_path, 10),
    (_another_content_type, 10),
    (_an_odd_timeout, 10),
    (framing.a_false_length, 10),
    (framing.two_lengths, 3),
    (framing.more_than_promised, 4),
    (framing.no_length, 1),
    (framing.chunks, 8),
    (framing.broken_chunks, 3),
    (framing.chunks_and_a_length, 3),
    (_large_heads, 6),
    (_odd_headers, 14),
    (_other_line_ends, 2),
    (_another_protocol, 6),
    (_an_upgrade, 3),
    (_an_expectation, 8),
    (_many_pieces, 6),
    (_flips_in_the_head, 8),
    (_an_early_end, 10),
)
_MAKERS: Final = tuple(maker for maker, _ in _CHOICES)
_WEIGHTS: Final = tuple(weight for _, weight in _CHOICES)
