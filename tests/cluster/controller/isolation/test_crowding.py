"""Slots, names and calls are shared: nobody takes those of others."""

import pytest

from tests.cluster.controller.faults.seed import INVOICES, ORDERS
from tests.cluster.controller.isolation.stage import Stage, fends_off

pytestmark = pytest.mark.cluster


def test_filling_the_slots_of_an_identity(stage: Stage) -> None:
    """With a grant for all ServiceAccounts of the namespace, and older than the shop's object."""

    def attack(stage: Stage) -> bool:
        stage.grant_namespace(stage.rogue.granted, ORDERS, "federate")
        for number in range(22):
            account = f"web-{number}"
            stage.rogue.write(account, serviceAccountName=account, identity={"clientId": ORDERS})
        stage.until_told("Ready", "NoSlot", objects=22)
        stage.until_older()
        stage.shop.grant("web", ORDERS)
        stage.shop.annotate("web", ORDERS)
        return _no_slot(stage)

    fends_off(stage, attack, "share_of_a_namespace")


def test_objects_without_a_grant_take_no_slots(stage: Stage) -> None:
    def attack(stage: Stage) -> bool:
        for number in range(22):
            account = f"web-{number}"
            stage.rogue.write(account, serviceAccountName=account, identity={"clientId": ORDERS})
        stage.until_older()
        stage.shop.grant("web", ORDERS)
        stage.shop.annotate("web", ORDERS)
        return _no_slot(stage)

    fends_off(stage, attack, "grants_before_slots", "--slots-per-namespace=20")


def _no_slot(stage: Stage) -> bool:
    def told() -> str:
        return stage.shop.ready().get(("web", ORDERS), "")

    stage.world.until(lambda: told() in {"Ready", "NoSlot"}, "the shop has a slot, or none")
    return told() == "NoSlot"


@pytest.mark.parametrize("how", ["by what comes together", "by what is cut off"])
def test_a_name_that_collides(stage: Stage, how: str) -> None:
    """Of the credentials of two namespaces at one identity, both of them granted."""
    long = "x" * 150
    theirs, ours = ("b-web", "web") if how == "by what comes together" else (f"b-{long}", long)

    def attack(stage: Stage) -> bool:
        for shop in (stage.rogue.granted, stage.beside):
            stage.grant_namespace(shop, ORDERS, "federate")
        stage.rogue.write(theirs, identity={"clientId": ORDERS})
        stage.until_told("Ready")
        stage.write_beside(ours, ORDERS)

        def told() -> str:
            return stage.reasons(stage.beside).get(ours, "")

        stage.world.until(lambda: told() in {"Ready", "NameTaken"}, "it is told how it stands")
        return told() == "NameTaken"

    fends_off(stage, attack, "hash_in_names")


def test_many_wishes_without_a_grant_cost_no_call_to_entra(stage: Stage) -> None:
    """One ServiceAccount that names a many identities, and objects by hand."""

    def attack(stage: Stage) -> int:
        many = [f"d0000000-0000-4000-8000-{number:012d}" for number in range(20)]
        stage.world.ledger.forget()
        stage.rogue.annotate(additional_client_ids=";".join([INVOICES, *many]))
        for number in range(10):
            stage.rogue.write(f"web-{number}", identity={"clientId": many[number]})
        stage.until_told("NotGranted", "IdentityNotFound", "HeldBy", "Ready", objects=30)
        stage.rest()
        return stage.calls_to_entra()

    fends_off(stage, attack, "grants_before_calls")
