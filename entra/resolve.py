"""Which identity a client id or a resource id stands for, and which side keeps it."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from entra.directory import Directory
from entra.errors import EntraError, Invalid, Misconfigured, NotFound
from entra.flights import Flights
from entra.managed import ManagedIdentities
from entra.model import Identity, ResourceId
from entra.remembered import Remembered
from identity.account import is_uuid
from identity.faults import quoted

LISTED_FOR: Final = 60.0
"""Seconds for which one listing of the subscriptions finds further client ids."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """All managed identities of the subscriptions, by client id, and what could not be listed."""

    at: float
    found: Mapping[str, Identity]
    failures: tuple[EntraError, ...]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where identities are looked for."""

    directory: Directory | None
    """None where the cloud has no Graph, or the program is not to use it."""
    managed: ManagedIdentities
    subscriptions: Sequence[str] = ()
    """Whose managed identities are listed for what Graph does not find."""


class Resolver:
    """Finds identities; those who ask for the same one at the same time share one look-up."""

    def __init__(
        self,
        sources: Sources,
        remembered: Remembered | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.remembered = remembered if remembered is not None else Remembered()
        self._sources = sources
        self._clock = clock
        self._identities: Flights[Identity] = Flights()
        self._listings: Flights[_Listing] = Flights()
        self._last: _Listing | None = None

    async def by_client_id(self, client_id: str) -> Identity:
        """Return the identity of a client id, remembered or looked up.

        Graph is asked first: by service principal. What it does not find, or may not tell us, is
        looked for in the subscriptions. Raises `Invalid` for what is no UUID, with no call,
        `NotFound`, or the error that kept us from finding it: an error is never a "not found".
        """
        if not is_uuid(client_id):
            raise Invalid(f"the client id {quoted(client_id)} is no UUID")
        client_id = client_id.lower()
        now = self._clock()
        if identity := self.remembered.get(client_id, now):
            return identity
        if self.remembered.is_missing(client_id, now):
            raise NotFound(f"there is no identity with client id {client_id}: looked up just now")
        return await self._identities.join(client_id, lambda: self._look_up(client_id))

    async def by_resource_id(self, resource: ResourceId) -> Identity:
        """Return the managed identity at a resource id, looked up each time.

        It may have been made anew, with another client id. Raises `NotFound` and what the call
        raises.
        """
        identity = await self._identities.join(
            resource.folded, lambda: self._sources.managed.get(resource)
        )
        self.remembered.found(identity, self._clock())
        return identity

    async def _look_up(self, client_id: str) -> Identity:
        try:
            identity = await self._ask_around(client_id)
        except NotFound:
            self.remembered.missing(client_id, self._clock())
            raise
        self.remembered.found(identity, self._clock())
        return identity

    async def _ask_around(self, client_id: str) -> Identity:
        directory, subscriptions = self._sources.directory, self._sources.subscriptions
        if directory is None and not subscriptions:
            raise Misconfigured(
                f"the client id {client_id} can't be looked up: there is no Microsoft Graph to ask",
                advice="name the subscriptions that hold the managed identities",
            )
        kept_from: EntraError | None = None
        if directory is not None:
            try:
                if identity := await directory.find(client_id):
                    return identity
            except EntraError as error:
                if not subscriptions:
                    raise
                kept_from = error
        if identity := await self._in_subscriptions(client_id):
            return identity
        raise kept_from or NotFound(
            f"no managed identity with client id {client_id} is in the subscriptions"
            f" {', '.join(subscriptions) or '(none are named)'}",
            advice="check the client id, and name the subscription of its managed identity",
        )

    async def _in_subscriptions(self, client_id: str) -> Identity | None:
        last = self._last
        if last is None or self._clock() - last.at > LISTED_FOR or client_id not in last.found:
            last = await self._listings.join(
                "subscriptions", self._list, lambda listing: client_id in listing.found
            )
        if (identity := last.found.get(client_id)) or not last.failures:
            return identity
        raise last.failures[0]

    async def _list(self) -> _Listing:
        at = self._clock()
        answers = await asyncio.gather(*map(self._list_one, self._sources.subscriptions))
        found: dict[str, Identity] = {}
        failures: list[EntraError] = []
        for answer in answers:
            if isinstance(answer, EntraError):
                failures.append(answer)
            else:
                found |= {identity.client_id: identity for identity in answer}
        self._last = _Listing(at, found, tuple(failures))
        return self._last

    async def _list_one(self, subscription: str) -> tuple[Identity, ...] | EntraError:
        try:
            return await self._sources.managed.list(subscription)
        except EntraError as error:
            return error
