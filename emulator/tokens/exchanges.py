"""The last exchanges and why each was refused, in words, for the page and the admin API."""

from collections import deque
from dataclasses import dataclass
from typing import Final

KEPT: Final = 500


@dataclass(slots=True)
class Exchange:
    """One request for a token, filled in as it is understood. Never an assertion or a token."""

    at: float
    """Epoch seconds by the emulator's clock."""
    tenant: str
    client_id: str = ""
    how: str = ""
    """`federated`, `secret`, `certificate`, `imds`; empty until it is known."""
    issuer: str = ""
    subject: str = ""
    audience: str = ""
    scope: str = ""
    credential: str = ""
    """The name of the federated credential that matched."""
    aadsts: int | None = None
    """None: a token was issued."""
    reason: str = ""
    """Why it was refused, in words."""


class Exchanges:
    """The latest ones, newest first."""

    def __init__(self) -> None:
        self._kept: deque[Exchange] = deque(maxlen=KEPT)

    def add(self, exchange: Exchange) -> None:
        """Keep one."""
        self._kept.appendleft(exchange)

    def latest(self, most: int = KEPT) -> list[Exchange]:
        """Return so many."""
        return list(self._kept)[:most]

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
