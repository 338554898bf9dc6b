"""The gateways: one thread, one event loop, a port each."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import trustme
from aiohttp import web

from tests.gateway.calls import Call, Ledger
from tests.gateway.forwarding import Forwarding
from tests.gateway.rules import (
    DROP,
    Action,
    After,
    Answer,
    Before,
    Callback,
    Delay,
    Hold,
    Instead,
    Lost,
    Rule,
    Wanted,
    fitting,
)
from tests.gateway.upstream import Upstream

T = TypeVar("T")
_START_SECONDS: Final = 10.0


class Gateway:
    """One address in front of one upstream; made by `Gateways.to`, used from any thread.

    A rule is for the calls whose method and whose path (with `?query`) fit both regular
    expressions, the path anywhere, from the `nth` of them on, `times` in a row; None: all.
    """

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop, ledger: Ledger) -> None:
        self.name = name
        self.ledger = ledger
        self.port = 0
        self._loop = loop
        self._forwarding = Forwarding(name, ledger)
        self._runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def calls(self) -> list[Call]:
        """All that have come to it."""
        return [call for call in self.ledger.calls if call.gateway == self.name]

    def lead_to(self, upstream: Upstream) -> None:
        """Forward to another upstream from now on."""
        self._forwarding.upstream = upstream

    def answer(
        self,
        method: str,
        path: str,
        status: int,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        nth: int = 1,
        times: int | None = None,
    ) -> Rule:
        """Answer in place of the upstream; the body is sent as JSON."""
        action = Instead(Answer.of(status, body, headers))
        return self.rule(fitting(method, path), action, nth=nth, times=times)

    def delay(
        self, method: str, path: str, seconds: float, *, nth: int = 1, times: int | None = None
    ) -> Rule:
        """Forward later."""
        return self.rule(fitting(method, path), Delay(seconds), nth=nth, times=times)

    def drop_before(
        self, method: str, path: str, *, nth: int = 1, times: int | None = None
    ) -> Rule:
        """Break the connection in place of forwarding."""
        return self.rule(fitting(method, path), Instead(DROP), nth=nth, times=times)

    def drop_after(self, method: str, path: str, *, nth: int = 1, times: int | None = None) -> Rule:
        """Forward, and break the connection when the answer is there: it is lost."""
        return self.rule(fitting(method, path), Lost(), nth=nth, times=times)

    def hold(
        self,
        method: str,
        path: str,
        *,
        answers: bool = False,
        nth: int = 1,
        times: int | None = None,
    ) -> tuple[Rule, Hold]:
        """Keep calls until released, before they are forwarded, or their `answers`."""
        action = Hold(self._loop, answers=answers)
        return self.rule(fitting(method, path), action, nth=nth, times=times), action

    def before(
        self, method: str, path: str, callback: Callback, *, nth: int = 1, times: int | None = None
    ) -> Rule:
        """Run something before calls are forwarded."""
        return self.rule(fitting(method, path), Before(callback), nth=nth, times=times)

    def after(
        self, method: str, path: str, callback: Callback, *, nth: int = 1, times: int | None = None
    ) -> Rule:
        """Run something when the upstream has answered, before the caller knows."""
        return self.rule(fitting(method, path), After(callback), nth=nth, times=times)

    def rule(
        self, wanted: Wanted, action: Action, *, nth: int = 1, times: int | None = None
    ) -> Rule:
        """Apply an action to the calls that are wanted."""
        rule = Rule(wanted, action, nth=nth, times=times)
        self._forwarding.add_rule(rule)
        return rule

    def clear(self) -> None:
        """Take all rules away."""
        for rule in self._forwarding.take_rules():
            rule.off()

    def cut(self, wanted: Callable[[Call], bool] = lambda _: True) -> int:
        """Break the connections of calls under way; returns how many there were."""

        async def cut() -> int:
            return self._forwarding.cut(wanted)

        return self._call(cut())

    def under_way(self, wanted: Callable[[Call], bool] = lambda _: True) -> int:
        """Count the calls under way, open streams among them."""

        async def count() -> int:
            return self._forwarding.under_way(wanted)

        return self._call(count())

    def stall(self) -> None:
        """Pass nothing more on of open streams, and say nothing, until `flow`."""
        self._loop.call_soon_threadsafe(self._forwarding.flowing.clear)

    def flow(self) -> None:
        """Pass on what streams have brought meanwhile, and all that comes."""
        self._loop.call_soon_threadsafe(self._forwarding.flowing.set)

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_SECONDS)

    async def _open(self, context: ssl.SSLContext) -> None:
        await self._forwarding.open()
        # A caller that leaves ends its stream; what is forwarded already is shielded from that.
        server = web.Server(self._forwarding.handle, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        self.port = await listen(self._runner, context)

    async def _close(self) -> None:
        for rule in self._forwarding.take_rules():
            rule.off()
        self._forwarding.cut(lambda _: True)
        if self._runner is not None:
            await end(self._runner)
        await self._forwarding.close()


class Gateways:
    """Makes gateways, all served by one thread and trusted by one certificate."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._made: list[Gateway] = []
        authority = trustme.CA()
        self.authority = authority.cert_pem.bytes()
        """PEM, for callers."""
        self.ledger = Ledger()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(self._context)

    def to(self, upstream: Upstream | None = None, name: str = "upstream") -> Gateway:
        """Make one; without an upstream it answers 503 until `lead_to`."""
        gateway = Gateway(name, self._loop, self.ledger)
        self._made.append(gateway)
        if upstream is not None:
            gateway.lead_to(upstream)
        gateway._call(gateway._open(self._context))
        return gateway

    def _close(self) -> None:
        for gateway in self._made:
            gateway._call(gateway._close())


@contextmanager
def gateways() -> Iterator[Gateways]:
    """Gateways for as long as a block runs; at its end all their connections end, too."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="gateways")
    thread.start()
    made = Gateways(loop)
    try:
        yield made
    finally:
        made._close()
        end_loop(loop, thread)


async def listen(runner: web.ServerRunner, context: ssl.SSLContext) -> int:
    """Listen on a free port of 127.0.0.1, and return it."""
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    return int(runner.addresses[0][1])


async def end(runner: web.ServerRunner) -> None:
    """End a server; callers that keep idle connections open are not waited for."""
    if runner.server is not None:
        for connection in runner.server.connections:
            if connection.transport is not None:
                connection.transport.abort()
    await runner.cleanup()


def end_loop(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    """End a loop that runs in a thread, when all its connections are closed."""

    async def settle() -> None:
        for _ in range(10):  # a TLS connection is closed some turns after it is told to
            await asyncio.sleep(0)

    asyncio.run_coroutine_threadsafe(settle(), loop).result(_START_SECONDS)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
