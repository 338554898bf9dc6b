"""Who may take the Lease, and until when it is ours. Pure; moments are monotonic seconds, given.

Clocks of different machines are never compared. A standby counts from when it saw the record change
(as client-go's leader election does), the holder from when it sent what made it the holder.
Source: https://kubernetes.io/docs/concepts/architecture/leases/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


@dataclass(frozen=True, slots=True)
class Record:
    """A Lease as it stands."""

    holder: str = ""
    """Empty: nobody holds it."""
    duration: float = 0.0
    """Seconds for which its holder may stay silent."""
    renewed: str = ""
    transitions: int = 0
    version: str = ""
    """Its resourceVersion; empty: there is no Lease."""

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Record":
        """Read a Lease; what makes no sense reads as not said."""
        spec: Mapping[str, Any] = body.get("spec") or {}
        duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
        return cls(
            holder=str(spec.get("holderIdentity") or ""),
            duration=float(duration) if isinstance(duration, int) else 0.0,
            renewed=str(spec.get("renewTime") or ""),
            transitions=transitions if isinstance(transitions, int) else 0,
            version=str(body["metadata"]["resourceVersion"]),
        )


@dataclass(slots=True)
class Tenancy:
    """What one contender knows."""

    identity: str
    duration: float
    seen: Record = Record()
    seen_at: float = 0.0
    """When `seen` was seen to change."""
    until: float | None = None
    """Until when the Lease is ours; None: it is not."""

    def look(self, record: Record, now: float) -> None:
        """Take what stands there. Somebody else's Lease is never ours, whatever we believed."""
        if record.version != self.seen.version:
            self.seen_at = now
        self.seen = record
        if record.holder != self.identity:
            self.until = None

    def written(self, record: Record, sent: float, now: float) -> None:
        """Take that our write went through; it was sent at `sent`."""
        self.seen, self.seen_at = record, now
        self.until = sent + self.duration

    def holds(self, now: float) -> bool:
        """Tell whether the Lease is ours."""
        return self.until is not None and now < self.until


class Step(Enum):
    """What to do about a Lease."""

    CREATE = "create"
    TAKE = "take"
    RENEW = "renew"
    WAIT = "wait"


def decide(tenancy: Tenancy, now: float) -> Step:
    """Return what is to be done about the Lease as it was seen last."""
    seen = tenancy.seen
    if not seen.version:
        return Step.CREATE
    if seen.holder == tenancy.identity:
        # Ours from before a restart, too: who has our name is us, or is dead.
        return Step.RENEW
    silent = now - tenancy.seen_at
    if not seen.holder or silent >= (seen.duration or tenancy.duration):
        return Step.TAKE
    return Step.WAIT
