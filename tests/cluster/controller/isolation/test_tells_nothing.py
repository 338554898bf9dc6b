"""What somebody without a grant is told says nothing about the identity that it names.

Compared is everything that was told, from the first status to the last Event.
"""

import re

import pytest

from tests.cluster.controller.faults.seed import (
    CONTROLLER,
    INVOICES,
    MAIL,
    ORDERS,
    PRINT,
    SUBSCRIPTION,
    resource_id,
)
from tests.cluster.controller.isolation.overheard import told_to, told_to_each
from tests.cluster.controller.isolation.rogue import FINALIZER, GITHUB, REPOSITORY
from tests.cluster.controller.isolation.stage import Stage, fends_off

pytestmark = pytest.mark.cluster

NOBODY = "d0000000-0000-4000-8000-000000000001"
PRODUCTION = "repo:contoso/shop:environment:production"
KEEP_IDS = "--resolve-resource-ids"


@pytest.mark.parametrize("safeguard", ["words_for_unknown", "words_for_not_granted"])
def test_a_resource_id_that_is_unknown_and_one_that_is_not_granted_read_the_same(
    stage: Stage, safeguard: str
) -> None:
    """Of an identity in use, of one that nobody uses, and of three that are not there."""
    elsewhere = resource_id("mail").replace(SUBSCRIPTION, NOBODY)
    readers = {
        "reader-used": resource_id("mail"),
        "reader-idle": resource_id("print"),
        "reader-none": resource_id("none"),
        "reader-away": elsewhere,
        "reader-tail": resource_id("mail") + "/",
    }

    def attack(stage: Stage) -> object:
        stage.in_place("web", MAIL)
        for name, resource in readers.items():
            stage.rogue.annotate(name, identity_resource_id=resource)
        stage.until_told("NotGranted", objects=len(readers))
        stage.until_denied_twice(MAIL, PRINT)
        told = told_to_each(stage.world.ledger, stage.rogue.namespace, readers)
        named = [line for lines in told.values() for line in lines if MAIL in line or PRINT in line]
        return named or [
            (told[one], told["reader-none"]) for one in readers if told[one] != told["reader-none"]
        ]

    fends_off(stage, attack, safeguard, KEEP_IDS)


def test_client_ids_read_the_same_whether_used_idle_or_nobodys(stage: Stage) -> None:
    """Somebody asks for what others have there, each in every way."""
    identities = {"used": ORDERS, "idle": INVOICES, "none": NOBODY, "ours": CONTROLLER}
    readers = {
        f"reader-{way}-{name}": client_id
        for name, client_id in identities.items()
        for way in ("own", "hand", "aud", "prod", "gone")
    }

    def attack(stage: Stage) -> object:
        _make_use(stage)
        for name, client_id in identities.items():
            _ask_in_every_way(stage, name, client_id)
        stage.until_told("NotGranted", "", objects=len(readers))
        stage.until_denied_twice(*identities.values())
        told = told_to_each(stage.world.ledger, stage.rogue.namespace, readers)
        return [
            (told[reader], told[nobodys])
            for reader in readers
            if told[reader] != told[nobodys := reader.rsplit("-", 1)[0] + "-none"]
        ]

    fends_off(stage, attack, "silence_without_a_grant")


def test_neither_kind_nor_slots_nor_names_of_credentials_are_told(stage: Stage) -> None:
    def attack(stage: Stage) -> object:
        _make_use(stage)
        _ask_in_every_way(stage, "used", ORDERS)
        stage.until_told("NotGranted", "", objects=5)
        stage.until_denied_twice(ORDERS)
        told = " ".join(told_to(stage.world.ledger, stage.rogue.namespace))
        secrets = (
            "by-hand",
            "azwi-[a-z2-7]{10}-",
            stage.shop.namespace,
            "Application",
            '"slots"',
            '"id"',
        )
        return any(re.search(secret, told) for secret in secrets)

    fends_off(stage, attack, "silence_without_a_grant")


def _make_use(stage: Stage) -> None:
    """The shop has two credentials of ours at ORDERS, and somebody made one by hand."""
    stage.make_in_entra(ORDERS, "by-hand", GITHUB, REPOSITORY)
    stage.grant_namespace(stage.shop, ORDERS, "federate-external")
    stage.in_place("web", ORDERS)
    stage.write_for_shop("production", ORDERS, PRODUCTION)


def _ask_in_every_way(stage: Stage, name: str, client_id: str) -> None:
    rogue = stage.rogue
    rogue.write(f"reader-own-{name}", identity={"clientId": client_id})
    rogue.write_foreign(f"reader-hand-{name}", client_id)
    rogue.write_foreign(f"reader-aud-{name}", client_id, audiences=["other"])
    rogue.write_foreign(f"reader-prod-{name}", client_id, subject=PRODUCTION)
    rogue.write_foreign(
        f"reader-gone-{name}",
        client_id,
        metadata={"finalizers": [FINALIZER, "example.org/rogue"]},
        deletionPolicy="Delete",
    )
    rogue.delete(f"reader-gone-{name}")
