"""Which brakes a removal has to pass: its namespace's, that of all deletions, the cluster's. Pure.

What people delete in their namespaces, and what an administrator withdraws, are kept apart. Who has
every right in a namespace can remove credentials there as often as he likes; were there one count
for all, he could use it up, and nothing of anybody's could be withdrawn any more. So a namespace
has a count of its own, all namespaces together never use up the cluster's, and a withdrawal passes
the cluster's brake alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from controller.brake import CLUSTER as CLUSTER_BOUND
from controller.brake import Bound, Brake, BrakeRecord

CLUSTER: Final = "*"
"""Holds everything once it is on. Names of namespaces have no such letter."""
DELETIONS: Final = "*/deletions"
"""Holds all but withdrawals."""
_IDENTITY: Final = "identity/"

NAMESPACE_BOUND: Final = Bound(10)
"""Deletions of one namespace."""
DELETIONS_BOUND: Final = Bound(15, 75)
"""Three quarters of the cluster's: the last quarter is left to withdrawals."""
_BOUNDS: Final = {CLUSTER: CLUSTER_BOUND, DELETIONS: DELETIONS_BOUND}

_NOTHING: Final[Mapping[str, BrakeRecord]] = MappingProxyType({})


def scope_of(namespace: str | None, client_id: str) -> str:
    """Return whose count a removal is on: the namespace's; if that is not known, the identity's."""
    return namespace or f"{_IDENTITY}{client_id}"


@dataclass(frozen=True, slots=True)
class Removal:
    """One credential that is to go."""

    what: str
    """Tells the same one when it is asked for again."""
    scope: str | None = None
    """Whose count it is on (`scope_of`); None: nobody's in particular, it makes room for others."""
    withdrawn: bool = False
    """The grant is gone, which nobody in a namespace can bring about."""


class Brakes:
    """All of them, by scope. Times are seconds since the epoch."""

    def __init__(self, interval: float, records: Mapping[str, BrakeRecord] = _NOTHING) -> None:
        self._interval = interval
        self._brakes = {
            CLUSTER: Brake(interval, records.get(CLUSTER), _BOUNDS[CLUSTER]),
            DELETIONS: Brake(interval, records.get(DELETIONS), _BOUNDS[DELETIONS]),
        }
        for scope, record in records.items():
            if scope not in _BOUNDS:
                self._brakes[scope] = Brake(interval, record, NAMESPACE_BOUND)
        self._holders: dict[str, str] = {}
        """What is held, and by which one."""

    @property
    def records(self) -> dict[str, BrakeRecord]:
        """Those that are on: what is to be kept, and told to people."""
        return {scope: on for scope, brake in self._brakes.items() if (on := brake.record)}

    def __len__(self) -> int:
        """Return how many there are; those with nothing to tell are forgotten now and then."""
        return len(self._brakes)

    def holder_of(self, what: str) -> str | None:
        """Return the brake that held a removal when it was asked for last."""
        return self._holders.get(what)

    def held_by(self, removal: Removal, *, total: int, now: float) -> str | None:
        """Return the scope of the brake that holds a removal; None: it may go, and counts as done.

        `total` counts the credentials of ours that stand now. What a namespace's brake lets go and
        a wider one holds is on the namespace's count all the same: nobody's can fill the wider one.
        """
        holder = None
        for scope, brake in self._to_pass(removal, now):
            if not brake.ask(total=total, now=now, what=removal.what):
                holder = scope
                break
            if brake.by_word(removal.what):
                break
        if self._holders.get(removal.what) != holder:
            self.forget(removal.what)
        if holder is not None:
            self._holders[removal.what] = holder
        return holder

    def forget(self, what: str) -> None:
        """Take that a removal is not due any more, or done."""
        brake = self._brakes.get(self._holders.pop(what, ""))
        if brake is not None:
            brake.ask(0, total=0, now=0.0, what=what)

    def allow(self, scope: str, count: int, now: float) -> int | None:
        """Let that many go, by an admin's word; return how many were held there.

        A word for the cluster is for what its own brake holds, and beyond that for deletions. Where
        no brake is on a word is lost, and None is returned.
        """
        if scope != CLUSTER:
            return self._allow(scope, count, now)
        on = self._brakes[CLUSTER].record
        if on is None:
            return self._allow(DELETIONS, count, now)
        mine = min(count, max(1, on.held))
        rest = self._allow(DELETIONS, count - mine, now) if count > mine else None
        self._allow(CLUSTER, mine if rest is not None else count, now)
        return on.held + (rest or 0)

    def _allow(self, scope: str, count: int, now: float) -> int | None:
        brake = self._brakes.get(scope)
        if brake is None or (on := brake.record) is None:
            return None
        brake.allow(count, now)
        return on.held

    def _to_pass(self, removal: Removal, now: float) -> Iterator[tuple[str, Brake]]:
        """Yield the narrow before the wide."""
        if not removal.withdrawn:
            if removal.scope is not None:
                yield removal.scope, self._of(removal.scope, now)
            yield DELETIONS, self._brakes[DELETIONS]
        yield CLUSTER, self._brakes[CLUSTER]

    def _of(self, scope: str, now: float) -> Brake:
        brake = self._brakes.get(scope)
        if brake is None:
            for idle in [one for one, kept in self._brakes.items() if kept.idle(now)]:
                if idle not in _BOUNDS:
                    del self._brakes[idle]
            brake = self._brakes[scope] = Brake(self._interval, bound=NAMESPACE_BOUND)
        return brake
