"""When a credential is proved again. Pure: time is an argument, chance is a hash."""

import hashlib
from dataclasses import dataclass, replace
from typing import Final

from controller.probe.verification import Result


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often, in seconds."""

    steady: float = 21600.0
    """Between proofs of a credential that works."""
    soon: float = 5.0
    """After a change at the latest; what changed together is spread over it."""
    unknown: float = 15.0
    """After the first proof in a row that said nothing; it doubles with each."""
    longest_unknown: float = 900.0
    refused: float = 900.0
    """After the first refusal in a row; it doubles with each, up to `steady`. Somebody may have
    changed a setting that we do not see."""


@dataclass(frozen=True, slots=True)
class History:
    """What is known of one credential's proofs. Moments are monotonic seconds."""

    seen_at: float
    """When this process first saw it."""
    changed_at: float | None = None
    """When the object, the credential or its grant changed last; None: not since it was seen."""
    proved_at: float | None = None
    result: Result | None = None
    in_a_row: int = 0
    """How many of the last proofs had this result, since the last change."""

    def changed(self, now: float) -> "History":
        """Return the history after a change, which makes what was proved before worth little."""
        return replace(self, changed_at=now, in_a_row=0)

    def proved(self, result: Result, begun: float, now: float) -> "History":
        """Return the history after a proof, which says nothing of a change since it was begun."""
        unseen = self.changed_at is not None and self.changed_at > begun
        in_a_row = self.in_a_row + 1 if result is self.result else 1
        return History(self.seen_at, self.changed_at if unseen else None, now, result, in_a_row)


def next_in(history: History, uid: str, now: float, intervals: Intervals) -> float:
    """Return the seconds until the next proof is due; 0: now.

    What is neither new nor changed when the process starts is spread over the whole interval: a
    restart proves nothing at once.
    """
    return max(0.0, _due(history, share_of(uid), intervals) - now)


def _due(history: History, share: float, intervals: Intervals) -> float:
    if history.changed_at is not None:
        return history.changed_at + share * intervals.soon
    if history.proved_at is None or history.result is None:
        return history.seen_at + share * intervals.steady
    return history.proved_at + _wait(history.result, history.in_a_row, intervals) * _around(share)


def _wait(result: Result, in_a_row: int, intervals: Intervals) -> float:
    match result:
        case Result.VERIFIED:
            return intervals.steady
        case Result.REFUSED:
            return _doubled(intervals.refused, in_a_row, intervals.steady)
        case Result.UNKNOWN:
            longest = min(intervals.longest_unknown, intervals.steady)
            return _doubled(intervals.unknown, in_a_row, longest)


def _doubled(first: float, in_a_row: int, longest: float) -> float:
    return min(longest, first * 2.0 ** min(in_a_row - 1, _MOST_DOUBLINGS))


_MOST_DOUBLINGS: Final = 32


def share_of(uid: str) -> float:
    """Return a number from 0 up to 1 that is always the same for an object, and evenly spread."""
    digest = hashlib.blake2b(uid.encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2.0**64


def _around(share: float) -> float:
    """Spread what began together: a tenth less to a tenth more."""
    return 0.9 + 0.2 * share
