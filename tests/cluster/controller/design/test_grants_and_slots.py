"""What grants let, what their withdrawal takes, and how slots are shared."""

import pytest

from identity.credential_names import credential_name
from tests.cluster.controller.design.scene import Scene, condition
from tests.cluster.controller.faults.seed import INVOICES, MAIL, ORDERS

pytestmark = pytest.mark.cluster

OTHERS = "d0000000-0000-4000-8000-000000000001"


def test_without_a_grant_nothing_is_written_and_the_rule_to_ask_for_is_told(scene: Scene) -> None:
    scene.world.start()
    scene.account("shop", {"client-id": ORDERS})
    body = scene.until_told(lambda: scene.of("shop"), "Authorized", "NotGranted", status="False")
    message = condition(body, "Authorized")["message"]
    for part in ("federate", "identities", "azure.workload.identity", ORDERS, "shop"):
        assert part in message
    assert scene.credentials(ORDERS) == []
    assert "identity" not in body["status"]
    assert scene.until_event("ServiceAccount", "shop", "NotGranted")[0] == "Warning"


def test_a_grant_that_comes_later_is_noticed(scene: Scene) -> None:
    scene.world.start()
    scene.account("shop", {"client-id": ORDERS})
    scene.until_told(lambda: scene.of("shop"), "Authorized", "NotGranted")
    scene.world.shop.grant("shop", ORDERS)
    scene.until_ready("shop")


def test_a_withdrawn_grant_takes_the_credential_retained_or_not(scene: Scene) -> None:
    scene.world.shop.grant("shop", ORDERS, "federate", "retain")
    scene.world.start()
    scene.account("shop", {"client-id": ORDERS, "deletion-policy": "Retain"})
    scene.until_subjects(ORDERS, "shop")
    scene.world.shop.withdraw("shop", ORDERS)
    scene.until_subjects(ORDERS)
    scene.until_told(lambda: scene.of("shop"), "Ready", "NotGranted", status="False")


def test_an_adopted_credential_stays_after_a_withdrawal_and_that_is_told(scene: Scene) -> None:
    scene.world.shop.grant("shop", OTHERS)
    scene.seed(OTHERS, _theirs(scene, "shop"))
    scene.world.start()
    scene.account("shop", {"client-id": OTHERS})
    scene.until_told(lambda: scene.of("shop"), "Synced", "Adopted", status="True")
    scene.world.shop.withdraw("shop", OTHERS)
    scene.until_told(lambda: scene.of("shop"), "Authorized", "StillEffective", status="False")
    assert [one["name"] for one in scene.credentials(OTHERS)] == ["by-hand"]


def test_what_was_removed_without_us_is_swept_at_the_next_start(scene: Scene) -> None:
    scene.world.shop.grant("shop", ORDERS)
    scene.world.start()
    scene.account("shop", {"client-id": ORDERS})
    scene.until_subjects(ORDERS, "shop")
    scene.world.stop_all()
    scene.world.shop.delete("shop")
    body = scene.of("shop")
    assert body is not None
    path = scene.path(body["metadata"]["name"])
    scene.world.api.merge(path, {"metadata": {"finalizers": None}})
    scene.world.api.http.delete(path)
    scene.world.start()
    scene.until_subjects(ORDERS)


def test_one_namespace_takes_no_more_than_its_share_of_an_identity(scene: Scene) -> None:
    names = ["first", "second", "third"]
    for name in names:
        scene.world.shop.grant(name, ORDERS)
    scene.world.start("one", "--slots-per-namespace=2")
    for name in names[:2]:
        scene.account(name, {"client-id": ORDERS})
        made = scene.until_ready(name)
    scene.pass_a_second(made["metadata"]["name"])
    scene.account("third", {"client-id": ORDERS})
    body = scene.until_told(lambda: scene.of("third"), "Synced", "NoSlot")
    message = condition(body, "Synced")["message"]
    assert all(f"{scene.namespace}/{name}" in message for name in names[:2])
    scene.world.shop.delete("first")
    scene.until_ready("third")
    scene.until_subjects(ORDERS, "second", "third")


def test_the_twentieth_slot_is_the_last(scene: Scene) -> None:
    others = [
        {"name": f"other-{n}", "issuer": "https://other.test", "subject": f"s{n}"}
        for n in range(19)
    ]
    scene.seed(OTHERS, *others)
    for name in ("first", "second"):
        scene.world.shop.grant(name, OTHERS)
    scene.world.start()
    scene.account("first", {"client-id": OTHERS})
    made = scene.until_ready("first")
    scene.pass_a_second(made["metadata"]["name"])
    scene.account("second", {"client-id": OTHERS})
    body = scene.until_told(lambda: scene.of("second"), "Synced", "NoSlot")
    assert f"{scene.namespace}/first" in condition(body, "Synced")["message"]
    assert len(scene.credentials(OTHERS)) == 20


def test_many_removals_at_once_wait_for_an_admins_word(scene: Scene) -> None:
    names = [f"account-{n:02}" for n in range(24)]
    role = scene.grant_all([ORDERS, INVOICES])
    scene.world.start("one", "--slots-per-namespace=20")
    for number, name in enumerate(names):
        scene.account(name, {"client-id": ORDERS if number % 2 else INVOICES})
    scene.world.until(
        lambda: len(scene.subjects(ORDERS) + scene.subjects(INVOICES)) == 24, "24 credentials"
    )
    scene.world.ledger.quiet(0.3, within=30)
    scene.withdraw_all(role)

    def left() -> int:
        return len(scene.subjects(ORDERS) + scene.subjects(INVOICES))

    scene.world.until(lambda: left() == 4, "20 are gone, and no more")
    scene.world.until(lambda: scene.held() == 4, "four removals are held")
    scene.resyncs(2)
    assert left() == 4
    own = f"/api/v1/namespaces/{scene.world.namespace}/configmaps/azwi-controller"
    word = {"azure.workload.identity/allow-removals": "4"}
    scene.world.api.merge(own, {"metadata": {"annotations": word}})
    scene.world.until(lambda: left() == 0, "the rest is gone")
    annotations = scene.world.api.get(own)["metadata"].get("annotations") or {}
    assert not word.keys() & annotations.keys()


def _theirs(scene: Scene, account: str) -> dict[str, str]:
    issuer = scene.issuer()
    return {"name": "by-hand", "issuer": issuer, "subject": scene.world.shop.subject(account)}


def test_a_name_taken_by_another_subject_is_a_conflict(scene: Scene) -> None:
    scene.world.shop.grant("shop", OTHERS)
    issuer, subject = scene.issuer(), scene.world.shop.subject("shop")
    name = credential_name(issuer, scene.namespace, "by-hand", issuer, subject)
    scene.seed(OTHERS, {"name": name, "issuer": issuer, "subject": f"{subject}-changed"})
    scene.write("by-hand", {"serviceAccountName": "shop", "identity": {"clientId": OTHERS}})
    scene.world.start()
    body = scene.until_told(lambda: scene.named("by-hand"), "Synced", "NameTaken")
    assert name in condition(body, "Synced")["message"]
    assert [one["subject"] for one in scene.credentials(OTHERS)] == [f"{subject}-changed"]


def test_an_adopted_credential_outlives_its_object(scene: Scene) -> None:
    scene.world.shop.grant("shop", OTHERS)
    scene.seed(OTHERS, _theirs(scene, "shop"))
    scene.world.start()
    scene.account("shop", {"client-id": OTHERS})
    scene.until_told(lambda: scene.of("shop"), "Ready", "Ready")
    scene.world.shop.delete("shop")
    scene.world.until(lambda: not scene.objects(), "the object is gone")
    assert [one["name"] for one in scene.credentials(OTHERS)] == ["by-hand"]


def test_an_adopted_credential_goes_where_that_is_written(scene: Scene) -> None:
    scene.world.shop.grant("shop", OTHERS)
    scene.seed(OTHERS, _theirs(scene, "shop"))
    scene.world.start()
    scene.account("shop", {"client-id": OTHERS, "deletion-policy": "Delete"})
    scene.until_told(lambda: scene.of("shop"), "Synced", "Adopted")
    scene.world.shop.delete("shop")
    scene.world.until(lambda: not scene.credentials(OTHERS), "it is gone")


def test_of_two_that_want_the_same_the_older_holds_it(scene: Scene) -> None:
    scene.world.shop.grant("shop", MAIL)
    scene.world.start()
    scene.account("shop", {"client-id": MAIL})
    older = scene.until_ready("shop")["metadata"]["name"]
    scene.pass_a_second(older)
    scene.write("younger", {"serviceAccountName": "shop", "identity": {"clientId": MAIL}})
    body = scene.until_told(lambda: scene.named("younger"), "Synced", "HeldBy")
    assert f"{scene.namespace}/{older}" in condition(body, "Synced")["message"]
    scene.delete("younger")
    scene.world.until(lambda: scene.named("younger") is None, "the younger is gone")
    assert scene.subjects(MAIL) == ["shop"]


def test_a_retained_credential_stays_until_the_grant_goes(scene: Scene) -> None:
    scene.world.shop.grant("shop", MAIL, "federate", "retain")
    scene.world.start()
    scene.account("shop", {"client-id": MAIL, "deletion-policy": "Retain"})
    scene.until_ready("shop")
    scene.world.shop.delete("shop")
    scene.world.until(lambda: not scene.objects(), "the object is gone")
    scene.resyncs(3)
    assert scene.subjects(MAIL) == ["shop"]
    scene.world.shop.withdraw("shop", MAIL)
    scene.until_subjects(MAIL)
