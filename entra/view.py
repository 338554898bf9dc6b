"""What is at one identity, as far as its writer knows: read once, then kept up with. Pure."""

import math
from collections.abc import Iterable
from dataclasses import replace

from entra.errors import Conflict, LimitReached, NameTaken, PairTaken
from entra.model import SLOTS, FederatedCredential
from entra.recent import RecentWrites
from identity.faults import quoted


class View:
    """The credentials of one identity, corrected by what we wrote a moment ago."""

    def __init__(self, recent: RecentWrites) -> None:
        self._recent = recent
        self._there: dict[str, FederatedCredential] = {}
        self.shown = 0
        """How many the last read showed, right or wrong."""
        self.listed_at = -math.inf
        """When the last read began."""

    @property
    def credentials(self) -> tuple[FederatedCredential, ...]:
        """All that are there."""
        return tuple(self._there.values())

    def read(self, listed: Iterable[FederatedCredential], begun: float, now: float) -> None:
        """Take over what a read shows, which began a while ago and is here now."""
        listed = tuple(listed)
        self.listed_at = begun
        self.shown = len(listed)
        self._there = {found.name: found for found in self._recent.corrected(listed, now)}

    def wrote(self, name: str, after: FederatedCredential | None, now: float) -> None:
        """Take over what a write has done; None: removed."""
        before = self._there.pop(name, None)
        if after is not None:
            if before and not after.id:
                after = replace(after, id=before.id)  # an update by Graph tells none
            self._there[name] = after
        self._recent.wrote(name, before, after, now)

    def named(self, name: str) -> FederatedCredential | None:
        """Return the credential of exactly that name."""
        return self._there.get(name)

    def refuse_taken(self, what: str, wanted: FederatedCredential, *, new: bool) -> None:
        """Raise `NameTaken`, `PairTaken` or `LimitReached` where one would follow from writing.

        Names count as equal in any letter case: to Resource Manager they are.
        """
        others = [found for found in self._there.values() if new or found.name != wanted.name]
        for found in others:
            if found.name.lower() == wanted.name.lower():
                raise NameTaken(
                    f"{what}: that name is in use, for subject {quoted(found.subject)} of"
                    f" {quoted(found.issuer)}"
                ).held_by(found)
        for found in others:
            if found.pair == wanted.pair:
                raise PairTaken(
                    f"{what}: subject {quoted(wanted.subject)} of {quoted(wanted.issuer)} has a"
                    " credential already"
                ).held_by(found)
        if new and len(others) >= SLOTS:
            raise LimitReached(f"{what}: all {SLOTS} slots of the identity are used")

    def contradicts(self, conflict: Conflict, now: float) -> bool:
        """Tell whether a conflict that the service reports is not to be seen here.

        A read behind the service's time shows no holder yet, or one that we removed or replaced.
        """
        if isinstance(conflict, LimitReached):
            return len(self._there) < SLOTS
        return conflict.holder is None or self._recent.is_past(conflict.holder, now)
