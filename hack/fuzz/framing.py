"""Bodies whose length is not what was said, however it was said."""

import random
from dataclasses import replace
from typing import Final

from hack.fuzz.case import Case, Expected, Lane, Layer, request
from hack.fuzz.chance import noise

JSON: Final = (b"Content-Type", b"application/json")
_ANY: Final = Expected()
_BAD: Final = Expected(frozenset(range(400, 500)))


def http_case(
    what: str, *pieces: bytes | float, expected: Expected = _ANY, fresh: bool = True
) -> Case:
    """Return a case of this layer, on a connection of its own unless told otherwise."""
    return Case(Layer.HTTP, what, pieces, expected=expected, fresh=fresh)


def slow_case(what: str, *pieces: bytes | float) -> Case:
    """Return a case that the server has to cut off."""
    expected = Expected(frozenset({408}), may_wait=True)
    return replace(http_case(what, *pieces, expected=expected), lane=Lane.SLOW)


def a_false_length(body: bytes, chance: random.Random) -> Case:
    """Give a Content-Length that is none, or too short."""
    lengths = (
        b"-1",
        b"abc",
        b"+5",
        b"0x10",
        b"5, 5",
        b"1e3",
        b"9" * 30,
        b"9" * 5000,
        b"1_0",
        b"\xb2",
        b"%d" % 2**64,
    )
    short = (b"0", b"1", b"%d" % (len(body) - 1), b"%d" % (len(body) // 2))
    length = chance.choice((*lengths, *short))
    return http_case("a false length", request(body, length=length), expected=_BAD)


def two_lengths(body: bytes, chance: random.Random) -> Case:
    """Give Content-Length twice."""
    right = b"%d" % len(body)
    pairs = ((right, right), (right, b"5"), (b"0", right), (b"", right))
    headers = tuple((b"Content-Length", value) for value in chance.choice(pairs))
    made = request(body, headers=(JSON, *headers), length=None)
    return http_case("two lengths", made)


def more_than_promised(body: bytes, chance: random.Random) -> Case:
    """Send more behind the body than its length says."""
    rest = chance.choice(
        (noise(chance), b"\r\n\r\n", b"{}", b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 70_000)
    )
    return http_case(
        "more than the length says", request(body) + rest, expected=Expected(may_wait=True)
    )


def no_length(body: bytes, _: random.Random) -> Case:
    """Send a body without a length."""
    return http_case("no length", request(body, length=None))


def chunks(body: bytes, chance: random.Random) -> Case:
    """Send chunks as they may be."""
    step = chance.choice((1, 7, 100, 4096, len(body)))
    if step == 1:
        body = body[:2000]
    size = chance.choice((b"%x", b"%X", b"0000%x", b"%x;a=b", b'%x;"x"'))
    parts = (body[at : at + step] for at in range(0, len(body), step))
    chunked = b"".join(size % len(part) + b"\r\n" + part + b"\r\n" for part in parts)
    trailer = chance.choice(
        (b"", b"X: y\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: x\r\n")
    )
    head = request(b"", headers=(JSON, (b"Transfer-Encoding", b"chunked")), length=None)
    return http_case(
        "chunks", head + chunked + b"0\r\n" + trailer + b"\r\n", expected=Expected(may_wait=True)
    )


def broken_chunks(body: bytes, chance: random.Random) -> Case:
    """Send chunks as they may not be."""
    sizes = (
        b"-1",
        b"xyz",
        b"",
        b"f" * 17,
        b"f" * 5000,
        b"7fffffffffffffff",
        b"5 ",
        b"0x5",
        b"\xff",
        b"1\n",
    )
    chunk = chance.choice(
        (
            chance.choice(sizes) + b"\r\n" + body + b"\r\n0\r\n\r\n",
            b"%x\r\n" % (len(body) - 1) + body + b"\r\n0\r\n\r\n",
            b"5\r\nabc\r\n0\r\n\r\n\r\n\r\n",
            b"%x\n" % len(body) + body + b"\n0\n\n",
            b"0\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
            b"5;" + b"e" * 100_000 + b"\r\nabcde\r\n0\r\n\r\n",
        )
    )
    codings = (
        b"chunked",
        b"chunked",
        b"gzip, chunked",
        b"chunked, identity",
        b"xchunked",
        b"identity",
    )
    head = request(b"", headers=(JSON, (b"Transfer-Encoding", chance.choice(codings))), length=None)
    made = http_case(
        "broken chunks", head + chunk, expected=Expected(may_close=True, may_wait=True)
    )
    return replace(made, lane=Lane.SLOW)


def chunks_and_a_length(body: bytes, chance: random.Random) -> Case:
    """Give both, in either order."""
    headers = (JSON, (b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"%d" % len(body)))
    ordered = headers if chance.random() < 0.5 else tuple(reversed(headers))
    chunked = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    return http_case("chunks and a length", request(b"", headers=ordered, length=None) + chunked)


def a_slow_body(body: bytes, chance: random.Random) -> Case:
    """Send a body that does not end."""
    whole = request(body)
    return slow_case("a body that does not end", whole[: -chance.randrange(1, len(body))])


def a_slow_drip(body: bytes, _: random.Random) -> Case:
    """Send a body in drops."""
    drip: list[bytes | float] = [part for byte in body[:13] for part in (bytes([byte]), 1.0)]
    return slow_case("a body in drops", request(b"", length=b"%d" % len(body)), *drip)


def slow_chunks(body: bytes, _: random.Random) -> Case:
    """Send chunks that do not end."""
    head = request(b"", headers=(JSON, (b"Transfer-Encoding", b"chunked")), length=None)
    return slow_case("chunks that do not end", head + b"%x\r\n" % len(body) + body + b"\r\n")
