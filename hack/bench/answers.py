"""HTTP/1.1 answers, as far as a driver must understand them. Pure."""

import re
from typing import Final

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
_LAST_CHUNK: Final = b"\r\n0\r\n\r\n"

ALLOWED_WITH_PATCH: Final = (b'"allowed":true', b'"patch":"')
REFUSED: Final = (b'"allowed":false',)


class NotHttp(Exception):  # noqa: N818 - says it all
    """What came is no HTTP/1.1 answer."""


def complete(received: bytes | bytearray) -> bool:
    """Tell whether an answer is there to its end; nothing may follow it (no pipelining)."""
    head = received.find(_HEAD_END)
    if head < 0:
        return False
    if not received.startswith(b"HTTP/1.1 "):
        raise NotHttp(bytes(received[:40]))
    if length := _LENGTH.search(received, 0, head):
        return len(received) >= head + len(_HEAD_END) + int(length[1])
    if _CHUNKED.search(received, 0, head):
        return received.endswith(_LAST_CHUNK)
    raise NotHttp(b"neither Content-Length nor chunks: " + bytes(received[:head]))


def holds(answer: bytes | bytearray, words: tuple[bytes, ...]) -> bool:
    """Tell whether an answer is a 200 with all of these in it, however its JSON is spaced."""
    if not answer.startswith(b"HTTP/1.1 200"):
        return False
    dense = bytes(answer).replace(b'": ', b'":')
    return all(word in dense for word in words)
