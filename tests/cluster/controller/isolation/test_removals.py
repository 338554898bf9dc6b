"""Brakes are for accidents: nobody turns them on against others, and nobody hides behind one."""

import pytest

from tests.cluster.controller.faults.seed import INVOICES, MAIL, ORDERS
from tests.cluster.controller.isolation.stage import Attack, Stage, fends_off

pytestmark = pytest.mark.cluster

_FLAGS = ("--slots-per-namespace=20", "--resync-interval=2m", "--drift-interval=2m")
"""So that all of an attack is within one interval."""


def test_holding_up_everybodys_withdrawals_by_deleting_much(stage: Stage) -> None:
    """Of a namespace that is granted two identities, 22 credentials, which are there for long."""

    def attack(stage: Stage) -> bool:
        names = _have_many(stage, 22)
        stage.in_place("web", MAIL)
        _begin_anew(stage)
        for name in names:
            stage.rogue.delete(name)
        stage.until_held()
        stage.shop.withdraw("web", MAIL)
        return stage.stays(lambda: stage.shop.subject("web") in stage.subjects(MAIL))

    fends_off(stage, attack, "count_of_a_namespace", *_FLAGS)


def test_keeping_a_credential_behind_the_brake_of_ones_own_namespace(stage: Stage) -> None:
    """Its object is deleted, so that nothing asks for it, and then its grant is withdrawn."""
    fends_off(stage, _hiding(gone=False), "grants_of_what_is_held", *_FLAGS)


def test_nor_does_it_help_to_take_the_finalizer_off(stage: Stage) -> None:
    fends_off(stage, _hiding(gone=True), "grants_of_what_is_held", *_FLAGS)


def _hiding(*, gone: bool) -> Attack:
    def attack(stage: Stage) -> bool:
        names = _have_many(stage, 12)
        _begin_anew(stage)
        for name in names:
            stage.rogue.delete(name)
        stage.until_held()
        if gone:
            for body in stage.rogue.granted.objects():
                stage.rogue.take_off_finalizers(body["metadata"]["name"])
        for client_id in (ORDERS, INVOICES):
            stage.withdraw_namespace(stage.rogue.granted, client_id)
        return stage.stays(lambda: bool(stage.subjects(ORDERS) or stage.subjects(INVOICES)))

    return attack


def _have_many(stage: Stage, count: int) -> list[str]:
    for client_id in (ORDERS, INVOICES):
        stage.grant_namespace(stage.rogue.granted, client_id, "federate")
    names = [f"many-{number}" for number in range(count)]
    for number, name in enumerate(names):
        stage.rogue.write(
            name,
            serviceAccountName=name,
            identity={"clientId": ORDERS if number % 2 else INVOICES},
        )
    stage.until_told("Ready", objects=count)
    return names


def _begin_anew(stage: Stage) -> None:
    """So that no credential is one that the controller has written a moment ago."""
    stage.rest()
    stage.world.controller.stop()
    stage.start(stage.without, *_FLAGS)
    stage.rest()
