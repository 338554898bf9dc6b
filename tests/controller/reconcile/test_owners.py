"""Whose count a removal is on, whatever others have written beside it."""

import pytest

from controller.journal import Retained
from controller.model import ClusterIdentity, Key, Wish
from controller.reconcile.owners import Owner, owner_of
from entra.model import FederatedCredential
from identity.credential_names import cluster_tag, credential_name

ISSUER = "https://issuer.example/"
BEFORE = "https://issuer.example/before"
GITHUB = "https://token.actions.githubusercontent.com"
REPOSITORY = "repo:contoso/shop:ref:refs/heads/main"
CLUSTER = ClusterIdentity(ISSUER, cluster_tag(ISSUER), predecessors=(BEFORE,))


def credential(issuer: str, subject: str, namespace: str = "shop") -> FederatedCredential:
    name = credential_name(ISSUER, namespace, "pay", issuer, subject)
    return FederatedCredential(name, issuer, subject, "api://AzureADTokenExchange")


def wish(namespace: str, name: str = "pay") -> Wish:
    return Wish(
        Key(namespace, name),
        f"{namespace}-{name}",
        "2026-01-01T00:00:00Z",
        1,
        GITHUB,
        REPOSITORY,
        "",
    )


@pytest.mark.parametrize("issuer", [ISSUER, BEFORE])
def test_who_is_let_in_by_a_token_of_this_cluster_is_in_the_subject(issuer: str) -> None:
    there = credential(issuer, "system:serviceaccount:shop:pay", namespace="another")
    assert owner_of(there, CLUSTER, [wish("rogue")], {}) == Owner("shop", "pay")


@pytest.mark.parametrize("subject", ["system:serviceaccount:shop", "whoever"])
def test_a_subject_that_somebody_changed_is_nobodys(subject: str) -> None:
    assert owner_of(credential(ISSUER, subject), CLUSTER, [], {}) is None


def test_another_issuers_is_of_the_object_that_it_was_written_for() -> None:
    """Not of those that ask for the same: they may want somebody else to answer for it."""
    there = credential(GITHUB, REPOSITORY)
    wishes = [wish("rogue"), wish("shop", "other"), wish("shop")]
    assert owner_of(there, CLUSTER, wishes, {}) == Owner("shop", "")
    assert owner_of(there, CLUSTER, wishes[:2], {}) is None


def test_one_that_is_retained_is_of_who_retained_it() -> None:
    there = credential(GITHUB, REPOSITORY)
    noted = {there.name: Retained("shop", "", GITHUB, REPOSITORY)}
    assert owner_of(there, CLUSTER, [], noted) == Owner("shop", "")
