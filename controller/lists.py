"""Whole lists of what is wanted, as the API server has it at one moment.

Watches tell quickly, and may miss something: what was deleted while a watch was down is told by
nobody. So everything is listed at the start, at each resync, and before anything is taken for
absent. A list that fails, or is forbidden, changes nothing.
"""

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from controller.kube import Expired, Kube, KubeError, paths
from controller.model import ClusterIdentity, Key
from controller.store import Accounts, Objects
from controller.store.accounts import account_record
from controller.store.objects import record_from
from entra.flights import Flights

_TRIES = 3

_log = logging.getLogger("azwi.controller.lists")


@dataclass(slots=True)
class Lists:
    """Lists into the stores; those who ask while a list is under way wait for the next one."""

    kube: Kube
    accounts: Accounts
    objects: Objects
    cluster: Callable[[], ClusterIdentity]
    clock: Callable[[], float]
    """Monotonic seconds."""
    listed: dict[str, float] = field(default_factory=dict)
    """When each was last listed."""
    problems: dict[str, str] = field(default_factory=dict)
    """Why each could not be listed the last time it was tried."""
    _flights: Flights[None] = field(default_factory=Flights)

    async def all(self) -> None:
        """List both. Raises `KubeError`."""
        await self.list_objects()
        await self.list_accounts()

    async def list_objects(self) -> None:
        """List our objects. Raises `KubeError`, and then nothing is taken for gone."""
        await self._shared("objects", self._objects)

    async def list_accounts(self) -> None:
        """List the ServiceAccounts. Raises `KubeError`, and then nothing is taken for gone."""
        await self._shared("accounts", self._accounts)

    async def _shared(self, what: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        # A list that was under way already may have begun before what the caller saw.
        await self._flights.join(what, lambda: self._listing(what, work), lambda _: False)

    async def _listing(self, what: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        begun = self.clock()
        try:
            for tries_left in reversed(range(_TRIES)):
                try:
                    await work()
                    break
                except Expired:
                    if not tries_left:
                        raise
        except KubeError as error:
            self.problems[what] = str(error)
            raise
        self.problems.pop(what, None)
        self.listed[what] = begun

    async def _objects(self) -> None:
        keys: set[Key] = set()
        version = 0
        async for page in self.kube.pages(paths.fics()):
            version = version or int(page.resource_version)
            for body in page.items:
                record = record_from(body, self.cluster())
                keys.add(record.key)
                self.objects.put(record)
        self.objects.settle(keys, version)

    async def _accounts(self) -> None:
        keys: set[Key] = set()
        version = 0
        async for page in self.kube.pages(paths.SERVICE_ACCOUNTS, metadata_only=True):
            version = version or int(page.resource_version)
            for body in page.items:
                record = account_record(body)
                keys.add(record.key)
                self.accounts.put(record)
        self.accounts.settle(keys, version)
