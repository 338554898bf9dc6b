"""TCP links that a test may cut, hold up and slow down: the network between two programs."""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

_CHUNK = 65536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER: a close discards what is under way and sends a reset (socket(7))."""


@dataclass(eq=False)
class _Connection:
    """One connection, both halves of it."""

    writers: list[asyncio.StreamWriter]
    passing: asyncio.Event = field(default_factory=asyncio.Event)
    """Not set: whatever comes is kept until it is."""

    def abort(self) -> None:
        for writer in self.writers:
            held: socket.socket | None = writer.get_extra_info("socket")
            if held is not None and not writer.is_closing():
                held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()


class Link:
    """Leads from a port of its own to an address; made by `links`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: tuple[str, int], delay: float):
        self.port = 0
        self._loop = loop
        self._target = target
        self._delay = delay
        self._holding = False
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def cut(self) -> int:
        """Reset every open connection; new ones are let through. Returns how many there were."""

        async def cut() -> int:
            connections = list(self._connections)
            for connection in connections:
                connection.abort()
            return len(connections)

        return self._call(cut())

    def hold(self, *, new_ones: bool = True) -> int:
        """Let nothing through from now on, and say nothing; returns how many connections hang.

        Without `new_ones` it is what a firewall does that forgets its connections: those that are
        open hang, new ones work.
        """

        async def hold() -> int:
            self._holding = new_ones
            for connection in self._connections:
                connection.passing.clear()
            return len(self._connections)

        return self._call(hold())

    def release(self) -> None:
        """Let everything through again, in order, what was held up first."""

        async def release() -> None:
            self._holding = False
            for connection in self._connections:
                connection.passing.set()

        self._call(release())

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _open(self, listen: str) -> None:
        self._server = await asyncio.start_server(self._accept, listen, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        connection = _Connection([writer])
        if not self._holding:
            connection.passing.set()
        self._connections.add(connection)
        try:
            await connection.passing.wait()
            await self._join(connection, reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # an end that either side, or the test, wanted: the other side learns of it below
        finally:
            connection.abort()
            self._connections.discard(connection)
            self._tasks.discard(task)

    async def _join(
        self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        connection.writers.append(far_writer)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pump(connection, reader, far_writer))
            group.create_task(self._pump(connection, far_reader, writer))

    async def _pump(
        self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while data := await reader.read(_CHUNK):
                await self._travel(connection)
                writer.write(data)
                await writer.drain()
            await self._travel(connection)
            writer.write_eof()
        except OSError:  # one side is gone: the other one learns of it
            connection.abort()

    async def _travel(self, connection: _Connection) -> None:
        await connection.passing.wait()
        if self._delay:
            await asyncio.sleep(self._delay)


class Links:
    """Makes links, all served by one thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._made: list[Link] = []

    def to(self, host: str, port: int, *, listen: str = "127.0.0.1", delay: float = 0.0) -> Link:
        """Make a link that listens on a free port; `delay` is seconds for each direction."""
        link = Link(self._loop, (host, port), delay)
        link._call(link._open(listen))
        self._made.append(link)
        return link

    def _close(self) -> None:
        for link in self._made:
            link._call(link._close())


@contextmanager
def links() -> Iterator[Links]:
    """Links for as long as a block runs; at its end all connections do, too."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="links")
    thread.start()
    made = Links(loop)
    try:
        yield made
    finally:
        made._close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
