"""Driving a server: several connections in one thread, with requests that are ready to be sent.

No event loop stands between the clock and the socket: a request takes 0.1 ms of the driver's CPU
(measured; wrk with its script 0.085 ms), a third of what it takes of the server's.
"""

import select
import socket
import ssl
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import cycle
from typing import Final

from hack.bench import answers

_PATIENCE: Final = 30.0
"""Seconds without any answer after which a server is given up."""
_READ: Final = 65536


class DriveFailed(Exception):  # noqa: N818 - named like those of hack.cluster
    """The server did not do what is measured; figures of that would mean nothing."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where the webhook answers."""

    host: str
    port: int
    tls: ssl.SSLContext

    @property
    def address(self) -> str:
        """As in a URL or a Host header."""
        return f"{self.host}:{self.port}"


@dataclass(slots=True)
class Run:
    """What one run came to."""

    seconds: float = 0.0
    latencies_ms: "array[float]" = field(default_factory=lambda: array("d"))

    @property
    def count(self) -> int:
        """How many requests were answered, each as it should be."""
        return len(self.latencies_ms)

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.count / self.seconds


class Connection:
    """One kept-alive TLS connection."""

    def __init__(self, target: Target) -> None:
        plain = socket.create_connection((target.host, target.port), timeout=_PATIENCE)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket = target.tls.wrap_socket(plain, server_hostname=target.host)
        except BaseException:
            plain.close()
            raise
        self.socket.setblocking(False)  # noqa: FBT003 - the socket module's own
        self.sent_at = 0
        self._received = bytearray()

    def fileno(self) -> int:
        """Let this be waited for."""
        return self.socket.fileno()

    def close(self) -> None:
        """End the connection."""
        self.socket.close()

    def send(self, request: bytes) -> None:
        """Send a request and start its clock."""
        self._received.clear()
        self.sent_at = time.perf_counter_ns()
        rest = memoryview(request)
        while rest:
            try:
                rest = rest[self.socket.send(rest) :]
            except ssl.SSLWantWriteError:
                select.select([], [self], [], _PATIENCE)

    def receive(self) -> bytearray | None:
        """Take what has come; the answer, once it is there to its end."""
        while True:
            try:
                data = self.socket.recv(_READ)
            except ssl.SSLWantReadError:
                return None
            if not data:
                raise DriveFailed(f"the server ended a connection: {bytes(self._received[:200])!r}")
            self._received += data
            if answers.complete(self._received):
                return self._received

    def ask(self, request: bytes) -> bytearray:
        """Send a request and wait for its answer."""
        self.send(request)
        while (answer := self.receive()) is None:
            if not select.select([self], [], [], _PATIENCE)[0]:
                raise DriveFailed(f"no answer within {_PATIENCE:.0f} s")
        return answer


def saturate(  # noqa: PLR0913 - what to send, and how much of it
    target: Target,
    requests: Sequence[bytes],
    *,
    connections: int,
    words: tuple[bytes, ...],
    seconds: float | None = None,
    count: int | None = None,
    tell: Callable[[int], None] | None = None,
) -> Run:
    """Send the next request on each connection as soon as its answer is there.

    For so many seconds, or until so many are answered.
    """
    following = cycle(requests)
    run = Run()
    most = count if count is not None else 1 << 62
    with ExitStack() as stack, select.epoll() as poll:
        opened = [stack.enter_context(closing(Connection(target))) for _ in range(connections)]
        by_number = {connection.fileno(): connection for connection in opened}
        for number in by_number:
            poll.register(number, select.EPOLLIN)
        started = time.perf_counter_ns()
        end = started + int((seconds if seconds is not None else 1e9) * 1e9)
        for connection in opened:
            connection.send(next(following))
        while (now := time.perf_counter_ns()) < end and run.count < most:
            for connection, answered in _answered(poll, by_number, words):
                run.latencies_ms.append((answered - connection.sent_at) / 1e6)
                connection.send(next(following))
            if tell is not None:
                tell(run.count)
        run.seconds = (now - started) / 1e9
    return run


def at_once(target: Target, requests: Sequence[bytes], *, words: tuple[bytes, ...]) -> Run:
    """Send every request at the same moment, each on a connection that is open already."""
    run = Run()
    with ExitStack() as stack, select.epoll() as poll:
        opened = [stack.enter_context(closing(Connection(target))) for _ in requests]
        by_number = {connection.fileno(): connection for connection in opened}
        for number in by_number:
            poll.register(number, select.EPOLLIN)
        started = time.perf_counter_ns()
        for connection, request in zip(opened, requests, strict=True):
            connection.send(request)
        while run.count < len(requests):
            for connection, answered in _answered(poll, by_number, words):
                run.latencies_ms.append((answered - connection.sent_at) / 1e6)
        run.seconds = (time.perf_counter_ns() - started) / 1e9
    return run


def paced(  # noqa: PLR0913 - what to send, and how much of it
    target: Target,
    requests: Sequence[bytes],
    *,
    rate: float,
    count: int,
    words: tuple[bytes, ...],
    tell: Callable[[int], None] | None = None,
) -> Run:
    """Send requests on one connection at a steady rate, far below what the server could do."""
    following = cycle(requests)
    run = Run()
    with closing(Connection(target)) as connection:
        started = time.perf_counter()
        for number in range(count):
            time.sleep(max(0.0, started + number / rate - time.perf_counter()))
            answer = connection.ask(next(following))
            run.latencies_ms.append((time.perf_counter_ns() - connection.sent_at) / 1e6)
            _check(answer, words)
            if tell is not None:
                tell(run.count)
        run.seconds = time.perf_counter() - started
    return run


def afresh(
    target: Target, requests: Sequence[bytes], *, count: int, words: tuple[bytes, ...]
) -> Run:
    """Open a connection for each request, with a full handshake (no session is ever resumed)."""
    following = cycle(requests)
    run = Run()
    started = time.perf_counter()
    for _ in range(count):
        opened = time.perf_counter_ns()
        with closing(Connection(target)) as connection:
            answer = connection.ask(next(following))
            run.latencies_ms.append((time.perf_counter_ns() - opened) / 1e6)
            if connection.socket.session_reused:
                raise DriveFailed("a TLS session was resumed")
        _check(answer, words)
    run.seconds = time.perf_counter() - started
    return run


def _answered(
    poll: select.epoll, by_number: dict[int, Connection], words: tuple[bytes, ...]
) -> Iterator[tuple[Connection, int]]:
    ready = poll.poll(_PATIENCE)
    if not ready:
        raise DriveFailed(f"no answer within {_PATIENCE:.0f} s")
    for number, _ in ready:
        connection = by_number[number]
        answer = connection.receive()
        if answer is not None:
            answered = time.perf_counter_ns()
            _check(answer, words)
            yield connection, answered


def _check(answer: bytearray, words: tuple[bytes, ...]) -> None:
    if not answers.holds(answer, words):
        raise DriveFailed(f"not the answer that is measured: {bytes(answer[:400])!r}")
