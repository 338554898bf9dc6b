"""Sending cases and reading what comes back: HTTP/1.1 with nothing between that would mend it."""

import asyncio
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from hack.fuzz.case import Answer, Case, End, Seen

_MOST_HEAD: Final = 1024 * 1024
_LARGE: Final = 32 * 1024
_CLOSING: Final = 3.0
_PATIENCE: Final = 20.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where the server is."""

    host: str
    port: int
    tls: ssl.SSLContext


class NotHttp(Exception):  # noqa: N818
    """What came is no answer of HTTP/1.1."""


class Connection:
    """One connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(
        cls, target: Target, *, tls: bool = True, patience: float = _PATIENCE
    ) -> "Connection":
        """Connect within so many seconds; raises OSError."""
        context = target.tls if tls else None
        opened = await asyncio.open_connection(
            target.host,
            target.port,
            ssl=context,
            limit=_MOST_HEAD,
            ssl_handshake_timeout=patience if tls else None,
        )
        return cls(*opened)

    async def close(self) -> None:
        """End in order."""
        self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CLOSING):
                await self._writer.wait_closed()

    async def abort(self) -> None:
        """End at once."""
        self._writer.transport.abort()
        await self.close()

    async def perform(self, case: Case, patience: float) -> Seen:
        """Send a case and read its answers, for so many seconds after the last byte was sent."""
        started = time.perf_counter()
        sending = asyncio.ensure_future(self._send(case))
        answers: list[Answer] = []
        closed = timed_out = False
        fault = ""
        try:
            if case.end is End.READ:
                waits = sum(piece for piece in case.pieces if isinstance(piece, float))
                async with asyncio.timeout(patience + waits):
                    while len(answers) < case.expected.answers:
                        answers.append(await self._answer(silent=case.silent))
                closed = _ends(answers)
            else:
                with suppress(TimeoutError):
                    await asyncio.wait_for(sending, patience)
        except TimeoutError:
            timed_out = True
        except NotHttp as error:
            fault = str(error)
        except (asyncio.IncompleteReadError, OSError) as error:
            closed = True
            if isinstance(error, asyncio.IncompleteReadError) and error.partial.strip():
                fault = f"the answer ended after {bytes(error.partial[:100])!r}"
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        seconds = time.perf_counter() - started
        return Seen(tuple(answers), closed, timed_out, fault, seconds)

    async def _send(self, case: Case) -> None:
        with suppress(OSError):  # what the server made of it is seen by reading
            for piece in case.pieces:
                if isinstance(piece, float):
                    await asyncio.sleep(piece)
                    continue
                self._writer.write(piece)
                if len(piece) > _LARGE:
                    await self._writer.drain()

    async def _answer(self, *, silent: bool) -> Answer:
        while True:
            status, headers = await self._head()
            if status >= 200:
                break
        if silent or status in {204, 304}:
            return Answer(status, headers, b"")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return Answer(status, headers, await self._chunks())
        length = headers.get("content-length", "")
        if not length.isdecimal():
            raise NotHttp(f"an answer without a length: {status} {headers}")
        return Answer(status, headers, await self._reader.readexactly(int(length)))

    async def _head(self) -> tuple[int, dict[str, str]]:
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise NotHttp("an answer's head without an end") from None
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        if version != "HTTP/1.1" or not rest[:3].isdecimal():
            raise NotHttp(f"an answer that begins with {first[:60]!r}")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return int(rest[:3]), headers

    async def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            size = int(await self._reader.readuntil(b"\r\n"), 16)
            body += (await self._reader.readexactly(size + 2))[:-2]
            if not size:
                return bytes(body)


def _ends(answers: list[Answer]) -> bool:
    return bool(answers) and answers[-1].headers.get("connection", "").lower() == "close"
