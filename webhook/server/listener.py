"""A port that is served: uvicorn's protocol on asyncio's server, with an end of our own.

uvicorn's `Server` is left out: it takes the process's signals, ends idle connections first of all,
and wakes up ten times a second for each port to look whether it should go on.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

from uvicorn.config import Config

from webhook.metrics import Cut
from webhook.server.connection import Guard, GuardedConnection, Limits
from webhook.server.errors import CannotListen
from webhook.server.ports import App
from webhook.server.sockets import Bound, in_words

_BACKLOG: Final = 1024
_TLS_START: Final = 5.0
"""Seconds for a TLS handshake; `read_timeout` if that is shorter. Neither asyncio nor uvloop tells
of a connection before its handshake is done, so that those under way are not counted: only this
time, and the process's limit of open files, bounds how many there are. Each takes about 57 KiB."""
_TLS_END: Final = 5.0
"""Seconds for the other side to acknowledge the end of a TLS session."""
_LAST_GRACE: Final = 1.0


class Listener:
    """One bound address and the application behind it."""

    def __init__(
        self,
        app: App,
        bound: Bound,
        limits: Limits,
        *,
        tls: ssl.SSLContext | None = None,
        on_cut: Callable[[Cut], None] | None = None,
    ) -> None:
        self._bound = bound
        self._limits = limits
        self._tls = tls
        self._config = Config(
            app,
            loop="none",
            http=GuardedConnection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            workers=1,
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
        self._config.load()
        self._guard = Guard(limits, on_cut or (lambda _: None))
        self._servers: list[asyncio.Server] = []
        self._sweep: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._bound.port

    @property
    def serving(self) -> bool:
        """Tell whether new connections are taken."""
        return bool(self._servers)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._guard.connections)

    async def start(self) -> None:
        """Serve. Raises CannotListen."""
        loop = asyncio.get_running_loop()
        handshake = min(self._limits.read_timeout, _TLS_START)
        timeouts = (handshake, _TLS_END) if self._tls else (None, None)
        try:
            for held in self._bound.sockets:
                held.listen(_BACKLOG)  # uvloop does so too, but keeps quiet when it fails
                server = await loop.create_server(
                    lambda: GuardedConnection(self._config, self._guard, loop),
                    sock=held,
                    ssl=self._tls,
                    backlog=_BACKLOG,
                    ssl_handshake_timeout=timeouts[0],
                    ssl_shutdown_timeout=timeouts[1],
                )
                self._servers.append(server)
        except OSError as error:
            self.close()
            address, setting = self._bound.address, self._bound.setting
            raise CannotListen(str(address), setting, in_words(error)) from error
        self._sweep_on()

    def drain(self) -> None:
        """Let every answer from now on be its connection's last; new connections are taken."""
        self._guard.draining = True
        for connection in self._guard.connections:
            connection.say_goodbye()

    def close(self) -> None:
        """Take no more connections."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        self._bound.close()

    async def finish(self, timeout: float) -> bool:  # noqa: ASYNC109 - it ends well all the same
        """Wait for what is under way, then end the idle connections; False: some were cut short.

        To be called when the port is closed.
        """
        guard = self._guard
        guard.draining = True
        finished = await self._until(self._all_idle, timeout)
        for connection in tuple(guard.idle):
            connection.transport.close()
        await self._until(self._none_left, _LAST_GRACE)
        unfinished = tuple(guard.state.tasks)
        self.abort()
        if unfinished:  # they have been cancelled, or are about to return
            await asyncio.wait(unfinished, timeout=_LAST_GRACE)
        await self._until(self._none_left, _LAST_GRACE)
        return finished

    def abort(self) -> None:
        """End everything at once."""
        self.close()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for task in self._guard.state.tasks:
            task.cancel()
        for connection in tuple(self._guard.connections):
            connection.transport.abort()

    def _all_idle(self) -> bool:
        return len(self._guard.connections) == len(self._guard.idle)

    def _none_left(self) -> bool:
        return not self._guard.connections

    async def _until(self, reached: Callable[[], bool], within: float) -> bool:
        changed = self._guard.changed
        try:
            async with asyncio.timeout(within):
                while not reached():
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            return False
        return True

    def _sweep_on(self) -> None:
        self._guard.sweep()
        self._sweep = asyncio.get_running_loop().call_later(
            self._limits.sweep_interval, self._sweep_on
        )
