"""An HTTP client that shows what is on the wire."""

import asyncio
import contextlib
import ssl
from types import TracebackType
from typing import Self

from tests.webhook.server.doubles import Answer

PATIENCE = 10.0


def request(
    body: bytes = b"",
    *,
    path: str = "/mutate-v1-pod?timeout=10s",
    method: str = "POST",
    head: str = "",
) -> bytes:
    lines = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return f"{lines}{head}content-length: {len(body)}\r\n\r\n".encode() + body


class Wire:
    """One connection, as a context."""

    def __init__(
        self, port: int, tls: ssl.SSLContext | None = None, come_from: str = "127.0.0.1"
    ) -> None:
        self._port = port
        self._tls = tls
        self._come_from = come_from

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1",
            self._port,
            ssl=self._tls,
            local_addr=(self._come_from, 0),
            server_hostname="localhost" if self._tls else None,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    @property
    def address(self) -> tuple[str, int]:
        """Its own end's."""
        host, port = self._writer.get_extra_info("sockname")
        return host, port

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def sent(self) -> None:
        await self._writer.drain()

    async def answer(self) -> Answer:
        async with asyncio.timeout(PATIENCE):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            found = Answer(status=int(head[0].split(" ")[1]))
            for line in filter(None, head[1:]):
                name, _, value = line.partition(": ")
                found.headers[name] = value
            found.body = await self._reader.readexactly(int(found.headers["content-length"]))
        return found

    async def ask(self, body: bytes) -> Answer:
        self.send(request(body))
        return await self.answer()

    async def ended(self) -> bool:
        """Wait for the other side to end the connection; False: it said something first."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._reader.read(1) == b""
        except ConnectionResetError:
            return True
