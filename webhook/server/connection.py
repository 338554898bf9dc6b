"""One connection, guarded: uvicorn's HTTP protocol with the bounds that it does not have.

uvicorn bounds neither a request's head nor the time that a request takes to arrive, and closes
idle connections as soon as it shuts down. Here

- a request is there `read_timeout` after its first byte, or is answered 408;
- a head has at most `MOST_HEAD_BYTES`, else 431, and `MOST_HEADERS`, trailers among them, else 400;
  a whole request at most four times a body's limit, however it is cut into chunks and trailers;
- behind the request that is answered, at most `MOST_WAITING` others wait: a piece of data has room
  for thousands, of some kilobytes each;
- a connection that was never used lives as long as an idle one: Go's client opens some in advance
  and uses them later;
- of too many connections one of the address that holds most of them goes, so that one hostile
  address ends its own;
- during the drain every answer says `Connection: close`, and idle connections stay.

One timer for all connections looks after these; a request sets none.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from webhook.metrics import Cut
from webhook.review import status
from webhook.server.joined import JoinedWrites
from webhook.server.ports import MORE_TIME

MOST_HEAD_BYTES: Final = 16 * 1024
"""What comes is parsed in pieces of this size: a head, counted from where it begins in its piece,
is never held beyond twice as much. The API server's head has some 300 bytes, without a token."""
MOST_HEADERS: Final = 100
"""The API server sends about eight. Each costs some 200 bytes of memory, however short it is."""
MOST_WAITING: Final = 16
"""Go's client sends a request when the one before is answered, so that none ever waits."""
_NEVER: Final = float("inf")
_CLOSING_TIME: Final = 10.0
"""Seconds for the other side to take part in a connection's end."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a connection may cost. Times are seconds."""

    read_timeout: float = 10.0
    idle_timeout: float = 120.0
    max_connections: int = 1000
    """Three API servers have at most 1,800 writes under way by default, few of them pods; a
    connection costs about 60 KiB, TLS included. TLS handshakes under way are not among them."""
    max_body_bytes: int = 8 * 1024 * 1024
    sweep_interval: float = 1.0
    """How late a limit may be noticed."""


class Guard:
    """What the connections of one listener share."""

    def __init__(self, limits: Limits, on_cut: Callable[[Cut], None]) -> None:
        self.limits = limits
        self.on_cut = on_cut
        self.draining = False
        self.idle: dict[GuardedConnection, None] = {}
        """Connections with nothing under way; the one that has been idle longest comes first."""
        self.peers: dict[str, dict[GuardedConnection, None]] = {}
        """Open connections by the address that they come from."""
        self.state = ServerState()
        self.changed = asyncio.Event()
        """Set, while draining, when a request or a connection has come to its end."""

    @property
    def connections(self) -> set[Any]:
        """Every open connection, those that are being closed too."""
        return self.state.connections

    def take(self, newcomer: "GuardedConnection") -> None:
        """Count a connection in; one too many costs a connection its life.

        That is one of the address that holds most: the one that has been idle longest, else the
        one whose request has been on its way longest, else the new one, else one that is answered.
        """
        self.idle[newcomer] = None
        self.peers.setdefault(newcomer.peer, {})[newcomer] = None
        if len(self.connections) <= self.limits.max_connections:
            return
        self.on_cut(Cut.CROWD)
        victim = self._victim(newcomer)
        self.forget(victim)
        victim.transport.abort()

    def _victim(self, newcomer: "GuardedConnection") -> "GuardedConnection":
        crowd = max(self.peers, key=lambda peer: (len(self.peers[peer]), peer == newcomer.peer))
        held = self.peers[crowd]
        for idle in self.idle:
            if idle in held and idle is not newcomer:
                return idle
        return min(held, key=lambda one: (one.deadline == _NEVER, one is newcomer, one.deadline))

    def forget(self, connection: "GuardedConnection") -> None:
        """Count a connection out, if it is still counted."""
        self.idle.pop(connection, None)
        held = self.peers.get(connection.peer)
        if held is not None:
            held.pop(connection, None)
            if not held:
                del self.peers[connection.peer]

    def sweep(self) -> None:
        """End what is over its time."""
        now = asyncio.get_running_loop().time()
        for connection in tuple(self.connections):
            if connection.transport.is_closing():
                connection.hurry(now)
            elif connection.deadline < now:
                connection.overdue()


class GuardedConnection(HttpToolsProtocol):
    """A connection of a `Listener`."""

    def __init__(
        self,
        config: Config,
        guard: Guard,
        _loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(config, guard.state, app_state={}, _loop=_loop)
        self.guard = guard
        self.peer = ""
        """The address that it comes from."""
        self.deadline = _NEVER
        """On the loop's clock: when the request must be there, or an unused connection ends."""
        self._receiving = False
        self._in_head = False
        self._received = 0
        self._closing = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection in."""
        super().connection_made(transport)
        self.peer = self.client[0] if self.client else ""
        self._joined = JoinedWrites(transport)
        self.deadline = self.loop.time() + self.guard.limits.idle_timeout
        self.guard.take(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection out."""
        self.guard.forget(self)
        if self.scope is not None:  # what it holds of us would keep us until the collector comes
            self.scope.pop(MORE_TIME, None)  # type: ignore[typeddict-item]
        super().connection_lost(exc)
        if self.guard.draining:
            self.guard.changed.set()

    def data_received(self, data: bytes) -> None:
        """Parse what came, piece by piece, and see that it stays within bounds."""
        for start in range(0, len(data), MOST_HEAD_BYTES):
            self._parse(data[start : start + MOST_HEAD_BYTES])
            if self.transport.is_closing():
                return

    def _parse(self, data: bytes) -> None:
        if not self._receiving:
            self._begin()
        self._received += len(data)
        super().data_received(data)
        if self._receiving and self._received > MOST_HEAD_BYTES:
            if self._in_head:
                self._turn_away(_HEAD_TOO_LARGE, Cut.HEAD)
            elif self._received > 4 * self.guard.limits.max_body_bytes:
                self.guard.on_cut(Cut.FLOOD)
                self.transport.abort()

    def on_message_begin(self) -> None:
        """Note that a request begins, perhaps behind another one in the same piece of data."""
        if len(self.pipeline) >= MOST_WAITING:
            self.guard.on_cut(Cut.FLOOD)
            raise OverflowError  # the parser gives up, and uvicorn answers 400 and closes
        if not self._receiving:
            self._begin()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, or a trailer, if there are not too many."""
        if len(self.headers) >= MOST_HEADERS:
            self.guard.on_cut(Cut.HEAD if self._in_head else Cut.FLOOD)
            raise OverflowError  # as above
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the answer; while draining it is the connection's last."""
        self._in_head = False
        super().on_headers_complete()
        self.scope[MORE_TIME] = self.give_time  # type: ignore[typeddict-unknown-key]
        self.cycle.transport = self._joined
        if self.guard.draining:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Stop the clock: the request is there."""
        self._receiving = False
        self.deadline = _NEVER
        super().on_message_complete()
        if self.cycle.response_complete:  # answered before its body had come
            self._rest()

    def on_response_complete(self) -> None:
        """Go on with the next request, or rest.

        Stands in for uvicorn's own, which does the same and starts a timer for each answer.
        """
        self.server_state.total_requests += 1
        self._joined.answered()
        if self.guard.draining:
            self.guard.changed.set()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif not self._receiving:
            self._rest()

    def say_goodbye(self) -> None:
        """Make the answer under way the last one."""
        cycle = self._current
        if cycle is not None and not cycle.response_started:
            cycle.keep_alive = False

    def give_time(self) -> None:
        """Let the body that is on its way have its time from now on: it has waited for us."""
        if self._receiving and not self._in_head:
            self.deadline = self.loop.time() + self.guard.limits.read_timeout

    def overdue(self) -> None:
        """End a connection whose time is over, if it is the other side that took it."""
        cycle = self._current
        answered = cycle is None or cycle.response_complete
        if not self._receiving:
            self.transport.close()
        elif self.flow.read_paused or (self._in_head and not answered):
            return  # it waits for us: another answer, or room for a large body
        elif not self._in_head and cycle is not None and cycle.response_started:
            self.guard.on_cut(Cut.SLOW)
            self.transport.abort()
        else:
            self._turn_away(_TOO_SLOW, Cut.SLOW)

    def hurry(self, now: float) -> None:
        """Let a connection that is being closed have a while, then end it."""
        if not self._closing:
            self._closing = True
            self.deadline = now + _CLOSING_TIME
        elif self.deadline < now:
            self.guard.on_cut(Cut.STUCK)
            self.transport.abort()

    def _begin(self) -> None:
        self._receiving = True
        self._in_head = True
        self._received = 0
        self.deadline = self.loop.time() + self.guard.limits.read_timeout
        self.guard.idle.pop(self, None)

    def _rest(self) -> None:
        self.deadline = self.loop.time() + self.guard.limits.idle_timeout
        self.guard.idle[self] = None

    def _turn_away(self, answer: bytes, reason: Cut) -> None:
        self.guard.on_cut(reason)
        cycle = self._current
        if cycle is not None and not cycle.response_complete:
            # The application waits for a body that will not come: it is told so.
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.write(answer)
        self.transport.close()

    @property
    def _current(self) -> RequestResponseCycle | None:
        """The latest request, which uvicorn's annotation takes to be there always."""
        return self.cycle


def _last_words(code: int, phrase: str, reason: str, message: str) -> bytes:
    body = status(code, reason, message)
    head = (
        f"HTTP/1.1 {code} {phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


_TOO_SLOW: Final = _last_words(408, "Request Timeout", "Timeout", "the request took too long")
_HEAD_TOO_LARGE: Final = _last_words(
    431, "Request Header Fields Too Large", "BadRequest", "the request's head is too large"
)
