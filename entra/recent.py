"""What we wrote a moment ago, against reads that are older. Pure: time is an argument."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from entra.model import FederatedCredential

WINDOW: Final = 300.0
"""Seconds for which a read may be older than a write.

Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
"""


@dataclass(slots=True)
class _Note:
    """One name: what a read that is too old shows, and what is there now."""

    past: set[FederatedCredential | None] = field(default_factory=set)
    now: FederatedCredential | None = None
    at: float = 0.0


class RecentWrites:
    """Our own last writes to one identity. None stands for "not there".

    A read that shows exactly what we replaced is taken for an old one; a read that shows anything
    else is believed, since somebody else wrote in between.
    """

    def __init__(self) -> None:
        self._notes: dict[str, _Note] = {}

    def wrote(
        self,
        name: str,
        before: FederatedCredential | None,
        after: FederatedCredential | None,
        now: float,
    ) -> None:
        """Note one write."""
        note = self._notes.setdefault(name, _Note())
        note.past.add(_plain(before))
        note.past.discard(_plain(after))
        note.now, note.at = after, now

    def corrected(
        self, listed: Iterable[FederatedCredential], now: float
    ) -> tuple[FederatedCredential, ...]:
        """Return what is there, from what a read shows and from what we know better."""
        self.forget(now)
        there = {credential.name: credential for credential in listed}
        for name, note in self._notes.items():
            if _plain(there.get(name)) not in note.past:
                continue
            if note.now is None:
                del there[name]
            else:
                there[name] = note.now
        return tuple(there.values())

    def is_past(self, credential: FederatedCredential, now: float) -> bool:
        """Tell whether this is what we replaced or removed."""
        self.forget(now)
        note = self._notes.get(credential.name)
        return note is not None and _plain(credential) in note.past

    def forget(self, now: float) -> bool:
        """Drop what every read shows by now; tell whether nothing is left."""
        self._notes = {name: note for name, note in self._notes.items() if now - note.at < WINDOW}
        return not self._notes


def _plain(credential: FederatedCredential | None) -> FederatedCredential | None:
    return credential and replace(credential, id="")
