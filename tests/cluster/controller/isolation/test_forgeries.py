"""Objects that say of themselves what only the controller says, and what names it."""

import pytest

from identity.credential_names import object_name
from tests.cluster.api import Json
from tests.cluster.controller.faults.seed import CONTROLLER, INVOICES, ORDERS, TENANT
from tests.cluster.controller.isolation.rogue import FINALIZER, GITHUB, REPOSITORY
from tests.cluster.controller.isolation.stage import Stage, fends_off

pytestmark = pytest.mark.cluster


def test_a_status_written_by_hand(stage: Stage) -> None:
    """All conditions true, with the shop's credential as its own."""

    def attack(stage: Stage) -> bool:
        stage.in_place("web", ORDERS)
        stage.rogue.write(identity={"clientId": ORDERS})
        stage.until_told("NotGranted")
        stage.rogue.api.merge(f"{stage.rogue.path()}/status", {"status": _forged(stage)})
        won = stage.wins(lambda: stage.rogue.subject() in stage.subjects(ORDERS))
        stage.rogue.delete("web")
        stage.pass_over(ORDERS)
        return won or stage.removals() > 0

    fends_off(stage, attack, "disbelief_in_status")


def test_what_is_forged_in_a_status_is_put_right(stage: Stage) -> None:
    stage.start()
    stage.rogue.write(identity={"clientId": ORDERS})
    stage.until_told("NotGranted")
    stage.rogue.api.merge(f"{stage.rogue.path()}/status", {"status": _forged(stage)})
    assert stage.reasons(stage.rogue.granted) == {"web": "Ready"}
    stage.until_told("NotGranted")
    status = stage.rogue.api.get(stage.rogue.path())["status"]
    assert {"credential", "identity", "slots"} & set(status) == set()


@pytest.mark.parametrize("name", ["forged", object_name("web", INVOICES)])
def test_an_object_as_if_the_controller_had_made_it(stage: Stage, name: str) -> None:
    """With owner, label and finalizer, and even the name; its ServiceAccount asks for another."""

    def attack(stage: Stage) -> bool:
        stage.rogue.annotate("web")
        stage.rogue.write(name, identity={"clientId": ORDERS}, metadata=_as_made(stage, "web"))
        stage.rogue.annotate("web", client_id=INVOICES)
        return stage.wins(lambda: bool(stage.subjects(ORDERS)))

    fends_off(stage, attack, "grants_of_what_was_made")


def test_an_object_of_the_name_that_the_controllers_would_have(stage: Stage) -> None:
    """It is left as it is, and bound by its own grant: the account's does not come to it."""

    def attack(stage: Stage) -> bool:
        stage.rogue.granted.grant("web", ORDERS)
        stage.rogue.write(
            object_name("web", ORDERS),
            serviceAccountName="other",
            identity={"clientId": ORDERS},
        )
        stage.rogue.annotate("web", client_id=ORDERS)
        return stage.wins(lambda: stage.rogue.subject("other") in stage.subjects(ORDERS))

    fends_off(stage, attack, "grants")


@pytest.mark.parametrize("spelling", ["as it is", "in upper case"])
def test_the_controllers_own_identity_is_never_federated(stage: Stage, spelling: str) -> None:
    """Even if somebody granted it."""
    written = CONTROLLER.upper() if spelling == "in upper case" else CONTROLLER

    def attack(stage: Stage) -> bool:
        stage.grant_namespace(stage.rogue.granted, CONTROLLER, "federate", "federate-external")
        stage.rogue.annotate(client_id=written)
        return stage.wins(lambda: bool(stage.subjects(CONTROLLER)), told=["ControllersIdentity"])

    fends_off(stage, attack, "own_identity")


def test_the_controllers_own_credential_is_neither_adopted_nor_removed(stage: Stage) -> None:
    def attack(stage: Stage) -> bool:
        stage.make_in_entra(CONTROLLER, "first-sign-in", GITHUB, REPOSITORY)
        stage.grant_namespace(stage.rogue.granted, CONTROLLER, "federate", "federate-external")
        stage.rogue.write_foreign(
            "thief", CONTROLLER, deletionPolicy="Delete", metadata={"finalizers": [FINALIZER]}
        )
        stage.until_told("ControllersIdentity", "Ready")
        adopted = stage.reasons(stage.rogue.granted)["thief"] == "Ready"
        stage.rogue.delete("thief")
        stage.until_gone("thief")
        stage.rest()
        return adopted and stage.removals() > 0

    fends_off(stage, attack, "own_identity")


def _as_made(stage: Stage, account: str) -> Json:
    path = f"/api/v1/namespaces/{stage.rogue.namespace}/serviceaccounts/{account}"
    owner = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "name": account,
        "uid": stage.rogue.api.get(path)["metadata"]["uid"],
        "controller": True,
    }
    return {
        "finalizers": [FINALIZER],
        "labels": {"azure.workload.identity/service-account": account},
        "ownerReferences": [owner],
    }


def _forged(stage: Stage) -> Json:
    body = next(one for one in stage.shop.objects() or [{}])
    generation = stage.rogue.api.get(stage.rogue.path())["metadata"]["generation"]
    true = {
        "status": "True",
        "reason": "Ready",
        "message": "the credential is in place",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "observedGeneration": generation,
    }
    return {
        "observedGeneration": generation,
        "conditions": [{"type": one, **true} for one in ("Authorized", "Synced", "Ready")],
        "credential": body.get("status", {}).get("credential", {"name": "made-up"}),
        "identity": {"kind": "Application", "clientId": ORDERS, "tenantId": TENANT},
        "slots": {"used": 1, "limit": 20},
    }
