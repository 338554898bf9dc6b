"""Two small HTTP servers: `/healthz` and `/readyz` for the kubelet, `/metrics` for Prometheus.

Liveness asks whether this process can go on at all; readiness whether it does its work, or stands
by to. Each is a set of checks that others pass in. A failed check is one line of the answer.
"""

import errno
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from controller.config.settings import Address, Config
from controller.metrics import Metrics
from entra.errors import one_line

Check = Callable[[], str | None]
"""Returns what is wrong, in one line; None if nothing is."""

_SHUTDOWN: Final = 1.0
"""Seconds that answers under way have to end."""
_NO_SUCH_FAMILY: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})
_NOT_KEPT: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

_log = logging.getLogger("azwi.controller.health")


class CannotListen(Exception):  # noqa: N818 - a sentence for people
    """An address can't be listened on."""


@dataclass(frozen=True, slots=True)
class Served:
    """Where we listen, ports as they were given or as the system chose them."""

    health: str
    metrics: str | None
    """None: no metrics are served."""


@asynccontextmanager
async def serving(
    config: Config, *, live: Mapping[str, Check], ready: Mapping[str, Check], metrics: Metrics
) -> AsyncIterator[Served]:
    """Serve while the context lasts. Raises `CannotListen`."""
    async with AsyncExitStack() as stack:
        health = await stack.enter_async_context(
            _listening(health_app(live, ready), config.health_address)
        )
        shown = None
        if config.metrics_address is not None:
            shown = await stack.enter_async_context(
                _listening(metrics_app(metrics), config.metrics_address)
            )
        yield Served(str(health), str(shown) if shown else None)


def health_app(live: Mapping[str, Check], ready: Mapping[str, Check]) -> web.Application:
    """Return what answers the kubelet."""
    app = web.Application()
    app.add_routes(
        [
            web.get("/healthz", _answering("live", live)),
            web.get("/readyz", _answering("ready", ready)),
        ]
    )
    return app


def metrics_app(metrics: Metrics) -> web.Application:
    """Return what answers Prometheus."""

    async def show(request: web.Request) -> web.Response:
        try:
            encode, kind = choose_encoder(request.headers.get("Accept", ""))
        except (TypeError, ValueError):  # a version that is none
            encode, kind = choose_encoder("")
        return web.Response(
            body=encode(metrics.registry), headers={"Content-Type": kind, **_NOT_KEPT}
        )

    app = web.Application()
    app.router.add_get("/metrics", show)
    return app


def _answering(
    word: str, checks: Mapping[str, Check]
) -> Callable[[web.Request], Awaitable[web.Response]]:
    failing: set[str] = set()

    async def answer(_: web.Request) -> web.Response:
        nonlocal failing
        asked = {name: _ask(name, check) for name, check in checks.items()}
        problems = {name: problem for name, problem in asked.items() if problem}
        if problems.keys() != failing:  # their words may change with each request
            failing = set(problems)
            _log.warning("%s%s", "not " if failing else "", word, extra={"problems": problems})
        lines = [f"{name}: {problem}" for name, problem in problems.items()] or ["ok"]
        return web.Response(
            status=503 if problems else 200, text="\n".join(lines) + "\n", headers=_NOT_KEPT
        )

    return answer


def _ask(name: str, check: Check) -> str | None:
    try:
        problem = check()
    except Exception as error:  # noqa: BLE001 - a check that can't be made is not passed
        _log.error("a check failed", extra={"check": name}, exc_info=error)
        return f"can't be checked ({type(error).__name__})"
    return one_line(problem) if problem else None


@asynccontextmanager
async def _listening(app: web.Application, address: Address) -> AsyncIterator[Address]:
    held = _bound(address)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_SHUTDOWN)
    try:
        await runner.setup()
        await web.SockSite(runner, held).start()
        yield Address(address.host, held.getsockname()[1])
    finally:
        await runner.cleanup()
        held.close()


def _bound(address: Address) -> socket.socket:
    """Return one socket, of both families where every address is meant: one port, even port 0."""
    try:
        if address.host:
            family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
            return socket.create_server((address.host, address.port), family=family)
        if socket.has_dualstack_ipv6():
            try:
                return socket.create_server(
                    ("", address.port), family=socket.AF_INET6, dualstack_ipv6=True
                )
            except OSError as error:
                if error.errno not in _NO_SUCH_FAMILY:  # IPv6 may be switched off
                    raise
        return socket.create_server(("", address.port))
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise CannotListen(f"can't listen on {address}: {why}; is another at it?") from error
