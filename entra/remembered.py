"""Identities that were found, kept over restarts by whoever wants to. Pure: time is an argument."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from entra.model import Identity, Kind, resource_id
from identity.account import is_uuid

FOUND_FOR: Final = 24 * 3600.0
"""Seconds. An identity that is made anew under its old name has another client id, and a client id
does not come back, so that an old answer leads to nobody else's identity; it may lead to none."""
NOT_FOUND_FOR: Final = 60.0
"""Seconds: long enough for many askers at once, short for one who makes the identity now."""
MOST: Final = 10_000
"""Answers kept; the oldest go first."""


@dataclass(frozen=True, slots=True)
class _Found:
    identity: Identity
    at: float


class Remembered:
    """Answers by client id, and for a moment what was not found. Times: seconds since the epoch."""

    def __init__(self) -> None:
        self._found: dict[str, _Found] = {}
        self._missing: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._found)

    def get(self, client_id: str, now: float) -> Identity | None:
        """Return the identity if it was found within the last day."""
        found = self._found.get(client_id.lower())
        return found.identity if found and 0 <= now - found.at < FOUND_FOR else None

    def is_missing(self, client_id: str, now: float) -> bool:
        """Tell whether it was looked for within the last minute, and not found."""
        at = self._missing.get(client_id.lower())
        return at is not None and 0 <= now - at < NOT_FOUND_FOR

    def found(self, identity: Identity, now: float) -> None:
        """Remember an identity."""
        self._missing.pop(identity.client_id, None)
        self._found.pop(identity.client_id, None)
        self._found[identity.client_id] = _Found(identity, now)
        while len(self._found) > MOST:
            del self._found[next(iter(self._found))]

    def missing(self, client_id: str, now: float) -> None:
        """Remember for a moment that there is none."""
        self._found.pop(client_id.lower(), None)
        self._missing = {
            key: at for key, at in self._missing.items() if 0 <= now - at < NOT_FOUND_FOR
        }
        self._missing[client_id.lower()] = now

    def forget(self, client_id: str) -> None:
        """Look again the next time: a call about it failed with `NotFound`, say."""
        self._found.pop(client_id.lower(), None)
        self._missing.pop(client_id.lower(), None)

    def export(self) -> list[dict[str, Any]]:
        """Return what was found, as data for JSON or YAML."""
        return [_exported(found) for found in self._found.values()]

    def load(self, exported: object) -> int:
        """Add what `export` returned once; return how many entries made no sense.

        Those are left out: they are looked up again. Who can write to where this is kept decides
        which identity a client id stands for.
        """
        if not isinstance(exported, list):
            return 1
        senseless = 0
        for entry in exported:
            found = _imported(entry)
            if found is None:
                senseless += 1
            else:
                self.found(found.identity, found.at)
        return senseless


def _exported(found: _Found) -> dict[str, Any]:
    identity = found.identity
    return {
        "kind": identity.kind.value,
        "clientId": identity.client_id,
        "tenantId": identity.tenant_id,
        "objectId": identity.object_id,
        "resourceId": str(identity.resource) if identity.resource else "",
        "name": identity.name,
        "foundAt": found.at,
    }


def _imported(entry: object) -> _Found | None:
    if not isinstance(entry, Mapping):
        return None
    kind, client_id, tenant_id, object_id, resource, name = (
        value if isinstance(value := entry.get(field), str) else ""
        for field in ("kind", "clientId", "tenantId", "objectId", "resourceId", "name")
    )
    at = entry.get("foundAt")
    place = resource_id(resource)
    fits = (kind == Kind.MANAGED_IDENTITY.value) == (place is not None)
    if (
        kind not in {known.value for known in Kind}
        or not fits
        or not all(map(is_uuid, (client_id, tenant_id, object_id)))
        or isinstance(at, bool)
        or not isinstance(at, int | float)
    ):
        return None
    return _Found(Identity(Kind(kind), client_id.lower(), tenant_id, object_id, place, name), at)
