"""What reaches the port and is no TLS, or ends in the middle of it."""

import random
from typing import Final

from hack.fuzz.case import Case, End, Expected, Lane, Layer, request
from hack.fuzz.chance import noise

_HELLO: Final = bytes.fromhex(
    "16030100a50100009e0303" + "5a" * 32 + "20" + "a5" * 32 + "0006130113021303" + "0100004f"
)
"""The start of a ClientHello: enough of one to be waited for."""
_ANY: Final = Expected(may_close=True)


def make(body: bytes, chance: random.Random) -> Case:
    """Make a connection that never becomes one."""
    if chance.random() < 0.01:
        return Case(
            *(Layer.TLS, "a handshake that does not go on", (_HELLO,)),
            expected=_ANY,
            lane=Lane.SLOW,
            fresh=True,
            tls=False,
        )
    what, sent, tls = chance.choice(
        (
            ("plain HTTP", request(body), False),
            ("a connection and nothing more", b"", False),
            ("a session and nothing more", b"", True),
            ("noise", noise(chance, 4000), False),
            ("a record of noise", b"\x16\x03\x01\x00\x40" + chance.randbytes(64), False),
            ("an alert", b"\x15\x03\x03\x00\x02\x02\x28", False),
            (
                "an old hello",
                b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + chance.randbytes(37),
                False,
            ),
            ("a record too long", b"\x16\x03\x03\xff\xff" + chance.randbytes(100), False),
            ("a hello with a flip", _flipped(chance), False),
        )
    )
    # A prefix of something may be waited for, so the client ends it; what comes of it is open.
    end = chance.choice((End.CLOSE, End.ABORT))
    if what == "plain HTTP":
        end = End.READ
    return Case(
        Layer.TLS, what, (sent,) if sent else (), expected=_ANY, fresh=True, tls=tls, end=end
    )


def _flipped(chance: random.Random) -> bytes:
    hello = bytearray(_HELLO)
    hello[chance.randrange(len(hello))] ^= 1 << chance.randrange(8)
    return bytes(hello)
