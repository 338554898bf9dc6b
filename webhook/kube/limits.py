"""How long a client waits, and how much it holds open."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait, in seconds, and how many connections to hold."""

    connect: float = 5.0
    answer: float = 15.0
    """From the first byte of a request to the last one of its answer."""
    watch_grace: float = 20.0
    """A watch is given up when this has passed since the server should have ended it."""
    connections: int = 24
    """Requests beyond this many at once wait for a connection: some milliseconds, where as many new
    TLS connections as requests would cost both sides several each."""
    idle: float = 55.0
    """Unused connections are closed after this, before the server or a balancer does it."""
