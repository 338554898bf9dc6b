"""The issuers of assertions: their discovery documents and keys, read and remembered.

Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation and OpenID
Connect Discovery 1.0, 4. What Entra does not publish is decided here:

- keys are good for `KEPT_SECONDS`: so long a withdrawn key is still taken;
- a key id that is not among them has them read anew, at most once in `PAUSE_SECONDS`;
- an issuer that fails is asked again after `PAUSE_SECONDS`. Where older keys are at hand they go
  on to count until they are `STALE_SECONDS` old, and it is asked each `AWAY_SECONDS` meanwhile;
- whoever needs an issuer at the same time shares one reading.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from emulator.tokens.fetch import HttpFetch, IssuerError, Malformed, Reach, Unreachable
from emulator.tokens.key_set import Keys, usable_keys

__all__ = ["Fetch", "HttpFetch", "IssuerError", "Issuers", "Malformed", "Reach", "Unreachable"]

KEPT_SECONDS: Final = 300.0
PAUSE_SECONDS: Final = 1.0
AWAY_SECONDS: Final = 30.0
STALE_SECONDS: Final = 3600.0

_NEVER: Final = float("-inf")
_WELL_KNOWN: Final = "/.well-known/openid-configuration"

Fetch = Callable[[str, Reach], Awaitable[Any]]
"""Returns the JSON at an address. Raises IssuerError."""


@dataclass(slots=True)
class _Known:
    """What is known of one issuer. Moments are of the emulator's steady clock."""

    keys: Keys = field(default_factory=dict)
    read: float = _NEVER
    """When the keys were read."""
    tried: float = _NEVER
    """When they were last asked for, whether they came or not."""
    failure: tuple[type[IssuerError], str] | None = None
    """Of the last time."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def must_be_read(self, kid: str, now: float) -> bool:
        """Tell whether an exchange with this key has to ask the issuer first."""
        if now - self.tried < PAUSE_SECONDS:
            return False
        age = now - self.read
        if kid not in self.keys or age > STALE_SECONDS:
            return True
        if age <= KEPT_SECONDS:
            return False
        return self.failure is None or now - self.tried >= AWAY_SECONDS

    def key(self, kid: str, now: float) -> RSAPublicKey | None:
        """Return a key. Raises IssuerError where that can't be told."""
        if now - self.read <= STALE_SECONDS and kid in self.keys:
            return self.keys[kid]
        if self.failure is not None:
            kind, words = self.failure
            raise kind(words)
        return None


class Issuers:
    """Keys of issuers by key id."""

    def __init__(self, reaches: Sequence[Reach], fetch: Fetch, moment: Callable[[], float]) -> None:
        self._reaches = {reach.issuer: reach for reach in reaches}
        self._fetch = fetch
        self._moment = moment
        self._known: dict[str, _Known] = {}

    def add(self, reach: Reach) -> None:
        """Take another way to an issuer; what was known of it is forgotten."""
        self._reaches[reach.issuer] = reach
        self._known.pop(reach.issuer, None)

    def replace(self, reaches: Sequence[Reach]) -> None:
        """Take these ways and no others; what was known of any issuer is forgotten."""
        self._reaches = {reach.issuer: reach for reach in reaches}
        self._known.clear()

    def reaches(self) -> list[Reach]:
        """Return the ways that were given."""
        return list(self._reaches.values())

    async def key(self, issuer: str, kid: str) -> RSAPublicKey | None:
        """Return an issuer's key; None if it publishes none of that id.

        Raises IssuerError where its documents can't be had. To be asked only for issuers that a
        credential trusts: this is what calls an address that comes with an assertion.
        """
        known = self._known.setdefault(issuer, _Known())
        if known.must_be_read(kid, self._moment()):
            async with known.lock:
                if known.must_be_read(kid, self._moment()):  # nobody else has in the meantime
                    await self._renew(known, self._reaches.get(issuer) or Reach(issuer))
        return known.key(kid, self._moment())

    async def _renew(self, known: _Known, reach: Reach) -> None:
        try:
            known.keys = await self._read(reach)
        except IssuerError as error:
            known.failure = (type(error), str(error))
        else:
            known.read, known.failure = self._moment(), None
        known.tried = self._moment()

    async def _read(self, reach: Reach) -> Keys:
        document = await self._fetch(reach.base + _WELL_KNOWN, reach)
        found = document.get("issuer") if isinstance(document, Mapping) else None
        if found != reach.issuer:
            raise Malformed(
                f"the discovery document at {reach.base} is for the issuer {str(found)[:600]!r},"
                f" not for {reach.issuer!r}"
            )
        address = document.get("jwks_uri")
        if not isinstance(address, str):
            raise Malformed(f"the discovery document at {reach.base} has no jwks_uri")
        keys = usable_keys(await self._fetch(_moved(address, reach), reach))
        if keys is None:
            raise Malformed(f"the key set of {reach.issuer} has no list `keys`")
        return keys


def _moved(address: str, reach: Reach) -> str:
    """Return where an issuer's keys really are. Raises Malformed for what is no address."""
    if reach.url is None:
        return address
    if address.startswith(reach.issuer):
        return f"{reach.base}/{address.removeprefix(reach.issuer).lstrip('/')}"
    try:
        path = urlsplit(address).path
    except ValueError as error:
        raise Malformed(f"the jwks_uri of {reach.issuer} is no address") from error
    origin = urlsplit(reach.url)
    return f"{origin.scheme}://{origin.netloc}{path}"
