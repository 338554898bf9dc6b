"""Bearer tokens for Graph and Resource Manager: what the clients ask for, whoever signs in."""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token, and when it ends."""

    value: str = field(repr=False)
    """Sendable as it stands: printable ASCII, no white space."""
    expires_on: float
    """Seconds since the epoch."""


class TokenSource(Protocol):
    """Where bearer tokens come from: `entra.sign_in` has those that sign in at Entra ID."""

    async def token(self, scope: str) -> AccessToken:
        """Return a token for a scope such as `https://graph.microsoft.com/.default`.

        From a cache or anew, good for at least some minutes; those who ask at the same time share
        one request. Raises `Unauthenticated`, `Misconfigured`, or a `Transient`.
        """

    def forget(self, scope: str, token: AccessToken) -> None:
        """Drop this token, since the service refused it: the next `token` signs in again.

        Nothing happens where another token stands in its place already.
        """
