"""Nobody keeps a credential that was granted once, and nobody removes one of others."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.controller.faults.seed import ORDERS
from tests.cluster.controller.isolation.rogue import FINALIZER, GITHUB, REPOSITORY
from tests.cluster.controller.isolation.stage import Stage, fends_off

pytestmark = pytest.mark.cluster


def test_taking_off_the_finalizer_and_deleting_the_object(stage: Stage) -> None:
    """So fast that the controller does not see the object go."""

    def attack(stage: Stage) -> bool:
        _have_a_credential(stage)
        stage.world.controller.pause()
        _vanish(stage)
        stage.world.controller.resume()
        stage.pass_over(ORDERS)
        return stage.rogue.subject() in stage.subjects(ORDERS)

    fends_off(stage, attack, "sweep")


def test_taking_off_the_finalizer_while_the_controller_is_down(stage: Stage) -> None:
    """And then the grant is withdrawn: nothing in the cluster speaks of the identity any more."""

    def attack(stage: Stage, without: str) -> bool:
        stage.start(without)
        _have_a_credential(stage)
        stage.world.controller.stop()
        _vanish(stage)
        stage.rogue.granted.withdraw("web", ORDERS)
        stage.start(without)
        stage.rest()
        return stage.rogue.subject() in stage.subjects(ORDERS)

    _with_and_without(stage, attack, "memory_of_identities")


def test_the_namespace_made_anew(stage: Stage) -> None:
    """Deleted with all that was in it, while the controller is down, and made by somebody else."""

    def attack(stage: Stage, without: str) -> bool:
        stage.start(without)
        with stage.another_namespace() as there:
            there.grant("web", ORDERS)
            there.annotate("web", ORDERS)
            stage.until_ready(there, "web", ORDERS)
            stage.world.controller.stop()
            stage.make_anew(there)
            stage.start(without)
            stage.rest()
            return there.subject("web") in stage.subjects(ORDERS)

    _with_and_without(stage, attack, "memory_of_identities")


def test_retain_without_the_verb(stage: Stage) -> None:
    def attack(stage: Stage) -> bool:
        _have_a_credential(stage, deletionPolicy="Retain")
        stage.rogue.delete("web")
        stage.until_gone("web")
        stage.pass_over(ORDERS)
        return stage.rogue.subject() in stage.subjects(ORDERS)

    fends_off(stage, attack, "verb_for_retaining")


def test_what_was_retained_goes_with_the_grant(stage: Stage) -> None:
    def attack(stage: Stage) -> bool:
        _have_a_credential(stage, "federate", "retain", deletionPolicy="Retain")
        stage.rogue.delete("web")
        stage.until_gone("web")
        stage.pass_over(ORDERS)
        assert stage.rogue.subject() in stage.subjects(ORDERS)
        stage.rogue.granted.withdraw("web", ORDERS)
        return stage.stays(lambda: stage.rogue.subject() in stage.subjects(ORDERS))

    fends_off(stage, attack, "grants_of_what_was_retained")


def test_an_object_that_a_finalizer_of_the_rogues_keeps(stage: Stage) -> None:
    """It stays for ever, being deleted."""

    def attack(stage: Stage) -> bool:
        _have_a_credential(stage, metadata={"finalizers": ["example.org/rogue"]})
        stage.rogue.delete("web")
        return stage.stays(lambda: stage.rogue.subject() in stage.subjects(ORDERS))

    fends_off(stage, attack, "objects_that_cannot_go")


def test_objects_that_come_and_go_after_a_withdrawal(stage: Stage) -> None:
    """There is always one that asks, and none of them for long enough to be denied twice."""

    def attack(stage: Stage) -> bool:
        _have_a_credential(stage)
        stage.rogue.granted.withdraw("web", ORDERS)
        numbers = itertools.count()

        def standing() -> bool:
            number = next(numbers)
            stage.rogue.write(f"web-{number + 1}", identity={"clientId": ORDERS})
            old = f"web-{number}" if number else "web"
            stage.rogue.take_off_finalizers(old)
            stage.rogue.delete(old)
            return stage.rogue.subject() in stage.subjects(ORDERS)

        return stage.stays(standing)

    fends_off(stage, attack, "denials_beyond_objects")


@pytest.mark.parametrize(
    ("whose", "safeguard"),
    [("somebody's by hand", "grants_of_those_who_go"), ("the shop's", "holders_of_credentials")],
)
def test_an_object_for_what_others_have_with_an_explicit_delete(
    stage: Stage, whose: str, safeguard: str
) -> None:
    """The identity is in use, so that Entra is looked at; the rogue has no grant of any kind."""

    def attack(stage: Stage) -> bool:
        if whose == "the shop's":
            stage.grant_namespace(stage.shop, ORDERS, "federate-external")
            stage.write_for_shop("main", ORDERS, REPOSITORY)
        else:
            stage.make_in_entra(ORDERS, "by-hand", GITHUB, REPOSITORY)
            stage.in_place("web", ORDERS)
        stage.rogue.write_foreign(
            "thief", ORDERS, deletionPolicy="Delete", metadata={"finalizers": [FINALIZER]}
        )
        stage.rogue.delete("thief")
        stage.until_gone("thief")
        stage.pass_over(ORDERS)
        return stage.removals() > 0

    fends_off(stage, attack, safeguard)


def _have_a_credential(stage: Stage, *verbs: str, **spec: Any) -> None:
    """The rogue has a grant, and uses it."""
    stage.rogue.granted.grant("web", ORDERS, *verbs)
    stage.rogue.write("web", identity={"clientId": ORDERS}, **spec)
    stage.until_ready(stage.rogue.granted, "web", ORDERS)


def _vanish(stage: Stage) -> None:
    stage.rogue.take_off_finalizers("web")
    stage.rogue.delete("web")


def _with_and_without(stage: Stage, attack: Callable[[Stage, str], bool], safeguard: str) -> None:
    """As `fends_off`, for attacks that start the controller themselves."""
    assert not attack(stage, ""), f"it wins: {stage.world.report()}"
    stage.fresh()
    assert attack(stage, safeguard), stage.world.report()
