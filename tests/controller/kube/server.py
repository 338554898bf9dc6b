"""A TLS server that answers as it is told; what an API server itself does is tested with one."""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import trustme
from aiohttp import web

Doing = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Server:
    url: str
    asked: list[Asked] = field(default_factory=list)
    plan: deque[Doing] = field(default_factory=deque)
    """What is done with the next requests; afterwards an empty object is the answer."""
    connections: set[Any] = field(default_factory=set)

    def answer(self, status: int = 200, body: object = None, **headers: str) -> None:
        content = body if isinstance(body, bytes) else orjson.dumps({} if body is None else body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def do(request: web.Request) -> web.StreamResponse:
            return web.Response(status=status, body=content, headers=named)

        self.plan.append(do)

    def drop(self, *, after: bytes = b"") -> None:
        """Close the connection in the middle of the answer."""

        async def do(request: web.Request) -> web.StreamResponse:
            assert request.transport is not None
            request.transport.write(after)
            request.transport.close()
            return web.Response()

        self.plan.append(do)

    def hang(self) -> None:
        async def do(request: web.Request) -> web.StreamResponse:
            await asyncio.Event().wait()
            raise AssertionError

        self.plan.append(do)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        content = await request.read()
        self.connections.add(request.transport)
        self.asked.append(
            Asked(
                request.method,
                request.rel_url.raw_path,
                dict(request.query),
                {name.lower(): value for name, value in request.headers.items()},
                orjson.loads(content) if content else None,
            )
        )
        if self.plan:
            return await self.plan.popleft()(request)
        return web.json_response({})


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None) -> AsyncIterator[Server]:
    found = Server("")
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", found.handle)
    runner = web.AppRunner(application, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        port = runner.addresses[0][1]
        found.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        yield found
    finally:
        await runner.cleanup()


@dataclass(frozen=True)
class Authority:
    """A CA, servers signed by it, and a client."""

    ca: trustme.CA

    @property
    def pem(self) -> str:
        return self.ca.cert_pem.bytes().decode()

    def server(self, name: str = "127.0.0.1", *, ask: bool = False) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.ca.issue_cert(name).configure_cert(context)
        if ask:
            self.ca.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client(self) -> tuple[str, str]:
        """Return a certificate and its key."""
        leaf = self.ca.issue_cert("admin@example")
        return leaf.cert_chain_pems[0].bytes().decode(), leaf.private_key_pem.bytes().decode()
