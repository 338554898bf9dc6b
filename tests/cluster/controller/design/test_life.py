"""Drift, quiet, restarts, outages, issuers, namespaces, and what is wrong from the start."""

import pytest

from tests.cluster.controller.design.scene import Scene, condition
from tests.cluster.controller.faults.seed import INVOICES, MAIL, ORDERS

pytestmark = pytest.mark.cluster

HURRIED = ["tests.cluster.controller.design.hurried:set_up"]
UNKNOWN = "e0000000-0000-4000-8000-00000000000e"


def test_what_somebody_removed_in_entra_is_written_again(scene: Scene) -> None:
    scene.world.shop.grant("shop", ORDERS)
    scene.world.start(first=HURRIED)
    scene.account("shop", {"client-id": ORDERS})
    scene.until_ready("shop")
    (before,) = scene.credentials(ORDERS)
    scene.remove_in_entra(ORDERS, before["name"])
    scene.until_subjects(ORDERS, "shop")


def test_a_steady_state_writes_nothing_but_lease_renewals(scene: Scene) -> None:
    for account, client_id in (("shop", ORDERS), ("post", MAIL)):
        scene.world.shop.grant(account, client_id)
        scene.account(account, {"client-id": client_id})
    scene.world.start()
    for account in ("shop", "post"):
        scene.until_ready(account)
    scene.resyncs(2)
    scene.world.ledger.forget()
    scene.resyncs(4)
    reviews = scene.writes("subjectaccessreviews")
    assert scene.writes("/leases/") > 0
    assert scene.writes("^(?!.*(/leases/|subjectaccessreviews|/oauth2/)).*$") == 0
    assert reviews <= 2 * 5


def test_a_restart_reads_no_more_than_it_must(scene: Scene) -> None:
    for account, client_id in (("shop", ORDERS), ("post", MAIL)):
        scene.world.shop.grant(account, client_id)
        scene.account(account, {"client-id": client_id})
    scene.world.start("one", "--drift-interval=1h")
    for account in ("shop", "post"):
        scene.until_ready(account)
    scene.world.ledger.quiet(0.3, within=30)
    scene.world.stop_all()
    scene.world.ledger.forget()
    scene.world.start_ready("one", "--drift-interval=1h")
    scene.resyncs(2)
    entra = [call for call in scene.world.ledger.calls if call.gateway == "entra"]
    asked = [
        call for call in entra if "/oauth2/" not in call.path and "well-known" not in call.path
    ]
    assert sorted(call.method for call in asked) == ["GET", "GET"], asked
    assert all(call.path.endswith("/federatedIdentityCredentials") for call in asked)


def test_while_entra_is_down_nothing_is_lost_and_status_says_since_when(scene: Scene) -> None:
    for client_id in (ORDERS, INVOICES):
        scene.world.shop.grant("shop", client_id)
    scene.world.start(first=HURRIED)
    scene.account("shop", {"client-id": ORDERS})
    scene.until_ready("shop")
    scene.world.entra.faults({"failures": [{"kind": "graph.*", "status": 503, "count": None}]})
    scene.account("shop", {"client-id": INVOICES})
    body = scene.until_told(lambda: scene.by_client_id(INVOICES), "Synced", "EntraUnavailable")
    assert body["status"]["lastError"]["at"]
    assert scene.subjects(ORDERS) == ["shop"]
    scene.world.entra.faults({})
    scene.until_subjects(INVOICES, "shop")
    scene.until_subjects(ORDERS)
    told = scene.until_told(lambda: scene.by_client_id(INVOICES), "Ready", "Ready")
    assert "lastError" not in told["status"]


def test_a_credential_that_stands_is_not_called_broken_by_an_outage(scene: Scene) -> None:
    scene.world.shop.grant("shop", ORDERS)
    scene.world.start(first=HURRIED)
    scene.account("shop", {"client-id": ORDERS})
    scene.until_ready("shop")
    scene.world.entra.faults({"failures": [{"kind": "graph.*", "status": 503, "count": None}]})
    scene.world.until(
        lambda: "lastError" in (scene.of("shop") or {})["status"], "the outage is told"
    )
    body = scene.of("shop")
    assert body is not None
    assert condition(body, "Ready")["status"] == "True"


def test_a_namespace_goes_while_entra_is_down_for_who_may_retain(scene: Scene) -> None:
    scene.world.shop.grant("shop", ORDERS, "federate", "retain")
    scene.world.shop.grant("till", INVOICES)
    scene.world.start(first=HURRIED)
    for account, client_id in (("shop", ORDERS), ("till", INVOICES)):
        scene.account(account, {"client-id": client_id})
        scene.until_ready(account)
    scene.world.entra.faults({"failures": [{"kind": "graph.*", "status": 503, "count": None}]})
    for account in ("shop", "till"):
        scene.world.shop.delete(account)
    scene.world.until(lambda: scene.of("shop") is None, "who may retain is let go")
    assert scene.of("till") is not None
    assert scene.subjects(ORDERS) == ["shop"]
    scene.world.entra.faults({})
    scene.until_subjects(ORDERS)
    scene.until_subjects(INVOICES)
    scene.world.until(lambda: not scene.objects(), "all objects are gone")


def test_another_issuer_is_taken_only_when_told_to(scene: Scene) -> None:
    scene.world.shop.grant("shop", ORDERS)
    scene.world.start()
    scene.account("shop", {"client-id": ORDERS})
    scene.until_ready("shop")
    (before,) = scene.credentials(ORDERS)
    scene.world.stop_all()
    scene.world.start("one", "--issuer=https://moved.example/")
    told = scene.world.controller.wait_said(_not_ready_for_the_issuer)
    assert told
    assert [one["name"] for one in scene.credentials(ORDERS)] == [before["name"]]
    scene.world.stop_all()
    scene.world.start("one", "--issuer=https://moved.example/", "--accept-issuer-change")
    scene.world.until(lambda: len(scene.credentials(ORDERS)) == 2, "new beside old")
    scene.resyncs(2)
    issuers = {one["issuer"] for one in scene.credentials(ORDERS)}
    assert issuers == {before["issuer"], "https://moved.example/"}


def _not_ready_for_the_issuer(said: str) -> bool | None:
    return True if "--accept-issuer-change" in said else None


def test_a_service_account_that_goes_takes_its_credential_along(scene: Scene) -> None:
    scene.world.shop.grant("shop", MAIL)
    scene.world.start()
    scene.account("shop", {"client-id": MAIL})
    scene.until_ready("shop")
    scene.world.shop.delete("shop")
    scene.until_subjects(MAIL)
    scene.world.until(lambda: not scene.objects(), "the object is gone")


def test_a_client_id_that_is_none_is_told_and_the_others_go_on(scene: Scene) -> None:
    scene.world.shop.grant("shop", ORDERS)
    scene.world.start()
    scene.account("shop", {"client-id": "none", "additional-client-ids": ORDERS})
    kind, _, message = scene.until_event("ServiceAccount", "shop", "InvalidAnnotation")
    assert kind == "Warning"
    assert '"none"' in message
    scene.until_subjects(ORDERS, "shop")


def test_a_misspelt_annotation_is_told(scene: Scene) -> None:
    scene.world.start()
    scene.account("shop", {"clientid": ORDERS})
    _, _, message = scene.until_event("ServiceAccount", "shop", "UnknownAnnotation")
    assert "azure.workload.identity/clientid" in message


def test_an_identity_that_nobody_knows_is_told_and_not_asked_for_again_and_again(
    scene: Scene,
) -> None:
    scene.world.shop.grant("shop", UNKNOWN)
    scene.world.start()
    scene.account("shop", {"client-id": UNKNOWN})
    scene.until_told(lambda: scene.of("shop"), "Synced", "IdentityNotFound", status="False")
    scene.world.ledger.quiet(0.3, within=30)
    scene.world.ledger.forget()
    scene.resyncs(3)
    asked = scene.world.ledger.count(lambda call: UNKNOWN in call.path)
    assert asked <= 2


def test_a_secret_that_is_refused_is_told_without_it(scene: Scene) -> None:
    secret = scene.world.folder / "wrong"
    secret.write_text("not-the-right-one")
    scene.world.shop.grant("shop", ORDERS)
    scene.world.start("one", f"--client-secret-file={secret}")
    scene.account("shop", {"client-id": ORDERS})
    body = scene.until_told(lambda: scene.of("shop"), "Synced", "ControllerUnauthenticated")
    assert "not-the-right-one" not in str(body) + scene.world.controller.tail(200)
    assert "AADSTS7000215" in str(body["status"]["lastError"])


def test_a_tenant_that_is_not_there_is_told(scene: Scene) -> None:
    scene.world.shop.grant("shop", ORDERS)
    scene.world.start("one", "--tenant-id=99999999-9999-4999-8999-999999999999")
    scene.account("shop", {"client-id": ORDERS})
    body = scene.until_told(lambda: scene.of("shop"), "Synced", "ControllerUnauthenticated")
    assert "90002" in str(body["status"])


def test_a_subject_of_another_namespace_is_refused_with_words(scene: Scene) -> None:
    scene.world.start()
    subject = "system:serviceaccount:kube-system:default"
    scene.write("bad", {"subject": subject, "identity": {"clientId": ORDERS}})
    body = scene.until_told(lambda: scene.named("bad"), "Authorized", "Invalid", status="False")
    assert scene.namespace in condition(body, "Authorized")["message"]
    assert scene.credentials(ORDERS) == []


def test_an_object_for_an_identity_of_another_tenant_says_so(scene: Scene) -> None:
    other = "77777777-7777-4777-8777-777777777777"
    application = {"appId": UNKNOWN, "displayName": "elsewhere", "tenant": other}
    scene.world.entra.admin(
        "POST", "/seed", {"tenants": [{"id": other}], "applications": [application]}
    )
    scene.world.shop.grant("shop", UNKNOWN)
    scene.world.start()
    scene.account("shop", {"client-id": UNKNOWN, "tenant-id": other})
    body = scene.until_told(lambda: scene.of("shop"), "Synced", "IdentityNotFound")
    assert "tenant" in condition(body, "Synced")["message"]
