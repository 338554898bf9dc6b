"""Makes, changes and removes the objects of one ServiceAccount at a time."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from controller.accounts.plan import Change, Make, Remove, Step, plan_objects
from controller.kube import AlreadyExists, Kube, NotFound, Object, paths
from controller.kube.together import each
from controller.model import ClusterIdentity, Key
from controller.status.events import Events, Subject, advice_for
from controller.store import AccountRecord, Accounts, Objects
from controller.store.accounts import account_record
from controller.store.objects import record_from

_AGAIN: Final = 30.0
"""Seconds after which an object that is in the way, or on its way out, is looked for again."""

_log = logging.getLogger("azwi.controller.accounts")


@dataclass(frozen=True, slots=True)
class AccountReconciler:
    """Work for a queue, by ServiceAccount. An error of the API server is raised: it is retried."""

    kube: Kube
    accounts: Accounts
    objects: Objects
    events: Events
    cluster: Callable[[], ClusterIdentity]
    audience: str

    async def reconcile(self, key: Key) -> float | None:
        """Bring the objects of a ServiceAccount to what it says; return when to look again."""
        account = self.accounts.get(key)
        steps = self._plan(key, account)
        if any(isinstance(step, Remove) for step in steps):
            # What is not known may exist: only the API server's own word removes anything.
            account = await self._read(key)
            steps = self._plan(key, account)
        if account is not None:
            for note in advice_for(account.federation):
                await self.events.warn(Subject.account(account.key, account.uid), *note)
        again: list[float] = []

        async def take(step: Step) -> None:
            seconds = await self._take(key, account, step)
            if seconds is not None:
                again.append(seconds)

        await each(take, steps)
        return min(again, default=None)

    def _plan(self, key: Key, account: AccountRecord | None) -> list[Step]:
        return plan_objects(key, account, self.objects.of_account(key), self.audience)

    async def _read(self, key: Key) -> AccountRecord | None:
        try:
            body = await self.kube.get(paths.service_account(key.namespace, key.name))
        except NotFound:
            return None
        record = account_record(body)
        self.accounts.put(record)
        return record

    async def _take(self, key: Key, account: AccountRecord | None, step: Step) -> float | None:
        if isinstance(step, Make):
            return await self._make(key, account, step)
        if isinstance(step, Change):
            await self._change(key, step)
            return None
        if not await self.kube.delete(paths.fic(key.namespace, step.name), uid=step.uid):
            self.objects.drop(Key(key.namespace, step.name), step.uid)
        _log.info(
            "object removed: its ServiceAccount no longer asks for it",
            extra={"object": f"{key.namespace}/{step.name}", "account": str(key)},
        )
        return _AGAIN if account is not None else None

    async def _change(self, key: Key, step: Change) -> None:
        """Change an object unless it is another one by now, somebody's own perhaps."""
        patch = {"metadata": {"uid": step.uid}, "spec": step.spec}
        try:
            body = await self.kube.merge(paths.fic(key.namespace, step.name), patch)
        except NotFound:
            self.objects.drop(Key(key.namespace, step.name), step.uid)
        else:
            self._learn(body)

    async def _make(self, key: Key, account: AccountRecord | None, step: Make) -> float | None:
        there = self.objects.get(Key(key.namespace, step.name))
        if there is not None and there.wish.made_for != key.name:
            # It would be refused: not worth a call each time.
            return await self._taken(key, account, step)
        try:
            self._learn(await self.kube.create(paths.fics(key.namespace), step.body))
        except AlreadyExists:
            return await self._meet(key, account, step)
        return None

    async def _meet(self, key: Key, account: AccountRecord | None, step: Make) -> float | None:
        """Look at what has the name: our own of a moment ago, or somebody's."""
        body = await self.kube.get(paths.fic(key.namespace, step.name))
        self._learn(body)
        wish = record_from(body, self.cluster()).wish
        return await self._taken(key, account, step) if wish.made_for != key.name else _AGAIN

    async def _taken(self, key: Key, account: AccountRecord | None, step: Make) -> float:
        if account is not None:
            await self.events.warn(
                Subject.account(account.key, account.uid),
                "NameConflict",
                f"the object {key.namespace}/{step.name} was not made by the controller, and has"
                " the name that the one for this ServiceAccount would have; it is left as it is:"
                " delete or rename it",
            )
        return _AGAIN

    def _learn(self, body: Object) -> None:
        self.objects.put(record_from(body, self.cluster()))
