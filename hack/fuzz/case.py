"""A case as data: what is sent, in which order, and what may come back."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PATH: Final = b"/mutate-v1-pod"
TARGET: Final = PATH + b"?timeout=10s"


class Layer(StrEnum):
    """Where a case is malformed."""

    CONTROL = "control"
    """Nowhere: it must be admitted, in the middle of all the others."""
    TLS = "tls"
    HTTP = "http"
    JSON = "json"
    ENVELOPE = "envelope"
    POD = "pod"


class Lane(StrEnum):
    """Which others a case shares its connection, or its waiting, with."""

    QUICK = "quick"
    API = "api"
    """Waits for an API server that fails or hangs."""
    SLOW = "slow"
    """Is slow on purpose, to be cut off by the server."""


class End(StrEnum):
    """What the client does when all is sent."""

    READ = "read"
    CLOSE = "close"
    ABORT = "abort"
    """Ends the connection without a word of TLS, with a reset where data is unread."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What may come back, beside what every answer must be."""

    codes: frozenset[int] | None = None
    """HTTP statuses; None: 200 or any 4xx."""
    answers: int = 1
    """How many answers there must be; more may follow if the server takes the rest for another."""
    may_close: bool = False
    """The server may end the connection instead."""
    may_wait: bool = False
    """The client was slow: 408 is a right answer."""
    may_fail: bool = False
    """The API server fails: `status.code` 500 is a right answer if it says that it can be retried.
    """
    reviewed: bool = False
    """As HTTP and JSON it is sound: with a version, a kind and a uid it must get a review."""
    admitted: bool = False
    """The review is sound altogether: the pod must get its identity."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case."""

    layer: Layer
    what: str
    """In words, for the report."""
    pieces: tuple[bytes | float, ...]
    """Bytes to send, and seconds to wait between them."""
    bodies: tuple[bytes, ...] = ()
    """The reviews in it, in the order of their answers."""
    expected: Expected = Expected()
    lane: Lane = Lane.QUICK
    fresh: bool = False
    """Needs a connection of its own."""
    tls: bool = True
    end: End = End.READ
    copies: int = 1
    """How many connections send it at about the same time."""
    silent: bool = False
    """The answer has no body (HEAD)."""

    @property
    def size(self) -> int:
        """How many bytes are sent."""
        return sum(len(piece) for piece in self.pieces if isinstance(piece, bytes))


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """What came back."""

    answers: tuple[Answer, ...] = ()
    closed: bool = False
    """The server ended the connection."""
    timed_out: bool = False
    fault: str = ""
    """What came was no HTTP."""
    seconds: float = 0.0


def request(  # noqa: PLR0913 - the parts of a request, each of which may be wrong
    body: bytes,
    *,
    method: bytes = b"POST",
    target: bytes = TARGET,
    headers: tuple[tuple[bytes, bytes], ...] = ((b"Content-Type", b"application/json"),),
    length: bytes | None = b"",
    version: bytes = b"HTTP/1.1",
) -> bytes:
    """Write a request; a length of b"" is the true one, None leaves the header out."""
    lines = [b"%b %b %b" % (method, target, version), b"Host: localhost"]
    if length is not None:
        lines.append(b"Content-Length: " + (length or b"%d" % len(body)))
    lines += [b"%b: %b" % pair for pair in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
