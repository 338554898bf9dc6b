"""What must outlive the controller's process, in ConfigMaps of its own namespace.

Objects can be deleted, and finalizers taken off; what stands here says nevertheless where
credentials of ours may stand. Who can write here decides which identities are looked at, and which
Entra object a client id stands for: nobody but the controller needs to.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

from controller.brake import BrakeRecord
from controller.journal import brakes, edits
from controller.journal.entries import Entry, Retained, entry_in, exported
from controller.journal.errors import Unreadable
from controller.journal.issuers import (
    TOKEN_LIFE,
    Issuers,
    issuers_in,
    settled,
    text_of_issuers,
    without,
)
from controller.journal.stored import Objects, Place, StoredMap
from controller.names import COMPONENT, GROUP
from entra.model import Identity
from entra.pacing import REAL, Pace
from entra.remembered import Remembered
from identity.account import is_uuid
from identity.faults import quoted

ALLOW_REMOVALS: Final = f"{GROUP}/allow-removals"
"""Annotation of the ConfigMap without a digit: an admin's word that so many removals may go, of the
cluster or of a namespace (`controller.journal.brakes`)."""
_DIGITS: Final = "0123456789abcdef"
_ISSUERS: Final = "issuers"
_LOOK_EVERY: Final = 5.0
"""Seconds between looks for an admin's word: many removals may wait for one."""

_log = logging.getLogger("azwi.controller.journal")


def _always() -> None:
    """Let every write go."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is seldom anything else."""

    name: str = COMPONENT
    """Of the ConfigMap; those of identities are `<name>-<digit>`."""
    before_write: Callable[[], None] = _always
    """Raises if this process may not write (now): it leads no more, say."""
    token_life: float = TOKEN_LIFE
    """Seconds for which tokens of an earlier issuer may live on."""
    pace: Pace = REAL
    """How conflicts with another writer are waited out."""


_USUAL: Final = Options()


class Journal:
    """Notes on identities, retained credentials, issuers and brakes; `load` comes first, once.

    Every change is durable when its method returns. Methods raise `KubeError` when it is not known
    whether it is, and then may be called again; what is read here is what is known to be noted.
    """

    def __init__(
        self,
        kube: Objects,
        namespace: str,
        clock: Callable[[], float] = time.time,
        options: Options = _USUAL,
    ) -> None:
        self.remembered = Remembered()
        """For `entra.client.Entra`: what was found before, so that it need not look again."""
        self.allowance_annotation = ALLOW_REMOVALS
        self._clock = clock
        self._token_life = options.token_life
        place, name = Place(kube, namespace, options.before_write, options.pace), options.name
        self._own = StoredMap(place, name)
        self._shards = {
            digit: StoredMap(place, f"{name}-{digit}", partial(self._told, f"{name}-{digit}"))
            for digit in _DIGITS
        }
        self._identities: dict[str, Identity] = {}
        self._entries: dict[str, Entry] = {}
        self._senseless: set[str] = set()
        self._issuers = Issuers()
        self._brakes: Mapping[str, BrakeRecord] = {}
        self._looked = float("-inf")

    @property
    def identities(self) -> Mapping[str, Identity]:
        """By client id: every identity that we were granted or wrote to."""
        return MappingProxyType(self._identities)

    @property
    def senseless(self) -> frozenset[str]:
        """Entries that make no sense, as `<ConfigMap>/<key>`: they are left as they are."""
        return frozenset(self._senseless)

    @property
    def issuers(self) -> Issuers:
        """The cluster's issuer as noted, and its predecessors until they are dropped."""
        return self._issuers

    @property
    def brakes(self) -> Mapping[str, BrakeRecord]:
        """Which removals are held, by scope (`controller.brakes`); empty if none are."""
        return MappingProxyType(dict(self._brakes))

    async def load(self) -> None:
        """Read everything. An error is raised: it never stands for "nothing is noted".

        Raises `KubeError`, and `Unreadable` for what must not be guessed.
        """
        await self._own.load()
        self._read_own()
        for shard in self._shards.values():
            await shard.load()
        noted = [entry for entry in self._entries.values() if entry.identity is not None]
        noted.sort(key=lambda entry: entry.found_at)
        self.remembered.load(
            [exported(entry.identity, entry.found_at) for entry in noted if entry.identity]
        )
        if self._senseless:
            _log.warning(
                "entries of the journal make no sense: they are not used, and not removed",
                extra={"entries": sorted(self._senseless)},
            )

    async def remember(self, identity: Identity) -> None:
        """Note an identity, before anything is written to it; no call if it is noted as it is."""
        shard = self._shard(identity.client_id)
        await shard.commit(edits.remember(identity, self._clock()))

    async def missed(self, client_id: str) -> float:
        """Note that an identity is not found; return the seconds since when it is not."""
        await self._shard(client_id).commit(edits.missed(client_id, self._clock()))
        entry = self._entries.get(client_id)
        since = entry.missing_since if entry else None
        return 0.0 if since is None else max(0.0, self._clock() - since)

    async def found(self, client_id: str) -> None:
        """Note that an identity is found; no call unless it was not before."""
        entry = self._entries.get(client_id)
        if entry is not None and entry.missing_since is not None:
            await self._shard(client_id).commit(edits.found(client_id))

    async def forget(self, client_id: str) -> None:
        """Remove all about an identity: nothing of ours stands there, and nobody wants it to.

        If another leader noted a credential as retained of which we know nothing, that stays.
        """
        known = frozenset(self.retained(client_id))
        await self._shard(client_id).commit(edits.forget(client_id, known))

    def retained(self, client_id: str) -> Mapping[str, Retained]:
        """Return the credentials of an identity that stay without an object, by name."""
        entry = self._entries.get(client_id)
        return MappingProxyType({} if entry is None else dict(entry.retained))

    async def retain(self, client_id: str, name: str, retained: Retained) -> None:
        """Note that a credential stays without an object."""
        await self._shard(client_id).commit(edits.retain(client_id, name, retained))

    async def release(self, client_id: str, name: str) -> None:
        """Note that a credential is retained no more."""
        await self._shard(client_id).commit(edits.release(client_id, name))

    async def settle_issuer(self, current: str, *, accept_change: bool) -> None:
        """Note the cluster's issuer; one that changed becomes a predecessor, if that is accepted.

        Raises `IssuerChanged` if it is not, and changes nothing.
        """
        until = self._clock() + self._token_life
        change = partial(settled, current=current, until=until, accept_change=accept_change)
        await self._own.commit(partial(self._edit_issuers, change))
        self._read_own()

    async def drop_predecessor(self, url: str) -> None:
        """Forget an earlier issuer: no credential of it is left anywhere."""
        await self._own.commit(partial(self._edit_issuers, partial(without, url=url)))
        self._read_own()

    async def set_brakes(self, records: Mapping[str, BrakeRecord]) -> None:
        """Note which removals are held, and that no others are."""
        await self._own.commit(brakes.put(records))
        self._read_own()

    async def take_allowance(self) -> Mapping[str, int] | None:
        """Return how many removals an admin allows, by scope, once; None if nothing new is said.

        A word that makes no sense stays where it is, and is told of in the log.
        """
        now = self._clock()
        if 0 <= now - self._looked < _LOOK_EVERY:
            return None
        word = await self._own.take_annotation(ALLOW_REMOVALS, _is_sound)
        self._looked = now
        self._read_own()
        return None if word is None else brakes.words_in(word)

    def _shard(self, client_id: str) -> StoredMap:
        return self._shards[client_id[0]]

    def _told(self, config_map: str, key: str, text: str | None) -> None:
        """Take what stands in a shard, whoever wrote it."""
        self._senseless.discard(f"{config_map}/{key}")
        self._entries.pop(key, None)
        self._identities.pop(key, None)
        if text is None:
            return
        entry = entry_in(text, key) if _is_client_id(key, config_map) else None
        if entry is None:
            self._senseless.add(f"{config_map}/{key}")
            return
        self._entries[key] = entry
        if entry.identity is not None:
            self._identities[key] = entry.identity

    def _edit_issuers(self, change: Callable[[Issuers], Issuers], data: edits.Data) -> None:
        """Change the issuers as they stand when it is written."""
        noted = self._issuers_in(data)
        wanted = change(noted)
        if wanted != noted:
            data[_ISSUERS] = text_of_issuers(wanted)

    def _issuers_in(self, data: Mapping[str, str]) -> Issuers:
        text = data.get(_ISSUERS)
        found = Issuers() if text is None else issuers_in(text)
        if found is None:
            raise Unreadable(self._own.name, _ISSUERS)
        return found

    def _read_own(self) -> None:
        data = self._own.data
        issuers = self._issuers_in(data)
        try:
            self._brakes = brakes.read(data)
        except KeyError as error:
            raise Unreadable(self._own.name, error.args[0]) from None
        self._issuers = issuers


def _is_client_id(key: str, config_map: str) -> bool:
    return is_uuid(key) and key == key.lower() and config_map.endswith(f"-{key[0]}")


def _is_sound(word: str) -> bool:
    sound = brakes.words_in(word) is not None
    if not sound:
        _log.warning(
            "an admin's word is no number of removals: expected 1 to 999999, or <namespace>=1 to"
            " 999999, with commas between",
            extra={"annotation": ALLOW_REMOVALS, "found": quoted(word)},
        )
    return sound
