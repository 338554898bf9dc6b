"""Holds the Lease, or waits for it."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Protocol

from controller.config.settings import LeaseSettings
from controller.kube import AlreadyExists, Changed, KubeError, NotFound, paths
from controller.lease.errors import NotLeading
from controller.lease.record import Record, held, released
from controller.lease.tenancy import Step, Tenancy
from entra.pacing import Pace

PACE: Final = Pace(now=partial(time.clock_gettime, time.CLOCK_BOOTTIME))
"""Its clock goes on while the machine is suspended, which `time.monotonic` does not."""
_JITTER: Final = 0.2
_TRIES: Final = 3
"""Looks and writes in one round, where others write at the same time."""

_log = logging.getLogger("azwi.controller.lease")


class Api(Protocol):
    """What is needed of `controller.kube.Kube`; each raises `KubeError`."""

    async def get(self, path: str) -> dict[str, Any]:
        """Read an object."""

    async def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Make one."""

    async def replace(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Write one, under its resourceVersion."""


class Leadership:
    """Runs for the process's life; tells whether we lead, and for how long that is certain."""

    def __init__(
        self,
        kube: Api,
        settings: LeaseSettings,
        pace: Pace = PACE,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take `now` for what is written for people; decisions go by the pace's clock."""
        self._kube = kube
        self._settings = settings
        self._path = paths.lease(settings.namespace, settings.name)
        self._pace = pace
        self._now = now
        self._tenancy = Tenancy(settings.identity, settings.duration)
        self._body: dict[str, Any] | None = None
        """The Lease as it was read or written last."""
        self._renewal = 0.0
        """When the next renewal is due."""
        self._won = asyncio.Event()
        self._lost = asyncio.Event()
        self._lost.set()

    @property
    def leading(self) -> bool:
        """Whether the Lease is ours at this moment."""
        return self._tenancy.holds(self._pace.now())

    @property
    def holder(self) -> str:
        """Who holds it, as last seen; empty: nobody, or it was not seen yet."""
        return self._tenancy.seen.holder

    async def wait_leading(self) -> None:
        """Wait until the Lease is ours."""
        await self._won.wait()

    async def wait_lost(self) -> None:
        """Wait until it is not, or not any more."""
        await self._lost.wait()

    def assure(self, seconds: float) -> None:
        """Raise `NotLeading` unless the Lease is ours for so many seconds more."""
        left = self._tenancy.left(self._pace.now())
        if left < seconds or not left:
            raise NotLeading(
                f"nothing is written: the Lease is ours for {left:.1f} s more, and the call may"
                f" take {seconds:.0f} s"
            )

    async def run(self) -> None:
        """Get and keep the Lease until cancelled; then give it up."""
        try:
            while True:
                reached = await self._round()
                self._tell()
                await self._pace.sleep(self._rest(reached=reached))
                self._tell()
        finally:
            await self._give_up()

    def _rest(self, *, reached: bool) -> float:
        """Return the seconds until the next round, or until the Lease has run out."""
        now, retry = self._pace.now(), self._settings.retry
        if not self.leading:
            return retry * (1.0 + _JITTER * self._pace.chance())
        wait = self._renewal - now if reached else 0.0
        return min(wait if wait > 0 else retry, self._tenancy.left(now))

    async def _round(self) -> bool:
        """Do what there is to do; tell whether the API server answered."""
        patience = self._settings.renew + self._settings.retry
        if self.leading:
            patience = min(patience, self._tenancy.left(self._pace.now()))
        try:
            async with asyncio.timeout(patience):
                await self._contend()
        except (KubeError, TimeoutError) as error:
            _log.warning("Lease not reached", extra={"error": _words(error)})
            return False
        return True

    async def _contend(self) -> None:
        """Look and write; a renewal needs no look, since it fails if anybody else wrote."""
        if not self.leading:
            await self._look()
        for _ in range(_TRIES):
            step = self._tenancy.decide(self._pace.now())
            if step is Step.WAIT or await self._write(step):
                return
            await self._look()

    async def _look(self) -> None:
        try:
            body = await self._kube.get(self._path)
        except NotFound:
            self._body = None
            record = Record()
        else:
            self._body = body
            record = Record.of(body)
        self._tenancy.look(record, self._pace.now())
        self._tell()

    async def _write(self, step: Step) -> bool:
        """Write us into the Lease; False: somebody was faster, the next look tells who."""
        settings, tenancy = self._settings, self._tenancy
        wanted = held(self._body, settings, self._now(), taken=step is not Step.RENEW)
        tenancy.sending(Record.of(wanted))
        sent = self._pace.now()
        try:
            if step is Step.CREATE:
                written = await self._kube.create(paths.leases(settings.namespace), wanted)
            else:
                written = await self._kube.replace(self._path, wanted)
        except (Changed, AlreadyExists, NotFound):
            return False
        self._body = written
        self._renewal = sent + settings.renew
        tenancy.written(Record.of(written), sent)
        return True

    def _tell(self) -> None:
        """Set the events to what is so now."""
        if self.leading == self._won.is_set():
            return
        if self.leading:
            _log.info("Lease taken", extra={"identity": self._settings.identity})
            self._lost.clear()
            self._won.set()
        else:
            _log.warning("Lease lost", extra={"holder": self.holder})
            self._won.clear()
            self._lost.set()

    async def _give_up(self) -> None:
        """Leave the Lease to whoever waits. If that fails it runs out by itself."""
        self._tenancy.until = None
        self._won.clear()
        self._lost.set()
        try:
            async with asyncio.timeout(self._settings.retry):
                for _ in range(_TRIES if self._tenancy.sent else 0):
                    if await self._released():
                        return
        except (KubeError, TimeoutError) as error:
            _log.warning("Lease not given up", extra={"error": _words(error)})

    async def _released(self) -> bool:
        """Release it if it is ours; False: it changed meanwhile, by a write of ours perhaps."""
        await self._look()
        if self._body is None or not self._tenancy.is_written_by_us(self._tenancy.seen):
            return True
        try:
            await self._kube.replace(self._path, released(self._body))
        except (Changed, NotFound):
            return False
        _log.info("Lease given up", extra={"identity": self._settings.identity})
        return True


def _words(error: KubeError | TimeoutError) -> str:
    return str(error) or "no answer in time"
