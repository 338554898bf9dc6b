"""One connection to the API server: HTTP/1.1, one exchange after the other."""

import asyncio
from collections import deque
from typing import Final, cast

import httptools
import httpx

_MOST_BUFFERED: Final = 512 * 1024
"""Bytes of a body that nobody has fetched yet; beyond them, the socket is read no further."""


class Wire(asyncio.Protocol):
    """Sends a request and hands out its answer as it comes in.

    Trouble is raised as the exception of httpx that says it, by whichever method waits.
    """

    def __init__(self) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.exchanges = 0
        self._transport: asyncio.Transport | None = None
        self._progress: asyncio.Future[None] | None = None
        self._error: httpx.TransportError | None = None
        self._paused = False
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: deque[bytes] = deque()
        self._buffered = 0
        self._head_complete = False
        self._complete = False
        self._keep_alive = False

    # For the one who asks.

    async def send(
        self, data: bytes, patience: float | None
    ) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Send a request, wait for the head of its answer; patience in seconds, for each wait."""
        if self._transport is None or self._transport.is_closing():
            raise httpx.WriteError("the connection is closed")
        if self.exchanges:
            self._begin()
        self.exchanges += 1
        self._transport.write(data)
        while not self._head_complete:
            await self._wait(patience)
        return self._parser.get_status_code(), self._headers

    async def next_chunk(self, patience: float | None) -> bytes:
        """Return more of the body; nothing at its end."""
        while not self._body:
            if self._complete:
                return b""
            await self._wait(patience)
        chunk = self._body.popleft()
        self._buffered -= len(chunk)
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return chunk

    @property
    def reusable(self) -> bool:
        """Whether the exchange is over, and the server keeps the connection for another one."""
        return (
            self._complete
            and self._keep_alive
            and not self._body  # fetched whole, so that reading is not paused
            and self._transport is not None
            and not self._transport.is_closing()
        )

    def abort(self) -> None:
        """End the connection now."""
        if self._transport is not None:
            self._transport.abort()

    async def _wait(self, patience: float | None) -> None:
        """Wait until something comes in."""
        if self._error is not None:
            raise self._error
        self._progress = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(patience):
                await self._progress
        except TimeoutError:
            raise httpx.ReadTimeout("nothing came in") from None
        finally:
            self._progress = None

    def _woken(self) -> None:
        if self._progress is not None and not self._progress.done():
            self._progress.set_result(None)

    def _failed(self, error: httpx.TransportError) -> None:
        if self._error is None:
            self._error = error
        if self._progress is not None and not self._progress.done():
            self._progress.set_exception(error)

    # For the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection over."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's only looks like one

    def data_received(self, data: bytes) -> None:
        """Parse what came in; what nobody asked for ends the connection."""
        if self._complete or not self.exchanges:
            self._failed(httpx.RemoteProtocolError("an answer that nobody asked for"))
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._failed(httpx.RemoteProtocolError("the answer is not HTTP/1.1"))
            self.abort()
            return
        if self._buffered > _MOST_BUFFERED and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._woken()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Note the end, which is an error in the middle of an exchange, whatever it came from."""
        self._transport = None
        self._failed(httpx.ReadError("the connection was closed"))
        if not self.closed.done():
            self.closed.set_result(None)

    # For the parser.

    def on_message_begin(self) -> None:
        """See that it is the answer, or comes before it (1xx), and not a second one."""
        if self._complete:
            raise ValueError("a second answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header."""
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Note that the head is there; that of an informational answer (1xx) is none."""
        if self._parser.get_status_code() >= 200:
            self._head_complete = True
            self._keep_alive = self._parser.should_keep_alive()
        else:
            self._headers = []

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._body.append(body)
        self._buffered += len(body)

    def on_message_complete(self) -> None:
        """Note that the answer is whole."""
        if self._head_complete:
            self._complete = True
