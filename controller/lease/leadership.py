"""Holds the Lease, or waits for it."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from controller.config.settings import LeaseSettings
from controller.kube import AlreadyExists, Changed, KubeError, NotFound, paths
from controller.lease.errors import NotLeading
from controller.lease.record import Record, Step, Tenancy, decide
from entra.pacing import REAL, Pace

_JITTER = 0.2

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
        pace: Pace = REAL,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take `now` for what is written for people; decisions go by the pace's clock."""
        self._kube = kube
        self._settings = settings
        self._pace = pace
        self._now = now
        self._tenancy = Tenancy(settings.identity, settings.duration)
        self._body: dict[str, Any] | None = None
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
        until = self._tenancy.until
        left = until - self._pace.now() if until is not None else 0.0
        if left < seconds:
            raise NotLeading(
                f"nothing is written: the Lease is ours for {max(left, 0.0):.1f} s more, and the"
                f" call may take {seconds:.0f} s"
            )

    async def run(self) -> None:
        """Get and keep the Lease until cancelled; then give it up."""
        try:
            while True:
                wait = await self._round()
                self._tell()
                await self._pace.sleep(wait)
        finally:
            await self._give_up()

    async def _round(self) -> float:
        """Look and do what there is to do; return the seconds until the next look."""
        settings, tenancy = self._settings, self._tenancy
        try:
            async with asyncio.timeout(settings.renew + settings.retry):
                await self._look()
                step = decide(tenancy, self._pace.now())
                if step is not Step.WAIT:
                    await self._write(step)
        except (KubeError, TimeoutError) as error:
            _log.warning("Lease not reached", extra={"error": str(error) or "no answer in time"})
        if self.leading:
            left = (tenancy.until or 0.0) - self._pace.now()
            sent = settings.duration - left
            return max(0.0, settings.renew - sent) if sent < settings.renew else settings.retry
        return settings.retry * (1.0 + _JITTER * self._pace.chance())

    async def _look(self) -> None:
        path = paths.lease(self._settings.namespace, self._settings.name)
        try:
            self._body = await self._kube.get(path)
        except NotFound:
            self._body = None
            self._tenancy.look(Record(), self._pace.now())
        else:
            self._tenancy.look(Record.of(self._body), self._pace.now())

    async def _write(self, step: Step) -> None:
        settings, tenancy = self._settings, self._tenancy
        namespace, name = settings.namespace, settings.name
        sent = self._pace.now()
        body = self._wanted(step)
        try:
            if step is Step.CREATE:
                written = await self._kube.create(paths.leases(namespace), body)
            else:
                written = await self._kube.replace(paths.lease(namespace, name), body)
        except (Changed, AlreadyExists, NotFound):
            return  # somebody was faster; the next look tells who
        self._body = written
        tenancy.written(Record.of(written), sent, self._pace.now())
        if step is not Step.RENEW:
            _log.info("Lease taken", extra={"identity": settings.identity, "how": step.value})

    def _wanted(self, step: Step) -> dict[str, Any]:
        settings, seen = self._settings, self._tenancy.seen
        now = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        body: dict[str, Any] = self._body or {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": settings.name, "namespace": settings.namespace},
        }
        spec = dict(body.get("spec") or {})
        if step is not Step.RENEW:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = seen.transitions + (step is Step.TAKE)
        spec["holderIdentity"] = settings.identity
        spec["leaseDurationSeconds"] = max(1, round(settings.duration))
        spec["renewTime"] = now
        return {**body, "spec": spec}

    def _tell(self) -> None:
        """Set the events to what is so now; a Lease that ran out is lost at the next look."""
        if self.leading == self._won.is_set():
            return
        if self.leading:
            self._lost.clear()
            self._won.set()
        else:
            _log.warning("Lease lost", extra={"holder": self.holder})
            self._won.clear()
            self._lost.set()

    async def _give_up(self) -> None:
        """Leave the Lease to whoever waits. If that fails it runs out by itself."""
        held, self._tenancy.until = self.leading, None
        self._tell()
        if not held or self._body is None:
            return
        spec = {**self._body["spec"], "holderIdentity": ""}
        path = paths.lease(self._settings.namespace, self._settings.name)
        try:
            async with asyncio.timeout(self._settings.retry):
                await self._kube.replace(path, {**self._body, "spec": spec})
        except (KubeError, TimeoutError) as error:
            _log.warning("Lease not given up", extra={"error": str(error) or "no answer in time"})
