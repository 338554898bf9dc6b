"""A client-side budget: calls wait here rather than be refused, and punished, by the service."""

import heapq
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import Final

from entra.pacing import REAL, Pace
from entra.rates import Cost, Limit, Rate

_FEWEST_KEPT: Final = 64
_ALMOST: Final = 1e-9
"""Forgiven to a bucket, so that sums of fractions do not keep a call for another round."""


@dataclass(slots=True)
class _Bucket:
    rate: Rate
    left: float
    seen: float

    def left_at(self, now: float) -> float:
        return min(self.rate.burst, self.left + (now - self.seen) * self.rate.per_second)


@dataclass(slots=True, eq=False)
class _Waiter:
    """One call that waits: first come, first served among those that can go."""

    number: int
    limits: tuple[Limit, ...]
    admitted: bool = False


class Budget:
    """Token buckets by key, and those who wait for them.

    A call takes one token of each of its limits at once, or none of any. Who came first goes
    first; one that waits for its identity's tokens keeps nobody else from those of the
    subscription. Full buckets are forgotten, so that memory follows what is in use.
    """

    def __init__(self, pace: Pace = REAL) -> None:
        self.calls: Counter[str] = Counter()
        """Calls that were let through, by kind (`arm write`), those asked again included."""
        self.seconds_waited: defaultdict[str, float] = defaultdict(float)
        """What they waited for in all, by kind."""
        self._pace = pace
        self._buckets: dict[str, _Bucket] = {}
        self._kept = _FEWEST_KEPT
        self._queues: dict[tuple[Limit, ...], deque[_Waiter]] = {}
        self._number = 0

    @property
    def waiting(self) -> int:
        """How many calls wait now."""
        return sum(map(len, self._queues.values()))

    @property
    def buckets(self) -> int:
        """How many keys are remembered now."""
        return len(self._buckets)

    async def spend(self, cost: Cost) -> None:
        """Wait until the call may be made, and count it. Cancelled, nothing is spent."""
        begun = self._pace.now()
        if cost.limits:
            await self._turn(cost.limits)
        self.calls[cost.kind] += 1
        self.seconds_waited[cost.kind] += self._pace.now() - begun

    async def _turn(self, limits: tuple[Limit, ...]) -> None:
        self._forget_full()
        self._number += 1
        waiter = _Waiter(self._number, limits)
        self._queues.setdefault(limits, deque()).append(waiter)
        try:
            while True:
                self._admit()
                if waiter.admitted:
                    return
                await self._pace.sleep(self._until(waiter))
        except BaseException:
            self._leave(waiter)
            raise

    def _admit(self) -> None:
        """Let go all who can, in the order in which they came."""
        now = self._pace.now()
        heads = [(queue[0].number, limits) for limits, queue in self._queues.items()]
        heapq.heapify(heads)
        while heads:
            _, limits = heapq.heappop(heads)
            buckets = [self._bucket(limit, now) for limit in limits]
            if any(bucket.left < 1.0 - _ALMOST for bucket in buckets):
                continue
            for bucket in buckets:
                bucket.left -= 1.0
            queue = self._queues[limits]
            queue.popleft().admitted = True
            if queue:
                heapq.heappush(heads, (queue[0].number, limits))
            else:
                del self._queues[limits]

    def _until(self, waiter: _Waiter) -> float:
        """Return the seconds before which this call can't go.

        Those before it with the same limits go first. Others may pass it where it waits for its
        narrowest limit, so that their number says nothing. Where one before it gives up, it goes on
        waiting for as long: a place that becomes free is not handed on.
        """
        now = self._pace.now()
        ahead = self._queues[waiter.limits].index(waiter)
        *wider, narrowest = waiter.limits
        wanted = [*((limit, 1) for limit in wider), (narrowest, ahead + 1)]
        return max(
            0.0,
            *(
                (tokens - self._bucket(limit, now).left) / limit.rate.per_second
                for limit, tokens in wanted
            ),
        )

    def _leave(self, waiter: _Waiter) -> None:
        """Take a call out of the queue, or give back what it was let go with."""
        if waiter.admitted:
            for limit in waiter.limits:
                bucket = self._bucket(limit, self._pace.now())
                bucket.left = min(limit.rate.burst, bucket.left + 1.0)
            return
        queue = self._queues[waiter.limits]
        queue.remove(waiter)
        if not queue:
            del self._queues[waiter.limits]

    def _forget_full(self) -> None:
        """Now and then drop the buckets that have filled up: a new one would be as full."""
        if len(self._buckets) < self._kept:
            return
        now = self._pace.now()
        self._buckets = {
            key: bucket
            for key, bucket in self._buckets.items()
            if bucket.left_at(now) < bucket.rate.burst
        }
        self._kept = max(_FEWEST_KEPT, 2 * len(self._buckets))

    def _bucket(self, limit: Limit, now: float) -> _Bucket:
        bucket = self._buckets.get(limit.key)
        if bucket is None:
            bucket = self._buckets[limit.key] = _Bucket(limit.rate, limit.rate.burst, now)
        bucket.left, bucket.seen = bucket.left_at(now), now
        return bucket
