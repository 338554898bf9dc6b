"""The three listeners as one: taken together, started in order, and ended in order."""

import asyncio
import logging
import ssl
from dataclasses import dataclass
from typing import Final

from webhook.config.settings import Address, ServerConfig
from webhook.metrics import Metrics
from webhook.server.connection import Limits
from webhook.server.errors import CannotListen
from webhook.server.listener import Listener
from webhook.server.ports import App
from webhook.server.readiness import Check, Readiness
from webhook.server.sockets import Bound, bind

_log = logging.getLogger("azwi.webhook.server")
_SIDE_CONNECTIONS: Final = 100
"""For health and metrics: kubelet and a scraper or two."""
_SIDE_BODY: Final = 64 * 1024
_SIDE_GRACE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the listeners are; of interest where port 0 was asked for."""

    webhook: int
    health: int
    metrics: int | None


class Server:
    """The webhook's listeners. Ports are held from the start, and served in two steps.

    Health and metrics do not wait for the certificate, so that the process is seen alive while
    that is waited for. Raises CannotListen from the constructor and both steps.
    """

    def __init__(self, config: ServerConfig, checks: dict[str, Check], metrics: Metrics) -> None:
        self._config = config
        self._metrics = metrics
        self._webhook: Listener | None = None
        self._side: list[Listener] = []
        self.readiness = Readiness({"listener": self._listening, **checks})
        self._bound = _bind_all(config)
        self.ports = Ports(
            self._bound["webhook"].port,
            self._bound["health"].port,
            self._bound["metrics"].port if "metrics" in self._bound else None,
        )

    async def start(self) -> None:
        """Serve health and metrics.

        Their framework takes a third of a second to import, half of the start's CPU; a thread does
        it, so that reviews are not kept waiting for it.
        """
        limits = Limits(
            self._config.read_timeout,
            max_connections=_SIDE_CONNECTIONS,
            idle_timeout=self._config.idle_timeout,
            max_body_bytes=_SIDE_BODY,
        )
        for name, app in (await asyncio.to_thread(self._side_apps)).items():
            listener = Listener(app, self._bound[name], limits)
            self._side.append(listener)
            try:
                await listener.start()
            except CannotListen:
                await self._end()
                raise

    def _side_apps(self) -> dict[str, App]:
        from webhook.server.health import health_app, metrics_app  # noqa: PLC0415 - see start

        apps: dict[str, App] = {"health": health_app(self.readiness)}
        if "metrics" in self._bound:
            apps["metrics"] = metrics_app(self._metrics.registry)
        return apps

    async def admit(self, admission: App, tls: ssl.SSLContext) -> None:
        """Serve reviews."""
        limits = Limits(
            read_timeout=self._config.read_timeout,
            idle_timeout=self._config.idle_timeout,
            max_body_bytes=self._config.max_body_bytes,
        )
        listener = Listener(
            admission, self._bound["webhook"], limits, tls=tls, on_cut=self._metrics.cut
        )
        await listener.start()
        self._webhook = listener
        self._metrics.watch_connections(lambda: listener.connections)
        _log.info("serving", extra={"port": listener.port})

    async def stop(self, at_once: asyncio.Event) -> bool:
        """End in order; False: something under way was cut short.

        Readiness goes first. Connections are taken for `shutdown_delay` more, since endpoints and
        API servers learn of it late, and every answer ends its connection. Then the port closes,
        requests under way end, within `shutdown_timeout`; idle connections are last. `at_once`
        ends all of it.
        """
        drain = asyncio.ensure_future(self._drain())
        hurried = asyncio.ensure_future(at_once.wait())
        try:
            await asyncio.wait((drain, hurried), return_when=asyncio.FIRST_COMPLETED)
            return drain.done() and drain.result()
        finally:
            for waiting in (drain, hurried):
                waiting.cancel()
            await asyncio.gather(drain, hurried, return_exceptions=True)
            await self._end()

    async def _drain(self) -> bool:
        self.readiness.drain()
        if self._webhook is None:
            return True
        self._webhook.drain()
        _log.info("draining", extra={"seconds": self._config.shutdown_delay})
        await asyncio.sleep(self._config.shutdown_delay)
        self._webhook.close()
        _log.info("port closed", extra={"connections": self._webhook.connections})
        finished = await self._webhook.finish(self._config.shutdown_timeout)
        _log.info("drained", extra={"finished": finished})
        return finished

    async def _end(self) -> None:
        """End what is left; nothing after a drain but health and metrics."""
        if self._webhook is not None:
            self._webhook.abort()
        for listener in self._side:
            listener.close()
            await listener.finish(_SIDE_GRACE)
        for bound in self._bound.values():
            bound.close()

    def _listening(self) -> str | None:
        if self._webhook is not None and self._webhook.serving:
            return None
        return "reviews are not served yet"


def _bind_all(config: ServerConfig) -> dict[str, Bound]:
    """Take all ports or none."""
    wanted: dict[str, tuple[Address, str]] = {
        "webhook": (Address("", config.port), "--port"),
        "health": (config.health, "--health-addr"),
    }
    if config.metrics is not None:
        wanted["metrics"] = (config.metrics, "--metrics-addr")
    bound: dict[str, Bound] = {}
    try:
        for name, (address, setting) in wanted.items():
            bound[name] = bind(address, setting)
    except BaseException:
        for held in bound.values():
            held.close()
        raise
    return bound
