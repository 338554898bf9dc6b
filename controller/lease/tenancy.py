"""Who may take the Lease, and until when it is ours. Pure; moments are monotonic seconds, given.

Clocks of different machines are never compared. A standby counts the duration from when it saw the
record change, as client-go's leader election does; the holder counts from when it sent what made it
the holder. What was seen was sent before: nobody takes what its holder still counts on.
Source: https://kubernetes.io/docs/concepts/architecture/leases/
"""

import math
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from controller.lease.record import Record

_SENT: Final = 16
"""Renewals of ours that are remembered: more than there are in the duration of a Lease."""


class Step(Enum):
    """What to do about a Lease."""

    CREATE = "create"
    TAKE = "take"
    RENEW = "renew"
    WAIT = "wait"


@dataclass(slots=True)
class Tenancy:
    """What one contender knows."""

    identity: str
    duration: float
    seen: Record = field(default_factory=Record)
    until: float | None = None
    """Until when the Lease is ours; None: it is not."""
    rival_until: float = -math.inf
    """Until when somebody else may count on it, as far as we have seen."""
    sent: deque[str] = field(default_factory=lambda: deque(maxlen=_SENT))
    """The `renewed` of what we wrote, or may have written: the answer can get lost."""

    def look(self, record: Record, now: float) -> None:
        """Take what stands there. Somebody else's Lease is never ours, whatever we believed.

        If it has vanished, who held it may not know that yet, and is waited for. Only who never saw
        one makes it at once, so that the first start takes no longer than it must.
        """
        if record.version != self.seen.version:
            rival = self._rival(record, now)
            waits = (rival.duration or self.duration) if rival else -math.inf
            self.rival_until = now + waits
        self.seen = record
        if not self.is_ours(record):
            self.until = None

    def _rival(self, record: Record, now: float) -> Record | None:
        """Return the Lease whose holder may count on it; None: nobody but us does."""
        if not record.version:
            return None if self.holds(now) else self.seen
        return record if record.holder and not self.is_ours(record) else None

    def is_ours(self, record: Record) -> bool:
        """Tell whether we hold it: our name, and no renewal that another of this name wrote.

        Before our first write whoever had our name is us before a restart, and dead.
        """
        return record.holder == self.identity and (not self.sent or record.renewed in self.sent)

    def is_written_by_us(self, record: Record) -> bool:
        """Tell whether this process wrote it."""
        return record.holder == self.identity and record.renewed in self.sent

    def sending(self, record: Record) -> None:
        """Take that this is going to be sent.

        What is refused as changed stays in here: it may have been written by an earlier try of the
        HTTP client's own.
        """
        self.sent.append(record.renewed)

    def written(self, record: Record, sent: float) -> None:
        """Take that our write went through; it was sent at `sent`."""
        self.seen, self.rival_until = record, -math.inf
        self.until = sent + self.duration

    def holds(self, now: float) -> bool:
        """Tell whether the Lease is ours."""
        return self.until is not None and now < self.until

    def left(self, now: float) -> float:
        """Return for how many seconds more it is ours; 0 if it is not."""
        return 0.0 if self.until is None else max(0.0, self.until - now)

    def decide(self, now: float) -> Step:
        """Return what is to be done about the Lease as it was seen last."""
        if self.seen.version and self.is_ours(self.seen):
            return Step.RENEW
        if now < self.rival_until:
            return Step.WAIT
        return Step.TAKE if self.seen.version else Step.CREATE
