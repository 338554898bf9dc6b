"""Every removal passes here: beyond a share of all credentials an admin's word is waited for."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from controller.brake import Brake
from controller.journal import Journal

_log = logging.getLogger("azwi.controller.removals")


class Removals:
    """The brake, with what it needs to know, and what of it is to outlive a restart."""

    def __init__(
        self,
        journal: Journal,
        *,
        interval: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take the brake as the journal knows it; `clock` is in seconds since the epoch."""
        self._brake = Brake(interval, journal.brake)
        self._journal = journal
        self._clock = clock
        self._standing: dict[str, int] = {}
        self._held: dict[str, set[str]] = {}
        self._lock = asyncio.Lock()

    @property
    def held(self) -> int:
        """How many removals wait for an admin's word."""
        record = self._brake.record
        return record.held if record else 0

    @property
    def total(self) -> int:
        """How many credentials of ours there are, as last seen."""
        return sum(self._standing.values())

    def stands(self, client_id: str, observed: Sequence[object]) -> None:
        """Take how many credentials an identity has; none of ours, and it does not count."""
        if observed:
            self._standing[client_id] = len(observed)
        else:
            self._standing.pop(client_id, None)

    async def allow(self, what: str) -> bool:
        """Tell whether a removal, known by `what`, may go now. Raises `KubeError`."""
        async with self._lock:
            if self._ask(what):
                await self._keep()
                return True
            if word := await self._journal.take_allowance():
                _log.warning("an admin allows removals", extra={"count": word})
                self._brake.allow(word, self._clock())
                allowed = self._ask(what)
            else:
                allowed = False
            await self._keep()
            return allowed

    async def settled(self, client_id: str, still_held: set[str]) -> None:
        """Forget what was held of an identity and is not due any more. Raises `KubeError`."""
        async with self._lock:
            for what in self._held.pop(client_id, set()) - still_held:
                self._brake.ask(0, total=self.total, now=self._clock(), what=what)
            if still_held:
                self._held[client_id] = still_held
            await self._keep()

    def _ask(self, what: str) -> bool:
        return self._brake.ask(total=self.total, now=self._clock(), what=what)

    async def _keep(self) -> None:
        record = self._brake.record
        if (record is None) == (self._journal.brake is None):
            return  # how many wait is for metrics; that some do is what a restart must know
        if record is not None:
            _log.error(
                "removals are held: annotate the journal's ConfigMap to allow so many",
                extra={"annotation": self._journal.allowance_annotation, "held": record.held},
            )
        await self._journal.set_brake(record)
