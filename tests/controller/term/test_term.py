"""Which work is due, when something is told, when grants change, and at a resync."""

import time
from typing import Any, cast

import pytest

from controller.config.settings import (
    Config,
    Intervals,
    LeaseSettings,
    ProbeSettings,
)
from controller.journal import Journal
from controller.kube import Kube
from controller.metrics import Metrics
from controller.model import Key
from controller.names import API_VERSION, GROUP, KIND
from controller.queue import WorkQueue
from controller.term import Azure, Term
from entra.client import Entra, Settings
from entra.exchange import Exchanger
from entra.sign_in import Application, WorkloadIdentity
from identity.credential_names import cluster_tag
from tests.controller.reconcile.cluster import Cluster
from tests.fakes.entra_services import ENDPOINTS, TENANT, FakeServices, FakeTokens

ISSUER = "https://issuer.example/"
BEFORE = "https://issuer.example/before"
ORDERS = "b0000000-0000-4000-8000-000000000001"
INVOICES = "b0000000-0000-4000-8000-000000000002"
MAIL = (
    "/subscriptions/7d2f4a5e-3c1b-4f0e-9a67-5b8c2d1e0f34/resourceGroups/Shop"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/mail"
)
DAY = 24 * 3600.0


@pytest.fixture
async def journal() -> Journal:
    journal = Journal(cast("Kube", Cluster()), "azwi", time.time)
    await journal.load()
    await journal.settle_issuer(ISSUER, accept_change=True)
    return journal


@pytest.fixture
def term(journal: Journal) -> Term:
    return a_term(journal)


def a_term(journal: Journal) -> Term:
    entra = Entra(Settings(TENANT, ENDPOINTS), FakeServices(), FakeTokens())
    config = Config(
        namespace="azwi",
        entra=Settings(TENANT, ENDPOINTS),
        sign_in=WorkloadIdentity(
            Application(TENANT, "c", "https://login.example"), cast("Any", "/token")
        ),
        lease=LeaseSettings("azwi", "azwi-controller", "we"),
        probe=ProbeSettings("scope"),
        intervals=Intervals(),
    )
    azure = Azure(entra, cast("Exchanger", None))
    return Term(config, cast("Kube", Cluster()), journal, azure, Metrics())


def body(name: str, version: int = 1, uid: str = "", **identity: str) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "namespace": "shop",
            "name": name,
            "uid": uid or name,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "resourceVersion": str(version),
        },
        "spec": {"serviceAccountName": name, "identity": identity or {"clientId": ORDERS}},
    }


def account(name: str, version: int = 1, uid: str = "") -> dict[str, Any]:
    annotations = {f"{GROUP}/client-id": ORDERS}
    metadata = {**body(name, version, uid)["metadata"], "annotations": annotations}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def binding(account: str) -> dict[str, Any]:
    subject = {"kind": "ServiceAccount", "namespace": "shop", "name": account}
    return {"metadata": {"name": account}, "roleRef": {"name": "role"}, "subjects": [subject]}


def due(queue: WorkQueue[Any]) -> set[Any]:
    """Return the keys that are due, now or later, and forget them."""
    keys = {*queue._ready, *queue._later}
    queue._ready.clear()
    queue._later.clear()
    return keys


def nothing_is_due(term: Term) -> None:
    for queue in term.queues:
        due(queue)


def test_an_account_that_is_told_is_due(term: Term) -> None:
    term.notices().account("ADDED", account("web"))
    assert due(term.account_queue) == {Key("shop", "web")}
    assert not due(term.identity_queue)


def test_an_account_that_is_gone_is_due_once_more(term: Term) -> None:
    notices = term.notices()
    notices.account("ADDED", account("web"))
    nothing_is_due(term)
    notices.account("DELETED", account("web", 2))
    assert due(term.account_queue) == {Key("shop", "web")}
    assert len(term.accounts) == 0


@pytest.mark.parametrize("kind", ["account", "credential"])
def test_the_end_of_one_that_was_made_anew_since_ends_nothing(term: Term, kind: str) -> None:
    make = account if kind == "account" else body
    tell = getattr(term.notices(), kind)
    tell("ADDED", make("web", 5, "second"))
    nothing_is_due(term)
    tell("DELETED", make("web", 4, "first"))
    assert not any(due(queue) for queue in term.queues)
    assert len(term.accounts) + len(term.objects) == 1


def test_an_object_that_is_told_has_its_identity_looked_at(term: Term) -> None:
    term.notices().credential("ADDED", body("web"))
    assert due(term.identity_queue) == {ORDERS}
    assert not due(term.account_queue)
    assert not due(term.resource_queue)


def test_an_object_that_names_a_resource_has_it_looked_for_in_one_spelling(term: Term) -> None:
    term.notices().credential("ADDED", body("web", resourceId=MAIL + "/"))
    term.notices().credential("ADDED", body("api", resourceId=MAIL.replace("Shop", "SHOP")))
    assert len(due(term.resource_queue)) == 1
    assert not due(term.identity_queue)


def test_an_object_that_was_made_for_an_account_has_that_looked_at(term: Term) -> None:
    owner = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "name": "owner",
        "uid": "1",
        "controller": True,
    }
    made = body("web")
    made["metadata"]["ownerReferences"] = [owner]
    term.notices().credential("ADDED", made)
    assert due(term.account_queue) == {Key("shop", "owner")}


def test_an_object_that_is_of_another_identity_now_has_both_looked_at(term: Term) -> None:
    """As one that was deleted and made anew between two looks."""
    notices = term.notices()
    notices.credential("ADDED", body("web"))
    nothing_is_due(term)
    notices.credential("ADDED", body("web", 2, "anew", clientId=INVOICES))
    assert due(term.identity_queue) == {ORDERS, INVOICES}


def test_a_binding_has_those_looked_at_whom_it_names(term: Term) -> None:
    notices = term.notices()
    notices.credential("ADDED", body("web"))
    notices.credential("ADDED", body("api", clientId=INVOICES))
    nothing_is_due(term)
    notices.grant("ADDED", binding("api"))
    assert due(term.identity_queue) == {INVOICES}
    assert not due(term.account_queue)


async def test_everything_is_due_at_a_resync(term: Term, journal: Journal) -> None:
    """What is only in the journal, too: that is the sweep."""
    notices = term.notices()
    notices.credential("ADDED", body("web"))
    notices.credential("ADDED", body("api", resourceId=MAIL))
    notices.account("ADDED", account("worker"))
    swept = FakeServices().application("swept")
    await journal.remember(swept)
    nothing_is_due(term)
    term.all_due()
    assert due(term.identity_queue) == {ORDERS, swept.client_id}
    assert due(term.resource_queue) == {MAIL.lower()}
    assert Key("shop", "worker") in due(term.account_queue)


def test_what_is_due_is_spread_and_each_key_has_its_own_moment(term: Term) -> None:
    notices = term.notices()
    for number in range(100):
        notices.credential("ADDED", body(f"w-{number}", clientId=f"{ORDERS[:-3]}{number:03}"))
    nothing_is_due(term)
    term.all_due(spread=90.0)
    first = dict(term.identity_queue._later)
    begun = min(first.values())
    assert 60 < max(first.values()) - begun <= 90
    assert len(set(first.values())) == len(first)
    nothing_is_due(term)
    term.all_due(spread=90.0)
    again = term.identity_queue._later
    assert sorted(again, key=again.__getitem__) == sorted(first, key=first.__getitem__)


async def predecessor(journal: Journal, ago: float) -> Term:
    """Begin with another issuer than so many seconds ago, and an identity from then."""
    journal._clock = lambda: time.time() - ago
    await journal.settle_issuer(BEFORE, accept_change=True)
    await journal.settle_issuer(ISSUER, accept_change=True)
    await journal.remember(FakeServices().application("old"))
    return a_term(journal)


async def test_an_earlier_issuer_is_one_whose_tokens_may_live_for_a_day(journal: Journal) -> None:
    term = await predecessor(journal, 100)
    assert term.cluster.ageing == {cluster_tag(BEFORE)}
    assert term.cluster.outlived == frozenset()
    assert term.cluster.predecessors == (BEFORE,)


async def test_an_earlier_issuer_is_forgotten_once_no_credential_of_it_is_left(
    journal: Journal,
) -> None:
    term = await predecessor(journal, 2 * DAY)
    assert term.cluster.outlived == {cluster_tag(BEFORE)}
    assert term.cluster.ageing == frozenset()
    (client_id,) = journal.identities
    await term.renew_cluster()
    assert term.cluster.predecessors, "nobody has looked at the identity yet"
    term._parts.tags[client_id] = frozenset({cluster_tag(BEFORE)})
    await term.renew_cluster()
    assert term.cluster.predecessors, "one of it stands there"
    term._parts.tags[client_id] = frozenset({cluster_tag(ISSUER)})
    await term.renew_cluster()
    assert term.cluster.predecessors == ()
    assert journal.issuers.predecessors == ()


async def test_one_whose_tokens_live_is_not_forgotten(journal: Journal) -> None:
    term = await predecessor(journal, 100)
    term._parts.tags.update(dict.fromkeys(journal.identities, frozenset()))
    await term.renew_cluster()
    assert term.cluster.ageing == {cluster_tag(BEFORE)}


def test_figures_are_of_what_is_now(term: Term) -> None:
    notices = term.notices()
    ready = body("web")
    ready["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
    notices.credential("ADDED", ready)
    notices.account("ADDED", account("web"))
    figures = term.figures()
    assert figures.queues.keys() == {"accounts", "identities", "resources", "proofs"}
    assert figures.queues["accounts"].size == 1
    assert figures.queues["identities"].delayed == 1
    assert figures.credentials == {("Ready", "True"): 1}
    assert (figures.removals_held, figures.namespace_removals_held) == (0, {})
    assert figures.ages == {}, "nothing was listed"
