"""What stands in the journal about one identity, as text and as data. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from entra.model import Identity
from entra.remembered import Remembered

_IDENTITY: Final = "identity"
_RETAINED: Final = "retained"
_MISSING: Final = "missingSince"


@dataclass(frozen=True, slots=True)
class Retained:
    """A credential that stays without an object, as long as whoever left it may leave it."""

    namespace: str
    account: str
    """Empty for a foreign issuer."""
    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class Entry:
    """Everything about one client id."""

    identity: Identity | None = None
    found_at: float = 0.0
    """Seconds since the epoch; of the identity."""
    retained: Mapping[str, Retained] = field(default_factory=dict)
    """By name of the credential."""
    missing_since: float | None = None
    """Seconds since the epoch, since which the identity is not found; None: it was, the last time.
    """
    others: Mapping[str, Any] = field(default_factory=dict)
    """Fields that a later version wrote: they stay."""

    @property
    def empty(self) -> bool:
        """Whether nothing is left that is worth an entry."""
        return self.identity is None and not self.retained


def exported(identity: Identity, found_at: float) -> dict[str, Any]:
    """Return an identity in the form of `entra.remembered`."""
    remembered = Remembered()
    remembered.found(identity, found_at)
    return remembered.export()[0]


def text_of(entry: Entry) -> str:
    """Return what stands in the ConfigMap: one line of JSON, always the same for the same entry."""
    document: dict[str, Any] = dict(entry.others)
    if entry.identity is not None:
        document[_IDENTITY] = exported(entry.identity, entry.found_at)
    if entry.missing_since is not None:
        document[_MISSING] = entry.missing_since
    if entry.retained:
        document[_RETAINED] = {
            name: {
                "namespace": retained.namespace,
                "account": retained.account,
                "issuer": retained.issuer,
                "subject": retained.subject,
            }
            for name, retained in entry.retained.items()
        }
    return json.dumps(document, sort_keys=True, ensure_ascii=False)


def entry_in(text: str, client_id: str) -> Entry | None:
    """Read an entry; None if it makes no sense, or speaks of another identity."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    identity, found_at = None, 0.0
    if _IDENTITY in document:
        noted = document.pop(_IDENTITY)
        identity = _identity(noted)
        if identity is None or identity.client_id != client_id:
            return None
        found_at = float(noted["foundAt"])
    missing = document.pop(_MISSING, None)
    missing = missing if isinstance(missing, int | float) else None
    retained = _retained(document.pop(_RETAINED, {}))
    if retained is None or (identity is None and not retained):
        return None
    return Entry(identity, found_at, retained, missing, document)


def _identity(noted: object) -> Identity | None:
    remembered = Remembered()
    if remembered.load([noted]) or not isinstance(noted, dict):
        return None
    return remembered.get(noted["clientId"], noted["foundAt"])


def _retained(noted: object) -> dict[str, Retained] | None:
    if not isinstance(noted, dict):
        return None
    found = {name: _one_retained(fields) for name, fields in noted.items()}
    sound = {name: one for name, one in found.items() if one is not None}
    return sound if len(sound) == len(found) else None


def _one_retained(fields: object) -> Retained | None:
    if not isinstance(fields, dict):
        return None
    namespace, account, issuer, subject = (
        fields.get(name) for name in ("namespace", "account", "issuer", "subject")
    )
    if not (
        isinstance(namespace, str)
        and isinstance(account, str)
        and isinstance(issuer, str)
        and isinstance(subject, str)
        and namespace
    ):
        return None
    return Retained(namespace, account, issuer, subject)
