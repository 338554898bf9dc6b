"""Stops when too many credentials would go at once, until an admin says how many may. Pure.

A file of grants that went missing, or a selector that matches nothing any more, looks like a wish
to remove everything. Beyond a share of what stands a person has to look at it.
"""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Bound:
    """How many removals go within one interval without a word."""

    least: int
    """So many always: small clusters have to work, too."""
    per_mille: int = 0
    """Or so many of 1,000 credentials that stood when the interval began, if that is more."""


CLUSTER: Final = Bound(20, 100)
"""All removals of a cluster."""


@dataclass(frozen=True, slots=True)
class BrakeRecord:
    """That removals are held; kept over restarts, which would otherwise release them."""

    since: float
    """Seconds since the epoch."""
    held: int
    """How many removals wait, as far as is known."""


class Brake:
    """Counts removals in a window of `interval` seconds that ends now.

    Times are seconds since the epoch, since what `record` says outlives the process. A clock that
    is set back makes the window longer for once, never shorter. What was removed before a restart
    is not counted after it; that it was stopped is, if `record` is given.
    """

    def __init__(
        self, interval: float, record: BrakeRecord | None = None, bound: Bound = CLUSTER
    ) -> None:
        self._interval = interval
        self._bound = bound
        self._gone: deque[tuple[float, int]] = deque()
        self._gone_by_name: dict[Hashable, tuple[float, int]] = {}
        """The earliest first."""
        self._since = record.since if record else None
        self._told = record.held if record else 0
        self._named: dict[Hashable, int] = {}
        self._unnamed = 0
        self._allowed = 0
        self._allowed_until = 0.0

    @property
    def record(self) -> BrakeRecord | None:
        """What is to be kept, and told to people; None while nothing is held."""
        return None if self._since is None else BrakeRecord(self._since, self._held)

    @property
    def allowance(self) -> int:
        """How many removals an admin's word still lets go."""
        return self._allowed

    def limit(self, total: int, now: float) -> int:
        """Return how many removals may go in the window, where `total` credentials stand now."""
        share = (total + self._used(now)) * self._bound.per_mille // 1000
        return max(self._bound.least, share)

    def idle(self, now: float) -> bool:
        """Tell whether it is as good as a new one."""
        used = self._used(now)
        return self._since is None and not (used or self._gone_by_name or self._left(now))

    def by_word(self, what: Hashable) -> bool:
        """Tell whether an admin's word let this one go, and not its share."""
        return self._gone_by_name.get(what, (0.0, 1))[1] == 0

    def ask(self, count: int = 1, *, total: int, now: float, what: Hashable = None) -> bool:
        """Tell whether `count` removals may go, all of them; if so they are taken for done.

        `total` counts the credentials of ours that stand now, these included. `what` tells the
        same removals when they are asked for again, so that they are held once, and counted once if
        they failed after they were let go; with a count of 0 they are wanted no more.
        """
        if count == 0:
            self._named.pop(what, None)
            return True
        used = self._used(now)
        if what in self._gone_by_name:
            _, counted = self._gone_by_name.pop(what)
            self._count(counted, what, now)  # from now on: it is the latest again
            return True
        if count <= self._left(now):
            self._allowed -= count
            if what is not None:
                self._gone_by_name[what] = now, 0
            self._went(count, what)
            return True
        if self._since is None and used + count <= self.limit(total, now):
            self._count(count, what, now)
            self._went(count, what)
            return True
        self._hold(count, what, now)
        return False

    def allow(self, count: int, now: float) -> None:
        """Let that many removals go, by an admin's word; it lapses after an interval.

        If that is all that is held, the brake is off; else it stays on for the rest.
        """
        if count < 1:
            raise ValueError("an admin's word allows at least one removal")
        covers = count + self._left(now) >= self._held
        self._allowed += count
        self._allowed_until = now + self._interval
        if covers:
            self._since, self._told, self._unnamed = None, 0, 0
            self._named.clear()

    @property
    def _held(self) -> int:
        """Those seen since the start, or as many as the record told: the same ones, most likely."""
        return max(self._told, sum(self._named.values()) + self._unnamed)

    def _hold(self, count: int, what: Hashable, now: float) -> None:
        if self._since is None:
            self._since = now
        if what is None:
            self._unnamed += count
        else:
            self._named[what] = count

    def _count(self, count: int, what: Hashable, now: float) -> None:
        if what is None:
            self._gone.append((now, count))
        else:
            self._gone_by_name[what] = now, count

    def _went(self, count: int, what: Hashable) -> None:
        self._told = max(0, self._told - count)
        if what is None:
            self._unnamed = max(0, self._unnamed - count)
        else:
            self._named.pop(what, None)

    def _used(self, now: float) -> int:
        begun = now - self._interval
        while self._gone and self._gone[0][0] <= begun:
            self._gone.popleft()
        while (first := next(iter(self._gone_by_name), None)) is not None:
            if self._gone_by_name[first][0] > begun:
                break
            del self._gone_by_name[first]
        counted = (*self._gone, *self._gone_by_name.values())
        return sum(count for _, count in counted)

    def _left(self, now: float) -> int:
        if now >= self._allowed_until:
            self._allowed = 0
        return self._allowed
