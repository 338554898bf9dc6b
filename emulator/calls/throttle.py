"""Throttling at the published rates.

Sources: https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits
(writes: 3,000 in 150 seconds for an application in a tenant) and
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/known-issues#rate-limits
(managed identities: requests a second for a tenant, a subscription and a resource).
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

ARM_WINDOW: Final = 20.0
"""Seconds for which managed identities' limits are counted: our choice, since only rates are
published; a quiet resource takes 0.25 x 20 = 5 writes at once."""

LOWEST: Final = 1e-6
"""The least part of the published rates that is told from none at all."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls a second on the long run, and so many at once after a pause."""

    per_second: float
    burst: float


@dataclass(frozen=True, slots=True)
class Limit:
    """A rate that calls of the same key share."""

    key: str
    rate: Rate


_ROUNDING: Final = 1e-6
"""What a caller may lack that waited exactly as long as it was told."""

GRAPH_WRITES: Final = Rate(20.0, 3000.0)


def _arm(per_second: float) -> Rate:
    return Rate(per_second, max(1.0, per_second * ARM_WINDOW))


_ARM_RATES: Final[dict[str, tuple[Rate, Rate, Rate]]] = {
    "write": (_arm(10), _arm(2), _arm(0.25)),
    "delete": (_arm(10), _arm(2), _arm(0.25)),
    "get": (_arm(30), _arm(10), _arm(0.5)),
    "list": (_arm(15), _arm(5), _arm(0.25)),
}
"""By what is done: of a tenant, a subscription, a resource."""


def arm_limits(action: str, *, tenant: str, subscription: str, resource: str) -> list[Limit]:
    """Return what a call about managed identities counts against; `action` is a key above."""
    whole, part, one = _ARM_RATES[action]
    limits = [
        Limit(f"arm/{action}/{tenant}".lower(), whole),
        Limit(f"arm/{action}/{tenant}/{subscription}".lower(), part),
    ]
    if resource:
        limits.append(Limit(f"arm/{action}/{resource}".lower(), one))
    return limits


def graph_limits(*, tenant: str, caller: str) -> list[Limit]:
    """Return what a write to Graph counts against."""
    return [Limit(f"graph/write/{tenant}/{caller}".lower(), GRAPH_WRITES)]


@dataclass(slots=True)
class _Bucket:
    left: float
    seen: float


class Throttle:
    """Token buckets by key; a call takes one of each of its limits, or none of any."""

    def __init__(self, moment: Callable[[], float]) -> None:
        self._moment = moment
        self._buckets: dict[str, _Bucket] = {}

    def wait(self, limits: Iterable[Limit], factor: float) -> float:
        """Take a call's part; return 0, or the whole seconds after which there is one to take."""
        now, factor = self._moment(), max(factor, LOWEST)
        wanted = [(self._bucket(limit, factor, now), limit.rate) for limit in limits]
        missing = [
            (1.0 - bucket.left) / (rate.per_second * factor)
            for bucket, rate in wanted
            if bucket.left < 1.0 - _ROUNDING
        ]
        if missing:
            return float(math.ceil(max(missing)))
        for bucket, _ in wanted:
            bucket.left = max(0.0, bucket.left - 1.0)
        return 0.0

    def left(self, limits: Iterable[Limit], factor: float) -> list[int]:
        """Return what is left of each limit, for the headers that tell it."""
        now = self._moment()
        return [int(self._bucket(limit, factor, now).left) for limit in limits]

    def clear(self) -> None:
        """Fill all buckets."""
        self._buckets.clear()

    def _bucket(self, limit: Limit, factor: float, now: float) -> _Bucket:
        most = max(1.0, limit.rate.burst * factor)
        bucket = self._buckets.get(limit.key)
        if bucket is None:
            bucket = self._buckets[limit.key] = _Bucket(most, now)
        gained = (now - bucket.seen) * limit.rate.per_second * factor
        bucket.left = min(most, bucket.left + gained)
        bucket.seen = now
        return bucket
