"""Everything between the API server and Entra ID, with both as fakes, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from controller.accounts import AccountReconciler
from controller.grants import Grants
from controller.journal import Journal, Options
from controller.kube import Kube, paths
from controller.lists import Lists
from controller.model import ClusterIdentity, Key, Wish
from controller.names import API_VERSION, FINALIZER, KIND
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
from entra.client import Entra, Seams, Settings
from entra.model import Identity
from identity.credential_names import cluster_tag
from tests.controller.reconcile.cluster import Cluster
from tests.fakes.entra_services import ENDPOINTS, SUBSCRIPTION, TENANT, FakeServices, FakeTokens
from tests.fakes.virtual_time import virtual_pace

ISSUER = "https://issuer.example/"
AUDIENCE = "api://AzureADTokenExchange"
NAMESPACE = "azwi-system"


@dataclass
class Stage:
    """One term of office, begun anew by `restarted`; the cluster and Entra stay."""

    cluster: Cluster
    services: FakeServices
    journal: Journal
    entra: Entra
    grants: Grants
    objects: Objects
    accounts: Accounts
    lists: Lists
    resources: Resources
    removals: Removals
    teller: Teller
    parts: Parts
    identities: IdentityReconciler
    resource_work: ResourceReconciler
    account_work: AccountReconciler
    queues: dict[str, WorkQueue[Any]] = field(default_factory=dict)
    watching: bool = True
    """What happens in the cluster is told at once."""
    due: list[str] = field(default_factory=list)
    """Client ids that were asked for, while no queue runs."""
    faulty_writes: list[BaseException] = field(default_factory=list)
    """What the next looks at the Lease before a write to Entra raise."""

    @classmethod
    async def opened(
        cls,
        cluster: Cluster | None = None,
        services: FakeServices | None = None,
        issuer: str = ISSUER,
        **rules: Any,
    ) -> "Stage":
        """Begin, as a new leader does: read the journal, list everything."""
        cluster, services = cluster or Cluster(), services or FakeServices()
        kube = cast("Kube", cluster)
        pace, loop = virtual_pace(), asyncio.get_running_loop()
        journal = Journal(kube, NAMESPACE, loop.time, Options(pace=pace))
        await journal.load()
        await journal.settle_issuer(issuer, accept_change=True)
        due: list[str] = []
        faulty: list[BaseException] = []

        def before_write() -> None:
            if faulty:
                raise faulty.pop(0)

        entra = Entra(
            Settings(TENANT, ENDPOINTS, (SUBSCRIPTION,)),
            services,
            FakeTokens(),
            remembered=journal.remembered,
            seams=Seams(pace=pace, clock=loop.time, before_write=before_write),
        )
        grants = Grants(cluster, pace=pace)
        stage: Stage

        def cluster_now() -> ClusterIdentity:
            old = journal.issuers.predecessors
            now = loop.time()
            return ClusterIdentity(
                issuer,
                cluster_tag(issuer),
                ageing=frozenset(cluster_tag(one.url) for one in old if one.until > now),
                outlived=frozenset(cluster_tag(one.url) for one in old if one.until <= now),
                predecessors=tuple(one.url for one in old),
            )

        objects = Objects(lambda *wishes: stage.noticed(*wishes))  # noqa: PLW0108 - made below
        accounts = Accounts(lambda key: stage.add("accounts", key))
        lists = Lists(kube, accounts, objects, cluster_now, loop.time)
        resources = Resources()
        events = Events(kube)
        teller = Teller(kube, objects, accounts, events, cluster_now)
        removals = Removals(journal, interval=180.0, clock=loop.time)
        parts = Parts(
            kube=kube,
            entra=entra,
            journal=journal,
            grants=grants,
            removals=removals,
            objects=objects,
            accounts=accounts,
            resources=resources,
            teller=teller,
            cluster=cluster_now,
            confirm=lists.list_objects,
            now=loop.time,
            rules=Rules(**{"own_client_id": None, "resolve_resource_ids": True, **rules}),
        )
        stage = cls(
            cluster,
            services,
            journal,
            entra,
            grants,
            objects,
            accounts,
            lists,
            resources,
            removals,
            teller,
            parts,
            IdentityReconciler(parts),
            ResourceReconciler(
                kube,
                entra.identities,
                journal,
                resources,
                objects,
                teller,
                enabled=parts.rules.resolve_resource_ids,
                due=lambda client_id: stage.add("identities", client_id),
                cluster=cluster_now,
                now=loop.time,
                known_for=parts.rules.known_for,
            ),
            AccountReconciler(kube, accounts, objects, events, cluster_now, AUDIENCE),
            due=due,
            faulty_writes=faulty,
        )
        cluster.told = stage.told
        await lists.all()
        return stage

    async def restarted(self, **rules: Any) -> "Stage":
        """Return another process's, with what is in the cluster and in Entra."""
        return await Stage.opened(self.cluster, self.services, **rules)

    @asynccontextmanager
    async def running(self, resync: float | None = None) -> AsyncIterator[None]:
        """Work on queues while it lasts, as `controller.term` has them."""
        pace = virtual_pace()
        self.queues = {
            "accounts": WorkQueue("accounts", self.account_work.reconcile, workers=16, pace=pace),
            "identities": WorkQueue(
                "identities", self.identities.reconcile, workers=1000, pace=pace
            ),
            "resources": WorkQueue(
                "resources", self.resource_work.reconcile, workers=16, pace=pace
            ),
        }
        tasks = [asyncio.create_task(queue.run()) for queue in self.queues.values()]
        if resync is not None:
            tasks.append(asyncio.create_task(self._resync(resync)))
        self.all_due()
        try:
            yield
        finally:
            self.queues = {}
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _resync(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            await self.lists.all()
            self.all_due()

    def all_due(self) -> None:
        for record in self.accounts:
            self.add("accounts", record.key)
        for client_id in self.objects.client_ids() | set(self.journal.identities):
            self.add("identities", client_id)
        for resource in self.objects.resources():
            self.add("resources", resource)

    def add(self, queue: str, key: Any) -> None:
        if self.queues:
            self.queues[queue].add(key)
        elif queue == "identities":
            self.due.append(key)

    def noticed(self, before: Wish | None, after: Wish | None) -> None:
        for wish in (before, after):
            if wish is None:
                continue
            if wish.client_id or not wish.resource_id:
                self.add("identities", wish.client_id)
            if wish.resource_id:
                self.add("resources", wish.resource_id.rstrip("/").lower())
            if wish.made_for:
                self.add("accounts", Key(wish.key.namespace, wish.made_for))

    def told(self, kind: str, body: dict[str, Any]) -> None:
        """Take what the watch tells."""
        if not self.watching:
            return
        if body.get("kind") == KIND:
            record = record_from(body, self.parts.cluster())
            if kind == "DELETED":
                self.objects.drop(record.key, record.uid)
            else:
                self.objects.put(record)
        elif body.get("kind") == "ServiceAccount":
            account = account_record(body)
            if kind == "DELETED":
                self.accounts.drop(account.key, account.uid)
            else:
                self.accounts.put(account)

    # What people do.

    def grant(
        self,
        identity: Identity | str,
        account: str,
        namespace: str = "shop",
        verb: str = "federate",
    ) -> None:
        self.cluster.granted.add(self._right(identity, account, namespace, verb))

    def withdraw(
        self,
        identity: Identity | str,
        account: str,
        namespace: str = "shop",
        verb: str = "federate",
    ) -> None:
        self.cluster.granted.discard(self._right(identity, account, namespace, verb))
        self.grants.forget()

    def _right(
        self, identity: Identity | str, account: str, namespace: str, verb: str
    ) -> tuple[str, str, str]:
        client_id = identity if isinstance(identity, str) else identity.client_id
        who = (
            f"system:serviceaccount:{namespace}:{account}"
            if account
            else f"system:serviceaccounts:{namespace}"
        )
        return who, verb, client_id

    def write(
        self,
        name: str,
        identity: Identity | str,
        namespace: str = "shop",
        *,
        account: str | None = None,
        finalized: bool = False,
        **spec: Any,
    ) -> dict[str, Any]:
        """Write an object by hand, for the ServiceAccount of its name."""
        named: Mapping[str, str] = (
            {"clientId": identity.client_id}
            if isinstance(identity, Identity)
            else {"resourceId": identity}
            if identity.startswith("/")
            else {"clientId": identity}
        )
        whole = {"serviceAccountName": account or name, "audiences": [AUDIENCE], **spec}
        if "subject" in spec:
            del whole["serviceAccountName"]
        return self.cluster.put(
            paths.fic(namespace, name),
            apiVersion=API_VERSION,
            kind=KIND,
            metadata={"finalizers": [FINALIZER] if finalized else []},
            spec={"identity": dict(named), **whole},
        )

    def annotate(self, name: str, namespace: str = "shop", **annotations: str | None) -> None:
        prefix = "azure.workload.identity/"
        written = {prefix + key.replace("_", "-"): text for key, text in annotations.items()}
        self.cluster.put(
            paths.service_account(namespace, name),
            apiVersion="v1",
            kind="ServiceAccount",
            metadata={"annotations": written},
        )

    def delete(self, name: str, namespace: str = "shop") -> None:
        self.cluster.remove(paths.fic(namespace, name))

    # What people see.

    def body(self, name: str, namespace: str = "shop") -> dict[str, Any] | None:
        return self.cluster.objects.get(paths.fic(namespace, name))

    def condition(
        self, name: str, kind: str = "Ready", namespace: str = "shop"
    ) -> tuple[str, str] | None:
        """Status and reason of a condition; None: nothing was told."""
        status = (self.body(name, namespace) or {}).get("status") or {}
        for one in status.get("conditions", ()):
            if one["type"] == kind:
                return one["status"], one["reason"]
        return None

    def finalized(self, name: str, namespace: str = "shop") -> bool:
        body = self.body(name, namespace)
        return body is not None and FINALIZER in body["metadata"].get("finalizers", ())

    def subjects(self, identity: Identity) -> list[str]:
        """Whom an identity trusts: namespace and name."""
        there = self.services.there(identity).values()
        return sorted(one["subject"].removeprefix("system:serviceaccount:") for one in there)
