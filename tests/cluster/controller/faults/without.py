"""The controller with one safeguard taken out, to show that the tests of this folder can fail.

Each function changes one thing, in a child of a test only; `World.start(without=...)` names it.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final
from unittest.mock import patch

from controller import leading
from controller.accounts import AccountReconciler
from controller.grants import Verdict
from controller.grants import grants as asking
from controller.grants.model import Ruling
from controller.journal import Journal
from controller.kube import Forbidden, Kube, KubeError, Page, paths
from controller.lease import Leadership
from controller.lease import leadership as holding
from controller.lease.record import Record
from controller.lease.tenancy import Tenancy
from controller.model import Key
from controller.reconcile import IdentityReconciler
from controller.store import AccountRecord
from entra import service, writer
from entra.errors import Transient
from entra.recent import RecentWrites
from entra.retry import ONCE, retrying

_FUTURE: Final = str(2**53)


def errors_are_no_denials() -> None:
    """A review that fails counts as a refusal."""
    create = Kube.create

    async def refused(kube: Kube, path: str, body: Any) -> Any:
        try:
            return await create(kube, path, body)
        except KubeError:
            if path != paths.SUBJECT_ACCESS_REVIEWS:
                raise
            return {"status": {"allowed": False}}

    patch.object(Kube, "create", refused).start()


def second_denial() -> None:
    """The first denial is enough."""

    def ruling(known: Any) -> Ruling:
        return Ruling(Verdict.GRANTED if known.allowed else Verdict.DENIED, known.denied)

    patch.object(asking._Known, "ruling", ruling).start()


def failed_lists_are_not_empty() -> None:
    """A list that is forbidden counts as an empty one."""
    pages = Kube.pages

    async def empty(kube: Kube, path: str, *args: Any, **more: Any) -> AsyncIterator[Page]:
        try:
            async for page in pages(kube, path, *args, **more):
                yield page
        except Forbidden:
            yield Page([], _FUTURE)

    patch.object(Kube, "pages", empty).start()


def confirmed_absences() -> None:
    """... and nobody looks again whether what is missing in it is really gone."""
    failed_lists_are_not_empty()

    async def remembered(reconciler: AccountReconciler, key: Key) -> AccountRecord | None:
        return reconciler.accounts.get(key)

    patch.object(AccountReconciler, "_read", remembered).start()


def resync() -> None:
    """Everything is looked at once; later only what a watch tells of."""

    async def once(term: Any, interval: float) -> None:
        term.all_due()
        await asyncio.Event().wait()

    patch.object(leading, "_resync", once).start()


def retries() -> None:
    """What Entra did not do at once is given up, as by a handler that swallows its errors."""
    resync()
    for module in (service, writer):
        patch.object(module, "retrying", _once).start()
    reconcile = IdentityReconciler.reconcile

    async def once(reconciler: IdentityReconciler, client_id: str) -> float | None:
        try:
            return await reconcile(reconciler, client_id)
        except Transient:
            return None

    patch.object(IdentityReconciler, "reconcile", once).start()


async def _once(attempt: Any, policy: Any, pace: Any) -> Any:
    return await retrying(attempt, ONCE, pace)


def memory_of_writes() -> None:
    """Every read of Entra is believed."""

    def as_read(recent: RecentWrites, listed: Any, now: float) -> Any:
        return tuple(listed)

    patch.object(RecentWrites, "corrected", as_read).start()


def the_lease_before_each_write() -> None:
    """The Lease is looked at when a term begins: neither before each write nor when it is lost."""

    async def never(leadership: Leadership) -> None:
        await asyncio.Event().wait()

    patch.object(Leadership, "wait_lost", never).start()
    patch.object(Leadership, "assure", lambda leadership, seconds: None).start()


def the_journal() -> None:
    """Nothing is remembered of identities that are written to."""

    async def remember(journal: Journal, identity: Any) -> None:
        return None

    patch.object(Journal, "remember", remember).start()


def own_clock_only() -> None:
    """The times in the Lease are compared with this machine's clock."""
    look = Tenancy.look

    def compared(tenancy: Tenancy, record: Record, now: float) -> None:
        look(tenancy, record, now)
        if record.holder and not tenancy.is_ours(record):
            over = datetime.fromisoformat(record.renewed).timestamp() + record.duration
            tenancy.rival_until = now + over - time.time()

    patch.object(Tenancy, "look", compared).start()


def _shifted(seconds: float) -> None:
    true = time.time
    patch.object(time, "time", lambda: true() + seconds).start()
    patch.object(holding, "datetime", _Clock).start()


class _Clock(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        return datetime.fromtimestamp(time.time(), tz)


def fast_clock() -> None:
    """The machine's clock is an hour fast. (No safeguard: a fault.)"""
    _shifted(3600.0)


def slow_clock() -> None:
    """... an hour slow."""
    _shifted(-3600.0)
