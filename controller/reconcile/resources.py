"""Which identity a resource id names: found again and again, since it may be made anew."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from controller.journal import Journal
from controller.kube import Kube
from controller.kube.together import each
from controller.model import ClusterIdentity, Wish
from controller.reconcile.finalizers import take_off
from controller.status.conditions import AUTHORIZED, SYNCED, Condition, Told
from controller.status.teller import Teller
from controller.store import Objects
from entra.errors import EntraError, NotFound, Transient
from entra.model import resource_id
from entra.resolve import Resolver

_CERTAIN_AFTER: Final = 60.0
"""Seconds between two looks that both find nothing where something was."""

_log = logging.getLogger("azwi.controller.resources")


@dataclass(slots=True)
class Resources:
    """What is known of each resource id that some object names, in lower case."""

    client_ids: dict[str, str] = field(default_factory=dict)
    """Those that were found."""
    absent: dict[str, float] = field(default_factory=dict)
    """Those that are certainly not there, or none of ours to know: when they were looked for."""
    once_found: set[str] = field(default_factory=set)
    """Those that were found, now or earlier: only of real ones are there few."""
    lost: dict[str, float] = field(default_factory=dict)
    """Those that were found once, and not found lately: since when."""

    def of(self, client_id: str) -> list[str]:
        """Return the resource ids that stand for a client id."""
        return [resource for resource, found in self.client_ids.items() if found == client_id]

    def is_open(self, resource: str) -> bool:
        """Tell whether it is not known yet what a resource id stands for."""
        return resource not in self.client_ids and resource not in self.absent

    def open_ones(self, objects: Objects) -> Iterable[Wish]:
        """Return wishes that may be for any identity, until their resource id is looked up."""
        for resource in objects.resources():
            if self.is_open(resource):
                yield from (record.wish for record in objects.of_resource(resource))


@dataclass(frozen=True, slots=True)
class ResourceReconciler:
    """Work for a queue, by resource id in lower case."""

    kube: Kube
    resolver: Resolver
    journal: Journal
    resources: Resources
    objects: Objects
    teller: Teller
    enabled: bool
    due: Callable[[str], None]
    """Asks for a reconcile of an identity, by client id."""
    cluster: Callable[[], ClusterIdentity]
    complete: Callable[[Wish, Told], Told] = lambda _wish, told: told
    """See `Parts`."""
    now: Callable[[], float] = time.monotonic
    """Seconds."""
    known_for: float = 1800.0
    """Seconds for which one that was never found is not looked for again."""

    async def reconcile(self, folded: str) -> float | None:
        """Find the identity and have it reconciled. Raises `Transient` errors, to be retried."""
        records = self.objects.of_resource(folded)
        before = self.resources.client_ids.get(folded)
        again = None
        if not records:
            # Nothing is kept: anybody could fill the memory with ids that were named once.
            self._now_is(folded, None)
            self.resources.absent.pop(folded, None)
            self.resources.once_found.discard(folded)
        elif not self.enabled:
            self._now_is(folded, None)
            await self._tell_all(folded, lambda _: _DISABLED)
            await self._let_go(folded)
        else:
            again = await self._look(folded)
        for client_id in {before, self.resources.client_ids.get(folded)} - {None}:
            if client_id is not None:
                self.due(client_id)
        return again

    async def _look(self, folded: str) -> float | None:
        """Find out what it stands for; say when to look again."""
        place = resource_id(folded)
        if place is None:
            self._now_is(folded, None)
            return None
        if self._known_to_be_nobodys(folded):
            await self._tell_unknown(folded)
            return None
        try:
            identity = await self.resolver.by_resource_id(place)
        except Transient:
            if self.resources.is_open(folded) and not self._as_noted(folded):
                await self._tell_all(folded, lambda _: _NOT_YET)
                await self._let_go(folded)
            raise
        except NotFound as error:
            return await self._lost(folded, error)
        except EntraError as error:
            # An error is no absence: what was found, or noted, stays as it is.
            known = folded in self.resources.client_ids
            if not known and (folded in self.resources.absent or not self._as_noted(folded)):
                await self._unknown(folded, error)
            return None
        self._now_is(folded, identity.client_id)
        return None

    async def _lost(self, folded: str, error: NotFound) -> float | None:
        """Take that it is not there; one that was has to be missed twice."""
        if folded in self.resources.client_ids:
            wait = self.resources.lost.setdefault(folded, self.now()) + _CERTAIN_AFTER - self.now()
            if wait > 0:
                return wait
        await self._unknown(folded, error)
        return None

    async def _unknown(self, folded: str, error: EntraError) -> None:
        """Take that it is nobody's: not there, or not to be looked at, which reads the same."""
        _log.info("resource id not resolved", extra={"resource": folded, "error": str(error)})
        self._now_is(folded, None)
        await self._tell_unknown(folded)

    async def _tell_unknown(self, folded: str) -> None:
        await self._tell_all(folded, unknown_or_not_granted)
        await self._let_go(folded)

    def _known_to_be_nobodys(self, folded: str) -> bool:
        """Tell whether Azure need not be asked again yet: anybody may name what never was there."""
        looked = self.resources.absent.get(folded)
        if looked is None or folded in self.resources.once_found:
            return False
        return self.now() < looked + self.known_for

    def _as_noted(self, folded: str) -> bool:
        """Go by the journal while Azure does not say: what is not there was never written for.

        So that a namespace can be deleted all the same.
        """
        for identity in self.journal.identities.values():
            if identity.resource and identity.resource.folded == folded:
                self._now_is(folded, identity.client_id)
                self.due(identity.client_id)
                return True
        return False

    async def _let_go(self, folded: str) -> None:
        """Let objects go whose identity is nowhere; what they left, if anything, is swept."""
        await each(
            partial(take_off, self.kube, self.objects, cluster=self.cluster()),
            [
                record.wish
                for record in self.objects.of_resource(folded)
                if record.wish.deleting and record.wish.finalized
            ],
        )

    def _now_is(self, folded: str, client_id: str | None) -> None:
        self.resources.lost.pop(folded, None)
        if client_id is None:
            self.resources.client_ids.pop(folded, None)
            self.resources.absent[folded] = self.now()
        else:
            self.resources.absent.pop(folded, None)
            self.resources.once_found.add(folded)
            self.resources.client_ids[folded] = client_id

    async def _tell_all(self, folded: str, authorized: Callable[[str], Condition]) -> None:
        """Tell each by the resource id as it wrote it."""

        async def tell(wish: Wish) -> None:
            told = Told(authorized(wish.resource_id), NOT_AUTHORIZED)
            await self.teller.tell(wish, self.complete(wish, told))

        wishes = [record.wish for record in self.objects.of_resource(folded)]
        await each(tell, [wish for wish in wishes if not wish.deleting])


def unknown_or_not_granted(resource: str) -> Condition:
    """Return what is said of an identity by resource id without a grant, there or not."""
    return Condition(
        AUTHORIZED,
        "False",
        "NotGranted",
        f"the managed identity {resource} does not exist, or is not granted to this"
        " ServiceAccount; ask an administrator of the cluster to grant its client id: verb"
        " federate, API group azure.workload.identity, resource identities",
    )


NOT_AUTHORIZED = Condition(SYNCED, "False", "NotAuthorized", "nothing is written without a grant")
"""Said in the same words whether the identity is there or not."""
_DISABLED = Condition(
    AUTHORIZED,
    "False",
    "ResourceIdsDisabled",
    "this cluster's controller does not resolve resource ids; name the identity by client id, or"
    " ask an administrator to enable them",
)
_NOT_YET = Condition(
    AUTHORIZED, "Unknown", "Resolving", "the managed identity is looked for; Azure has not answered"
)
