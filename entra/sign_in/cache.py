"""Tokens kept for each scope and renewed before they end, by one request whoever waits for it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from entra.errors import EntraError
from entra.token_answers import Grant
from entra.tokens import AccessToken

_MARGIN: Final = 300.0
"""Seconds before its end at which a token is renewed, unless Entra ID asks for it earlier."""
_LONG: Final = 7200.0
"""A token that lives this long is renewed halfway, as msal does: an outage may last a while."""
_LAST_USE: Final = 30.0
"""Seconds before its end at which a token does not serve any more: a call takes that long."""
_PAUSE: Final = 30.0
"""Seconds between tries to renew a token that still serves."""

_log = logging.getLogger("azwi.entra")


@dataclass(slots=True)
class _Slot:
    """What is known of one scope."""

    token: AccessToken | None = None
    renew_at: float = 0.0
    ended: int = 0
    """How many requests have come to an end, good or bad."""
    failure: EntraError | None = None
    """Of the last request; None where it brought a token."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by whoever makes the request."""


class TokenCache:
    """Keeps what `fetch` brings. Whoever makes the request may be cancelled: the next one does."""

    def __init__(self, fetch: Callable[[str], Awaitable[Grant]], now: Callable[[], float]) -> None:
        self._fetch = fetch
        self._now = now
        self._slots: dict[str, _Slot] = {}

    async def token(self, scope: str) -> AccessToken:
        """Return a token; raises what the request for one raised while none serves any more."""
        slot = self._slots.setdefault(scope, _Slot())
        while True:
            token = self._serving(slot)
            if token is not None and (self._now() < slot.renew_at or slot.lock.locked()):
                return token
            ended = slot.ended
            async with slot.lock:
                if slot.ended == ended:
                    await self._renew(slot, scope)
            if slot.failure is None:
                token = slot.token  # just now, so that it serves however short it lives
            else:
                token = self._serving(slot)
                if token is None:
                    raise slot.failure.with_traceback(None)
            if token is not None:  # else it was forgotten while we waited
                return token

    def forget(self, scope: str, token: AccessToken) -> None:
        """Drop this token, if it is still the one that is kept."""
        slot = self._slots.get(scope)
        if slot is not None and slot.token is not None and slot.token.value == token.value:
            slot.token = None

    def _serving(self, slot: _Slot) -> AccessToken | None:
        if slot.token is None or slot.token.expires_on - _LAST_USE <= self._now():
            return None
        return slot.token

    async def _renew(self, slot: _Slot, scope: str) -> None:
        begun = self._now()
        try:
            grant = await self._fetch(scope)
        except EntraError as error:
            slot.failure = error
            slot.renew_at = self._now() + max(_PAUSE, error.retry_after or 0.0)
            if self._serving(slot) is not None:
                _log.warning(
                    "the token can't be renewed, going on with the last one",
                    extra={"scope": scope, "error": str(error)},
                )
        else:
            slot.failure = None
            slot.token = grant.token
            slot.renew_at = begun + _renew_after(grant)
        slot.ended += 1


def _renew_after(grant: Grant) -> float:
    """Return after how many seconds a token is renewed."""
    if grant.refresh_in is not None and grant.refresh_in < grant.lifetime:
        return grant.refresh_in
    if grant.lifetime >= _LONG or grant.lifetime <= 2 * _MARGIN:
        return grant.lifetime / 2
    return grant.lifetime - _MARGIN
