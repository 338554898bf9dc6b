"""Writes what is told: a status where it differs from the one that stands, and an Event with it."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from controller.kube import Kube, NotFound, paths
from controller.merge import merge_patch
from controller.model import ClusterIdentity, Key, Wish
from controller.status.conditions import READY, SYNCED, Told, status_of, troubled
from controller.status.events import Events, Subject
from controller.store import Accounts, Objects, Record
from controller.store.objects import record_from
from entra.errors import EntraError

_log = logging.getLogger("azwi.controller.status")


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells people about objects. Raises `KubeError` where that fails: it is told again."""

    kube: Kube
    objects: Objects
    accounts: Accounts
    events: Events
    cluster: Callable[[], ClusterIdentity]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def tell(self, wish: Wish, told: Told) -> None:
        """Write the status of an object, unless it says so already.

        What was decided for one is not told to another one that has its name by now, nor to itself
        if it asks for something else: that is decided by itself.
        """
        record = self._of(wish)
        if record is None:
            return
        before = record.status
        now = self.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        status = status_of(told, record.wish.generation, before, now)
        if status is None:
            return
        await self._write(record, before, status)
        await self._announce(record.wish, before, status)

    async def trouble(self, wish: Wish, error: EntraError) -> bool:
        """Tell of an object whose credential stands that Entra can't be asked about it now.

        Tells whether that is all there is to tell: not where nothing stood, or was asked for
        otherwise.
        """
        record = self._of(wish)
        if record is None or (SYNCED, "True") not in record.conditions:
            return False
        before = record.status
        if before.get("observedGeneration") != record.wish.generation:
            return False
        status = troubled(error, before, self.now().strftime("%Y-%m-%dT%H:%M:%SZ"))
        if status is not None:
            await self._write(record, before, status)
        return True

    def was_told(self, wish: Wish) -> bool:
        """Tell whether an object, as it is now, was told anything yet."""
        record = self._of(wish)
        return record is not None and record.status.get("observedGeneration") == wish.generation

    def _of(self, wish: Wish) -> Record | None:
        record = self.objects.get(wish.key)
        if record is None or record.uid != wish.uid or record.wish.generation != wish.generation:
            return None
        return record

    async def _write(
        self, record: Record, before: Mapping[str, Any], status: Mapping[str, Any]
    ) -> None:
        key = record.key
        patch = {
            # Another object of the name may have taken its place: then this is none of its.
            "metadata": {"uid": record.uid},
            "status": merge_patch(before, status),
        }
        try:
            body = await self.kube.merge(paths.fic_status(key.namespace, key.name), patch)
        except NotFound:
            self.objects.drop(key, record.uid)
            return
        self.objects.put(record_from(body, self.cluster()))

    async def _announce(
        self, wish: Wish, before: Mapping[str, Any], status: Mapping[str, Any]
    ) -> None:
        was, now = _ready(before), _ready(status)
        if (was.get("status"), was.get("reason")) == (now.get("status"), now.get("reason")):
            return
        if now.get("status") == "Unknown":
            return  # nothing happened yet: a proof that is still to be made, an answer that is due
        subjects = [Subject.credential(wish.key, wish.uid)]
        account = self.accounts.get(Key(wish.key.namespace, wish.account))
        if wish.account and account is not None:
            subjects.append(Subject.account(account.key, account.uid))
        for subject in subjects:
            if now.get("status") == "True":
                name = status.get("credential", {}).get("name", "")
                await self.events.note(subject, "Ready", f"federated credential {name} is in place")
            else:
                message = f"{wish.key}: {now.get('message', '')}"
                await self.events.warn(subject, str(now.get("reason")), message)


def _ready(status: Mapping[str, Any]) -> Mapping[str, Any]:
    for condition in status.get("conditions") or ():
        if condition.get("type") == READY:
            found: Mapping[str, Any] = condition
            return found
    return {}
