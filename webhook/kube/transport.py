"""HTTP for `httpx`, by asyncio's own TLS and httptools.

The transport that comes with httpx (httpcore on anyio) takes 3 to 6 ms of CPU for each of a hundred
requests at once, most of it in finding a free connection; this one takes a tenth of that, and there
is less to import. It speaks to one server only, without proxies, HTTP/2 or redirects.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

import httpx

from webhook.kube.connection import Connection
from webhook.kube.limits import Limits
from webhook.kube.wire import Wire

# A peer that is gone without a word is noticed after 15 + 3 * 5 s, on watches above all.
_SOCKET_OPTIONS: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)


class PooledTransport(httpx.AsyncBaseTransport):
    """A pool of connections to one server; the one used last is used first.

    Timeouts are those of the request's extensions, as httpx sets them.
    """

    def __init__(self, connection: Connection, limits: Limits) -> None:
        self._ssl_context = connection.ssl_context
        self._server_name = connection.server_name
        self._idle_seconds = limits.idle
        self._free = asyncio.Semaphore(limits.connections)
        self._wires: set[Wire] = set()
        self._idle: dict[Wire, asyncio.TimerHandle] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; returns when the head of the answer is there."""
        data = _head(request) + await request.aread()
        patience = request.extensions.get("timeout", {})
        try:
            async with asyncio.timeout(patience.get("pool")):
                await self._free.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("no connection became free", request=request) from None
        wire: Wire | None = None
        try:
            wire = self._waiting() or await self._connect(request.url, patience.get("connect"))
            status, headers = await wire.send(data, patience.get("read"))
        except BaseException:
            if wire is not None and wire.exchanges > 1:
                self._end_idle()
            self.done(wire)
            raise
        body = _Body(self, wire, patience.get("read"))
        return httpx.Response(status, headers=headers, stream=body, request=request)

    async def aclose(self) -> None:
        """End every connection, whatever is under way on it."""
        wires = list(self._wires)
        for wire in wires:
            self._take_off(wire)
            wire.abort()
        await asyncio.gather(*(wire.closed for wire in wires))

    def done(self, wire: Wire | None) -> None:
        """Take a connection back when its exchange is over, or was left; None: there was none."""
        self._free.release()
        if wire is None:
            return
        if wire.reusable:
            loop = asyncio.get_running_loop()
            self._idle[wire] = loop.call_later(self._idle_seconds, wire.abort)
        else:
            wire.abort()

    def _waiting(self) -> Wire | None:
        """Return the idle connection that was used last, if there is one that is still open."""
        while self._idle:
            wire, expiry = self._idle.popitem()
            expiry.cancel()
            if wire.reusable:
                return wire
        return None

    def _end_idle(self) -> None:
        """End what waits to be used again, since one of them had died, maybe without a word.

        What stands between here and the server forgot the others too: a next try needs a new one.
        """
        for wire in tuple(self._idle):
            wire.abort()
            self._take_off(wire)

    def _take_off(self, wire: Wire) -> None:
        expiry = self._idle.pop(wire, None)
        if expiry is not None:
            expiry.cancel()
        self._wires.discard(wire)

    async def _connect(self, url: httpx.URL, patience: float | None) -> Wire:
        secure = self._ssl_context is not None
        try:
            async with asyncio.timeout(patience):
                transport, wire = await asyncio.get_running_loop().create_connection(
                    Wire,
                    url.host,
                    url.port or (443 if secure else 80),
                    ssl=self._ssl_context,
                    server_hostname=(self._server_name or url.host) if secure else None,
                )
        except TimeoutError:
            raise httpx.ConnectTimeout("no connection in time") from None
        except (
            OSError,
            ValueError,
            OverflowError,
        ) as error:  # SSLError; hosts, ports never heard of
            raise httpx.ConnectError(str(error)) from error
        connected = transport.get_extra_info("socket")
        with suppress(OSError):  # it may be gone already, which the next step tells
            for option in _SOCKET_OPTIONS:
                connected.setsockopt(*option)
        self._wires.add(wire)
        wire.closed.add_done_callback(lambda _: self._take_off(wire))
        return wire


class _Body(httpx.AsyncByteStream):
    """The body of an answer; gives its connection back when it is closed."""

    def __init__(self, pool: PooledTransport, wire: Wire, patience: float | None) -> None:
        self._pool = pool
        self._wire: Wire | None = wire
        self._patience = patience

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._wire is not None and (chunk := await self._wire.next_chunk(self._patience)):
            yield chunk

    async def aclose(self) -> None:
        """Give the connection back, or end it if there is more to come."""
        wire, self._wire = self._wire, None
        if wire is not None:
            self._pool.done(wire)


def _head(request: httpx.Request) -> bytes:
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [b"%b: %b" % header for header in request.headers.raw]
    if any(b"\r" in line or b"\n" in line for line in lines):
        raise httpx.LocalProtocolError("a line break in the head of a request", request=request)
    return b"\r\n".join(lines) + b"\r\n\r\n"
