"""Every removal passes here: beyond a share of all credentials an admin's word is waited for."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from controller.brakes import CLUSTER, DELETIONS, Brakes, Removal
from controller.journal import Journal, word_for

_log = logging.getLogger("azwi.controller.removals")


class Removals:
    """The brakes, with what they need to know, and what of them is to outlive a restart."""

    def __init__(
        self,
        journal: Journal,
        *,
        interval: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take the brakes as the journal knows them; `clock` is in seconds since the epoch."""
        self._brakes = Brakes(interval, journal.brakes)
        self._interval = interval
        self._journal = journal
        self._clock = clock
        self._standing: dict[str, int] = {}
        self._held: dict[str, set[str]] = {}
        self._written: dict[str, float] = {}
        """When credentials were written, within the last interval; the earliest first."""
        self._lock = asyncio.Lock()

    @property
    def held(self) -> int:
        """How many removals wait for a word for the whole cluster."""
        records = self._brakes.records
        return sum(records[scope].held for scope in (CLUSTER, DELETIONS) if scope in records)

    @property
    def held_in(self) -> dict[str, int]:
        """How many wait for a word of their own, by namespace, or identity (`brakes.scope_of`)."""
        records = self._brakes.records
        return {scope: on.held for scope, on in records.items() if not scope.startswith(CLUSTER)}

    @property
    def total(self) -> int:
        """How many credentials of ours there are, as last seen."""
        return sum(self._standing.values())

    def brake_for(self, scope: str) -> str | None:
        """Return the narrowest brake that is on and holds deletions of a scope, if there is one."""
        records = self._brakes.records
        return next((one for one in (scope, DELETIONS, CLUSTER) if one in records), None)

    def stands(self, client_id: str, observed: Sequence[object]) -> None:
        """Take how many credentials an identity has; none of ours, and it does not count."""
        if observed:
            self._standing[client_id] = len(observed)
        else:
            self._standing.pop(client_id, None)

    def wrote(self, what: str) -> None:
        """Take that a credential was written now: to remove it again at once removes nothing."""
        now = self._clock()
        self._written.pop(what, None)
        self._written[what] = now
        while (first := next(iter(self._written))) and not self._is_young(first, now):
            del self._written[first]

    async def held_by(self, removal: Removal) -> str | None:
        """Return the brake that holds a removal; None if it may go now. Raises `KubeError`.

        One of a credential that was written within the interval is on nobody's count, so that jobs
        that come and go hold up nothing. A withdrawal is: all grants may be younger than that.
        """
        async with self._lock:
            if not removal.withdrawn and self._is_young(removal.what, self._clock()):
                self._brakes.forget(removal.what)
                return None
            before, holder = self._brakes.holder_of(removal.what), self._ask(removal)
            if holder is not None and (words := await self._journal.take_allowance()):
                for scope, count in words.items():
                    self._allow(scope, count)
                holder = self._ask(removal)
            if holder not in {None, before}:
                _log.warning("removal held", extra={"credential": removal.what, "brake": holder})
            await self._keep()
            return holder

    async def settled(self, client_id: str, still_held: set[str]) -> None:
        """Forget what was held of an identity and is not due any more. Raises `KubeError`."""
        async with self._lock:
            for what in self._held.pop(client_id, set()) - still_held:
                self._brakes.forget(what)
            if still_held:
                self._held[client_id] = still_held
            await self._keep()

    def _is_young(self, what: str, now: float) -> bool:
        return now < self._written.get(what, float("-inf")) + self._interval

    def _ask(self, removal: Removal) -> str | None:
        return self._brakes.held_by(removal, total=self.total, now=self._clock())

    def _allow(self, scope: str, count: int) -> None:
        held = self._brakes.allow(scope, count, self._clock())
        told = {"brake": scope, "count": count, "held": held}
        if held is None:
            _log.warning("an admin allows removals where none are held: nothing done", extra=told)
        else:
            _log.warning("an admin allows removals", extra=told)

    async def _keep(self) -> None:
        """Note which brakes are on. How many wait is for metrics: a restart need not know it."""
        records = self._brakes.records
        noted = self._journal.brakes
        if records.keys() == noted.keys():
            return
        for scope in records.keys() - noted.keys():
            _log.error(
                "removals are held: annotate the journal's ConfigMap to allow so many",
                extra={
                    "annotation": self._journal.allowance_annotation,
                    "brake": scope,
                    "held": records[scope].held,
                    "word": word_for(scope, records[scope].held),
                },
            )
        await self._journal.set_brakes(records)
