"""Bodies that are no JSON, or only just: broken bytes, depth, doubled keys, sizes at the limit."""

import random
import re
from collections.abc import Callable
from typing import Final

from hack.fuzz.case import Expected
from hack.fuzz.chance import noise

MEBIBYTE: Final = 1024 * 1024
MOST: Final = 8 * MEBIBYTE
"""The server's limit; 7 MiB are promised."""

_OK: Final = frozenset({200})
_TOO_LARGE: Final = frozenset({413})
_FAIR: Final = Expected()
_FEW: Final = 20_000
"""Items that a body may always have."""
_NUMBER: Final = re.compile(rb"(?<=:)(?:\d+|true|false|null)(?=[,}])")
_TOKENS: Final = (
    *(b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1e-999", b"9" * 400, b"9" * 5000),
    *(b"0x10", b"01", b"+1", b".5", b"1.", b"1e", b"-", b"undefined", b"'x'", b"True", b"0" * 9000),
    *(
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\\u0000"',
        b'"\\x"',
        b'"\\u12"',
        b'"\xff"',
        b'"\xc0\x80"',
    ),
    *(
        b'"\xed\xa0\x80"',
        b'"\xf4\x90\x80\x80"',
        b'"\t"',
        b'"\n"',
        b'"\x00"',
        b"{",
        b"[",
        b"//",
        b"/**/1",
    ),
)

Broken = tuple[bytes, Expected]


def mangle(body: bytes, chance: random.Random) -> tuple[bytes, Expected, str]:
    """Break a sound review's text; says what was done, and what must come of it."""
    change = chance.choices(_CHANGES, _WEIGHTS)[0]
    changed, expected = change(body, chance)
    return changed, expected, change.__name__.strip("_").replace("_", " ")


def _flip_bytes(body: bytes, chance: random.Random) -> Broken:
    changed = bytearray(body)
    for _ in range(chance.choice((1, 1, 2, 5, 50))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed), _FAIR


def _cut_short(body: bytes, chance: random.Random) -> Broken:
    return body[: chance.randrange(len(body))], _FAIR


def _leave_bytes_out(body: bytes, chance: random.Random) -> Broken:
    start = chance.randrange(len(body))
    return body[:start] + body[start + chance.choice((1, 2, 10, 100)) :], _FAIR


def _put_bytes_in(body: bytes, chance: random.Random) -> Broken:
    at = chance.randrange(len(body))
    return body[:at] + noise(chance) + body[at:], _FAIR


def _put_a_token_in(body: bytes, chance: random.Random) -> Broken:
    places = list(_NUMBER.finditer(body))
    start, end = chance.choice(places).span() if places else (0, 0)
    return body[:start] + chance.choice(_TOKENS) + body[end:], _FAIR


def _nest_deeply(body: bytes, chance: random.Random) -> Broken:
    depth = chance.choice((100, 900, 1023, 1024, 1025, 5000, 100_000))
    opening, closing = chance.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")))
    ends = closing * depth if chance.random() < 0.7 else b""
    nested = opening * depth + b"1" + ends
    if chance.random() < 0.5:
        return nested, _FAIR
    return body.replace(b'"dryRun":false', b'"dryRun":' + nested, 1), _FAIR


def _double_keys(body: bytes, chance: random.Random) -> Broken:
    key = chance.choice((b'"uid":', b'"request":', b'"object":', b'"spec":', b'"kind":', b'"env":'))
    value = chance.choice((b"null", b"5", b"{}", b"[]", b'"x"'))
    if chance.random() < 0.2:
        return body.replace(key, (key + value + b",") * 1000 + key, 1), _FAIR
    return body.replace(key, key + value + b"," + key, 1), _FAIR


def _start_oddly(body: bytes, chance: random.Random) -> Broken:
    starts = (b"\xef\xbb\xbf", b"\x00", b" " * 1000, b"\r\n", b"\xff\xfe", b"1", b",", b"\x1f\x8b")
    return chance.choice(starts) + body, _FAIR


def _end_oddly(body: bytes, chance: random.Random) -> Broken:
    ends = (b"\x00", b"\n\n", b",", b"}", b"{}", b"x", body, b" " * 5000)
    return body + chance.choice(ends), _FAIR


def _encode_otherwise(body: bytes, chance: random.Random) -> Broken:
    return body.decode().encode(chance.choice(("utf-16", "utf-16-le", "utf-32", "utf-7"))), _FAIR


def _send_nothing_much(_: bytes, chance: random.Random) -> Broken:
    few = (
        b"",
        b" ",
        b"\n",
        b"\x00",
        b"{}",
        b"[]",
        b"null",
        b'""',
        b"0",
        b"{",
        b"[",
        b'"',
        noise(chance),
    )
    return chance.choice(few), _FAIR


def _send_noise(_: bytes, chance: random.Random) -> Broken:
    return noise(chance, 4096), _FAIR


def _lengthen_a_string(body: bytes, chance: random.Random) -> Broken:
    piece = chance.choice((b"x", "\u00e9".encode(), b"\\u00e9", b"\\n", b"\\\\"))
    long = piece * (chance.choice((100_000, 300_000, 2_500_000)) // len(piece))
    name = chance.choice((b'"username":"', b'"name":"', b'"uid":"', b'"namespace":"', b'"image":"'))
    return body.replace(name, name + long, 1), _FAIR


def _repeat_an_item(body: bytes, chance: random.Random) -> Broken:
    """Fill a list with short items: what is written for each of them adds up."""
    name, item = chance.choice(
        (
            (b'"containers":[', b'{"name":"a"},'),
            (b'"initContainers":[', b'{"name":"a"},'),
            (b'"containers":[', b'{"name":"a","env":5},'),
            (b'"env":[', b'{"name":"A"},'),
            (b'"volumeMounts":[', b'{"name":"data","mountPath":"/x"},'),
            (b'"volumes":[', b'{"name":"azure-workload-identity-reserved-%d"},'),
            (b'"annotations":{', b'"azure.workload.identity/%d":"x",'),
            (b'"containers":[', b"null,"),
        )
    )
    times = chance.choice((1000, 4000, 20_000, 200_000))
    items = b"".join(item % i for i in range(times)) if b"%d" in item else item * times
    filled = body.replace(name, name + items, 1)
    # So many that the server may count them instead of reading them: 413 then.
    codes = _OK if times <= _FEW else _OK | _TOO_LARGE
    return filled, Expected(codes)


def _reach_the_limit(body: bytes, chance: random.Random) -> Broken:
    size, expected = chance.choice(
        (
            (7 * MEBIBYTE, Expected(_OK, admitted=True)),
            (MOST, Expected(_OK, admitted=True)),
            (MOST + 1, Expected(_TOO_LARGE)),
            (9 * MEBIBYTE, Expected(_TOO_LARGE)),
            (17 * MEBIBYTE, Expected(_TOO_LARGE, may_close=True)),
        )
    )
    filling = b'"filling":"' + b"x" * (size - len(body) - len(b'"filling":"",')) + b'",'
    return body[:1] + filling + body[1:], expected


_CHOICES: Final[tuple[tuple[Callable[[bytes, random.Random], Broken], float], ...]] = (
    (_flip_bytes, 25),
    (_cut_short, 10),
    (_leave_bytes_out, 12),
    (_put_bytes_in, 10),
    (_put_a_token_in, 15),
    (_nest_deeply, 4),
    (_double_keys, 8),
    (_start_oddly, 3),
    (_end_oddly, 4),
    (_encode_otherwise, 2),
    (_send_nothing_much, 3),
    (_send_noise, 2),
    (_lengthen_a_string, 1),
    (_repeat_an_item, 0.5),
    (_reach_the_limit, 0.5),
)
_CHANGES: Final = tuple(change for change, _ in _CHOICES)
_WEIGHTS: Final = tuple(weight for _, weight in _CHOICES)
