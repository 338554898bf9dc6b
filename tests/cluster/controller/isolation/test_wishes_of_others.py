"""Who has every right in a namespace names what is others'."""

import pytest

from tests.cluster.controller.faults.seed import INVOICES, MAIL, ORDERS
from tests.cluster.controller.isolation.rogue import REPOSITORY
from tests.cluster.controller.isolation.stage import Stage, fends_off

pytestmark = pytest.mark.cluster


def test_an_annotation_without_a_grant(stage: Stage) -> None:
    def attack(stage: Stage) -> bool:
        stage.rogue.annotate(client_id=ORDERS)
        return stage.wins(lambda: stage.rogue.subject() in stage.subjects(ORDERS))

    fends_off(stage, attack, "grants")


@pytest.mark.parametrize("name", ["web", "x" * 253])
def test_a_hand_written_object(stage: Stage, name: str) -> None:
    def attack(stage: Stage) -> bool:
        stage.rogue.write(name, identity={"clientId": MAIL})
        return stage.wins(lambda: stage.rogue.subject() in stage.subjects(MAIL))

    fends_off(stage, attack, "grants")


def test_the_name_of_a_service_account_of_another_namespace(stage: Stage) -> None:
    """The shop's `web` has the grant; the rogue has a `web` too."""

    def attack(stage: Stage) -> bool:
        stage.in_place("web", ORDERS)
        stage.rogue.write(serviceAccountName="web", identity={"clientId": ORDERS})
        return stage.wins(lambda: stage.rogue.subject() in stage.subjects(ORDERS))

    fends_off(stage, attack, "namespace_of_accounts")


def test_a_subject_that_names_another_namespace(stage: Stage) -> None:
    """The rogue has a grant for its own `web`, and names the shop's."""

    def attack(stage: Stage) -> bool:
        stage.rogue.granted.grant("web", ORDERS)
        subject = stage.shop.subject("web")
        stage.rogue.write(serviceAccountName=None, subject=subject, identity={"clientId": ORDERS})
        return stage.wins(lambda: bool(stage.subjects(ORDERS)), told=["Invalid"])

    fends_off(stage, attack, "namespace_of_subjects")


@pytest.mark.parametrize("whose", ["the shop's", "its own"])
def test_a_subject_of_this_clusters_issuer_is_bound_by_the_same_grant(
    stage: Stage, whose: str
) -> None:
    """The rogue may have the tokens of other issuers trusted."""

    def attack(stage: Stage) -> bool:
        stage.grant_namespace(stage.rogue.granted, ORDERS, "federate-external")
        subject = stage.shop.subject("web") if whose == "the shop's" else stage.rogue.subject()
        stage.rogue.write_foreign("web", ORDERS, issuer=stage.issuer(), subject=subject)
        return stage.wins(lambda: bool(stage.subjects(ORDERS)), told=["Invalid", "NotGranted"])

    fends_off(stage, attack, "this_clusters_issuer")


def test_the_clusters_issuer_in_another_spelling(stage: Stage) -> None:
    def attack(stage: Stage) -> bool:
        stage.grant_namespace(stage.rogue.granted, ORDERS, "federate-external")
        spellings = _spellings(stage.issuer())
        for number, issuer in enumerate(spellings):
            subject = stage.rogue.subject(f"web-{number}")
            stage.rogue.write_foreign(f"web-{number}", ORDERS, issuer=issuer, subject=subject)
        stage.until_told("NotGranted", "Invalid", "Ready", objects=len(spellings))
        stage.rest()
        return bool(stage.subjects(ORDERS))

    fends_off(stage, attack, "spellings_of_the_issuer")


def _spellings(issuer: str) -> list[str]:
    """What the schema lets pass."""
    host, slash, path = issuer.removeprefix("https://").partition("/")
    return [
        f"https://{host.upper()}{slash}{path}",
        f"https://{host}{slash}{path}/",
        f"https://{host}.{slash}{path}",
        f"https://{host}:443{slash}{path}",
        f"https://{host}{slash}{path}/.//",
    ]


def test_another_issuer_without_federate_external(stage: Stage) -> None:
    """Its ServiceAccounts are granted the identity, all of them."""

    def attack(stage: Stage) -> bool:
        stage.grant_namespace(stage.rogue.granted, ORDERS, "federate")
        stage.rogue.write_foreign("github", ORDERS)
        return stage.wins(lambda: REPOSITORY in stage.subjects(ORDERS))

    fends_off(stage, attack, "verb_for_other_issuers")


@pytest.mark.parametrize("role", ["a wildcard Role", "the granting ClusterRole", "cluster-admin"])
def test_roles_bound_in_the_namespace(stage: Stage, role: str) -> None:
    """Whose right is asked for is that in the whole cluster, which no RoleBinding gives."""

    def attack(stage: Stage) -> bool:
        stage.in_place("web", ORDERS)
        kind, name = {
            "a wildcard Role": ("Role", "everything"),
            "the granting ClusterRole": ("ClusterRole", stage.shop._name("web", ORDERS)),
            "cluster-admin": ("ClusterRole", "cluster-admin"),
        }[role]
        stage.rogue.bind(kind, name)
        stage.rogue.annotate(client_id=ORDERS)
        return stage.wins(lambda: stage.rogue.subject() in stage.subjects(ORDERS))

    fends_off(stage, attack, "cluster_scope")


def test_another_letter_case_of_the_client_id(stage: Stage) -> None:
    """The shop's grant, and what is remembered of the identity, are under the lower case."""

    def attack(stage: Stage) -> bool:
        stage.in_place("web", INVOICES)
        stage.rogue.annotate(client_id=INVOICES.upper())
        return stage.wins(lambda: stage.rogue.subject() in stage.subjects(INVOICES))

    fends_off(stage, attack, "grants")
