"""HTTP/1.1 as far as a fake server needs it, bare enough to be broken at every byte."""

import asyncio
import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias
from urllib.parse import parse_qs, urlsplit

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer with this instead; a body of None becomes a Status object of that code."""

    status: int
    body: bytes | Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Hang:
    """Take the request and never answer (until the connection ends)."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Answer as usual, but end the connection after so many bytes of the body."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the connection without a byte of an answer."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Answer as usual, but only after this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Late:
    """Look at once, and answer what was seen only after this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Raw:
    """Write these bytes, with a pause after each, and no more (until the connection ends)."""

    parts: tuple[bytes, ...]
    pause: float = 0.0


Failure: TypeAlias = Answer | Hang | Cut | Drop | Delay | Late | Raw


@dataclass(frozen=True, slots=True)
class Seen:
    """One request, as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def matches(self, pattern: re.Pattern[str]) -> bool:
        """Search a pattern in path and query."""
        query = "&".join(f"{key}={value}" for key, value in self.query.items())
        return pattern.search(f"{self.path}?{query}" if query else self.path) is not None

    def accepts(self, what: str) -> bool:
        """Tell whether the Accept header holds this."""
        return what in self.headers.get("accept", "")


class CutOff(Exception):  # noqa: N818
    """This connection is to end now."""


async def read_request(reader: asyncio.StreamReader) -> Seen:
    """Read the next request of a connection; IncompleteReadError at its end."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {}
    for line in lines:
        key, _, value = line.partition(":")
        headers[key.strip().lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    return Seen(method, parts.path, query, headers, body)


async def write_answer(
    writer: asyncio.StreamWriter,
    status: int,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    cut: int | None = None,
) -> None:
    """Write an answer; with `cut` only so much of its body, and CutOff."""
    lines = [f"HTTP/1.1 {status} Told", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(body)}"]
    lines += [f"{key}: {value}" for key, value in (headers or {}).items()]
    writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
    writer.write(body if cut is None else body[:cut])
    await writer.drain()
    if cut is not None:
        raise CutOff


async def write_slowly(
    writer: asyncio.StreamWriter,
    reader: asyncio.StreamReader,
    parts: tuple[bytes, ...],
    pause: float,
) -> NoReturn:
    """Write bytes with pauses, then wait until the other side gives up."""
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(pause)
    await reader.read()
    raise CutOff


def compressed(body: bytes, seen: Seen) -> tuple[bytes, Mapping[str, str]]:
    """Compress what a real API server would: long answers, for clients that accept it."""
    if len(body) <= 128 * 1024 or "gzip" not in seen.headers.get("accept-encoding", ""):
        return body, {}
    return gzip.compress(body, 1), {"Content-Encoding": "gzip"}


class ChunkedStream:
    """An answer without a length, which may be cut after so many bytes."""

    def __init__(self, writer: asyncio.StreamWriter, cut: int | None) -> None:
        self._writer = writer
        self._left = cut

    async def begin(self) -> None:
        """Write the head, so that the client sees its request succeed."""
        self._writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        await self._writer.drain()

    async def send(self, data: bytes) -> None:
        """Write one chunk."""
        cut = self._left is not None and len(data) > self._left
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        if data:
            self._writer.write(b"%x\r\n%b\r\n" % (len(data), data))
            await self._writer.drain()
        if cut:
            raise CutOff

    async def end(self) -> None:
        """Write the last chunk: the answer was whole."""
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()
