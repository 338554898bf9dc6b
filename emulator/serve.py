"""Two ports in one event loop: HTTPS for everything, HTTP for the instance metadata service."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from emulator.certificates import Serving
from emulator.connection import Connection, ImdsConnection

_BACKLOG: Final = 2048
_GRACE_SECONDS: Final = 3
_IDLE_SECONDS: Final = 75


class ServeError(Exception):
    """A port can't be had; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """The bound sockets; ports are known before anything is served."""

    https: socket.socket
    imds: socket.socket

    def close(self) -> None:
        """Give the ports back."""
        self.https.close()
        self.imds.close()


def listen(host: str, port: int, imds_port: int) -> Listeners:
    """Bind both ports. Raises ServeError."""
    https = _bound(host, port, "--port")
    try:
        return Listeners(https, _bound(host, imds_port, "--imds-port"))
    except ServeError:
        https.close()
        raise


async def serve(
    listeners: Listeners, https: ASGIApp, imds: ASGIApp, tls: Serving, ready: Callable[[], None]
) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called once both ports are served."""
    servers = [
        _Server(_config(https, Connection, tls)),
        _Server(_config(imds, ImdsConnection)),
    ]
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    async with asyncio.TaskGroup() as group:
        for server, bound in zip(servers, (listeners.https, listeners.imds), strict=True):
            group.create_task(server.serve(sockets=[bound]))
        for server in servers:
            await server.serving.wait()
        ready()


def _config(
    app: ASGIApp, connection: type[Connection], tls: Serving | None = None
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=connection,
        ws="none",
        ssl_certfile=None if tls is None else tls.certificate,
        ssl_keyfile=None if tls is None else tls.key,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_keep_alive=_IDLE_SECONDS,
    )


class _Server(uvicorn.Server):
    """One that leaves the process's signals alone, and tells when it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them to `serve`."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say so."""
        await super().startup(sockets)
        self.serving.set()


def _bound(host: str, port: int, flag: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        raise ServeError(
            f"{flag}: {host}:{port} can't be listened on: {error.strerror}; choose another, or 0"
            " for a free one"
        ) from error
    return bound
