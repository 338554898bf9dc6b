"""All parts of one term of office, and what they tell each other."""

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from controller.accounts import AccountReconciler
from controller.config.settings import Config
from controller.grant_notices import GrantNotices
from controller.grants import Grants
from controller.journal import Journal
from controller.kube import Kube
from controller.lists import Lists
from controller.metrics import Metrics, QueueFigures, TermFigures
from controller.model import ClusterIdentity, Key, Wish
from controller.probe import Intervals as ProbeIntervals
from controller.probe import Prober
from controller.probe import Settings as ProbeSettings
from controller.proofs import Proofs
from controller.queue import WorkQueue
from controller.reconcile import (
    IdentityReconciler,
    Parts,
    Removals,
    ResourceReconciler,
    Resources,
    Rules,
)
from controller.status.events import Events
from controller.status.teller import Teller
from controller.store import Accounts, Objects
from controller.store.accounts import account_record
from controller.store.objects import record_from
from controller.watch import Notices
from entra.client import Entra
from entra.exchange import Exchanger
from identity.credential_names import cluster_tag

_SOON: Final = 0.1
"""Seconds that changes are gathered for before an identity is reconciled."""
_PROOFS: Final = 64
"""Proofs under way: most of them wait for their turn, or for a credential to become known."""
_ACCOUNT_WORKERS: Final = 4
"""ServiceAccounts at work at once: objects faster than Entra takes credentials help nobody, and the
calls that make them keep back those that tell."""
_WORKERS: Final = 1000
"""Identities at work at once: most of them wait for their share of the rates."""

_log = logging.getLogger("azwi.controller")


@dataclass(frozen=True, slots=True)
class Azure:
    """Entra ID, Graph and Resource Manager, signed in."""

    entra: Entra
    exchanger: Exchanger


class Term:
    """All parts of one term, and what they tell each other."""

    def __init__(
        self, config: Config, kube: Kube, journal: Journal, azure: Azure, metrics: Metrics
    ) -> None:
        entra = azure.entra
        self._entra = entra
        self.journal = journal
        self.cluster = _cluster(journal)
        self.objects = Objects(self._object_noticed)
        self.accounts = Accounts(self._account_noticed)
        self.grants = Grants(
            kube,
            kept=config.intervals.ruling_kept,
            apart=config.intervals.denial,
            told=lambda verdict: metrics.grant_checked(verdict.value),
        )
        self.lists = Lists(kube, self.accounts, self.objects, self._cluster_now, time.monotonic)
        resources = Resources()
        events = Events(kube)
        teller = Teller(kube, self.objects, self.accounts, events, self._cluster_now)
        self.removals = Removals(journal, interval=config.intervals.resync)
        self._proofs = Proofs(
            Prober(
                kube,
                azure.exchanger,
                ProbeSettings(config.probe, config.entra.endpoints.authority),
            ),
            self.objects,
            teller,
            ProbeIntervals(steady=config.intervals.probe, soon=_SOON),
            due=self._proof_due,
            probed=metrics.probed,
        )
        self._parts = parts = Parts(
            kube=kube,
            entra=entra,
            journal=journal,
            grants=self.grants,
            removals=self.removals,
            objects=self.objects,
            accounts=self.accounts,
            resources=resources,
            teller=teller,
            cluster=self._cluster_now,
            confirm=self.lists.list_objects,
            complete=self._proofs.complete,
            removed=metrics.removed,
            slots=metrics.set_slots,
            no_slots=metrics.forget_slots,
            rules=Rules(
                own_client_id=config.own_client_id,
                per_namespace=config.per_namespace,
                known_for=config.intervals.drift,
                resolve_resource_ids=config.resolve_resource_ids,
            ),
        )
        accounts = AccountReconciler(
            kube, self.accounts, self.objects, events, self._cluster_now, config.cluster.audience
        )
        found = ResourceReconciler(
            kube,
            entra.identities,
            journal,
            resources,
            self.objects,
            teller,
            enabled=config.resolve_resource_ids,
            due=self._identity_due,
            cluster=self._cluster_now,
            complete=self._proofs.complete,
            known_for=config.intervals.drift,
        )

        told = metrics.run_ended
        self.account_queue = WorkQueue(
            "accounts", accounts.reconcile, workers=_ACCOUNT_WORKERS, told=told
        )
        self.identity_queue = WorkQueue(
            "identities", IdentityReconciler(parts).reconcile, workers=_WORKERS, told=told
        )
        self.resource_queue = WorkQueue("resources", found.reconcile, workers=16, told=told)
        self.proof_queue = WorkQueue("proofs", self._proofs.prove, workers=_PROOFS, told=told)
        self._grant_notices = GrantNotices(self.grants.forget, self._grants_changed)

    @property
    def queues(self) -> "tuple[WorkQueue[Any], ...]":
        """All queues."""
        return self.account_queue, self.identity_queue, self.resource_queue, self.proof_queue

    def figures(self) -> TermFigures:
        """Return what metrics tell of this term."""
        now = time.monotonic()
        counts = Counter(condition for record in self.objects for condition in record.conditions)
        budget = self._entra.budget
        return TermFigures(
            queues={
                queue.name: QueueFigures(
                    queue.waiting, queue.oldest_age(), queue.delayed, queue.running
                )
                for queue in self.queues
            },
            credentials=counts,
            ages={what: now - at for what, at in self.lists.listed.items()},
            removals_held=self.removals.held,
            namespace_removals_held=self.removals.held_in,
            throttled_seconds=dict(budget.seconds_waited),
            calls_waiting=budget.waiting,
        )

    def notices(self) -> Notices:
        """Return what listens to the watches."""
        return Notices(self._account_told, self._object_told, self._grant_notices.told)

    def all_due(self, spread: float = 0.0) -> None:
        """Have everything reconciled, within so many seconds, each key at its own moment."""
        for key in {record.key for record in self.accounts} | self.objects.accounts():
            self.account_queue.add(key, spread * _share(str(key)))
        for client_id in self.objects.client_ids() | set(self.journal.identities):
            self.identity_queue.add(client_id, spread * _share(client_id))
        for resource in self.objects.resources():
            self.resource_queue.add(resource, spread * _share(resource))

    def _cluster_now(self) -> ClusterIdentity:
        return self.cluster

    async def renew_cluster(self) -> None:
        """Look which earlier issuers' tokens are over by now, and whose credentials are all gone.

        Raises `KubeError`.
        """
        tags = self._parts.tags
        if self.cluster.outlived and set(self.journal.identities) <= set(tags):
            standing = frozenset[str]().union(*tags.values())
            for old in self.journal.issuers.predecessors:
                tag = cluster_tag(old.url)
                if tag in self.cluster.outlived and tag not in standing:
                    await self.journal.drop_predecessor(old.url)
        self.cluster = _cluster(self.journal)

    def _account_told(self, kind: str, body: Mapping[str, Any]) -> None:
        record = account_record(body)
        if kind == "DELETED":
            self.accounts.drop(record.key, record.uid)
        else:
            self.accounts.put(record)

    def _object_told(self, kind: str, body: Mapping[str, Any]) -> None:
        record = record_from(body, self.cluster)
        if kind == "DELETED":
            self.objects.drop(record.key, record.uid)
        else:
            self.objects.put(record)

    def _account_noticed(self, key: Key) -> None:
        self.account_queue.add(key)

    def _identity_due(self, client_id: str) -> None:
        self.identity_queue.add(client_id)

    def _proof_due(self, key: Key, after: float) -> None:
        self.proof_queue.add(key, after)

    def _object_noticed(self, before: Wish | None, after: Wish | None) -> None:
        if before is not None and after is None:
            self._proofs.forget(before.key)
        for wish in (before, after):
            if wish is None:
                continue
            if wish.client_id or not wish.resource_id:
                self.identity_queue.add(wish.client_id, _SOON)
            if wish.resource_id:
                self.resource_queue.add(wish.resource_id.rstrip("/").lower(), _SOON)
            if wish.made_for:
                self.account_queue.add(Key(wish.key.namespace, wish.made_for), _SOON)

    def _grants_changed(self, concerned: Callable[[Wish], bool]) -> None:
        for record in self.objects:
            if concerned(record.wish):
                self._object_noticed(None, record.wish)


def _cluster(journal: Journal) -> ClusterIdentity:
    issuers = journal.issuers
    now = time.time()
    assert issuers.current is not None  # noqa: S101 - settled before
    return ClusterIdentity(
        issuer=issuers.current,
        tag=cluster_tag(issuers.current),
        ageing=frozenset(cluster_tag(old.url) for old in issuers.predecessors if old.until > now),
        outlived=frozenset(
            cluster_tag(old.url) for old in issuers.predecessors if old.until <= now
        ),
        predecessors=tuple(old.url for old in issuers.predecessors),
    )


def _share(text: str) -> float:
    """Return a number from 0 to 1 that is always the same for the same text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 2**32
