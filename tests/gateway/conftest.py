"""An upstream that tells what reached it, and a gateway before it."""

import asyncio
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import trustme
from aiohttp import web

from tests.gateway import Gateway, Gateways, Upstream, gateways
from tests.gateway.gateway import end, end_loop, listen


class Far:
    """An HTTPS server: tells what it was sent; `?watch=1` streams lines, `/slow` waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop, authority: trustme.CA) -> None:
        self._loop = loop
        self._authority = authority
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._runner: web.ServerRunner | None = None
        self.port = 0
        self.reached: list[str] = []
        self.watching = threading.Event()
        self.watch_ended = threading.Event()
        self._slowly = asyncio.Event()
        self.finished = threading.Event()

    @property
    def upstream(self) -> Upstream:
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        return Upstream(f"https://127.0.0.1:{self.port}", context)

    def tell(self, line: str | None) -> None:
        """Send a line on the stream; None ends it."""
        self._loop.call_soon_threadsafe(self._lines.put_nowait, line)

    def go_on(self) -> None:
        """Answer what was sent to `/slow`."""
        self._loop.call_soon_threadsafe(self._slowly.set)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()
        self.reached.append(f"{request.method} {request.raw_path}")
        if request.rel_url.query.get("watch"):
            return await self._stream(request)
        if request.path.endswith("/slow"):
            await self._slowly.wait()
            self.finished.set()
        told = {"headers": dict(request.headers), "body": body.decode(), "path": request.raw_path}
        status = 404 if request.path.endswith("missing") else 200
        return web.Response(
            status=status, text=json.dumps(told), headers={"X-Request": "17", "Set-Cookie": "a=1"}
        )

    async def _stream(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        self.watching.set()
        try:
            while (line := await self._lines.get()) is not None:
                await answer.write(line.encode() + b"\n")
        except (asyncio.CancelledError, ConnectionError):
            self.watch_ended.set()
            raise
        return answer

    async def open(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert("127.0.0.1").configure_cert(context)
        server = web.Server(self.handle, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        self.port = await listen(self._runner, context)

    async def close(self) -> None:
        assert self._runner is not None
        await end(self._runner)


@contextmanager
def a_far_server() -> Iterator[Far]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="far")
    thread.start()
    server = Far(loop, trustme.CA())
    asyncio.run_coroutine_threadsafe(server.open(), loop).result(10)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
        end_loop(loop, thread)


@pytest.fixture
def far() -> Iterator[Far]:
    with a_far_server() as server:
        yield server


@pytest.fixture
def gates() -> Iterator[Gateways]:
    with gateways() as found:
        yield found


@pytest.fixture
def gate(gates: Gateways, far: Far) -> Gateway:
    return gates.to(far.upstream)


@pytest.fixture
def caller(gates: Gateways, gate: Gateway) -> Iterator[httpx.Client]:
    with calling(gates, gate) as client:
        yield client


@contextmanager
def calling(gates: Gateways, gate: Gateway) -> Iterator[httpx.Client]:
    context = ssl.create_default_context(cadata=gates.authority.decode())
    with httpx.Client(base_url=gate.url, verify=context, trust_env=False, timeout=20) as client:
        yield client
