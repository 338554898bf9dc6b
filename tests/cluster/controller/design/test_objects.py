"""From annotated ServiceAccounts, and from people's own objects, to credentials."""

import pytest

from identity.credential_names import object_name
from tests.cluster.api import Json, Refused
from tests.cluster.controller.design.scene import Scene, condition
from tests.cluster.controller.faults.seed import (
    CONTROLLER,
    INVOICES,
    MAIL,
    ORDERS,
    PRINT,
    TENANT,
    resource_id,
)
from tests.cluster.controller.installed import RBAC

pytestmark = pytest.mark.cluster


def test_an_annotated_service_account_leads_to_one_object_that_it_owns(scene: Scene) -> None:
    scene.world.shop.grant("shop", ORDERS)
    scene.world.start()
    account = scene.account("shop", {"client-id": ORDERS.upper()})
    body = scene.until_ready("shop")
    assert body["metadata"]["name"] == object_name("shop", ORDERS)
    assert body["spec"] == {
        "serviceAccountName": "shop",
        "audiences": ["api://AzureADTokenExchange"],
        "identity": {"clientId": ORDERS},
    }
    owner = body["metadata"]["ownerReferences"]
    assert [(one["kind"], one["name"], one["uid"]) for one in owner] == [
        ("ServiceAccount", "shop", account["metadata"]["uid"])
    ]


def test_status_tells_what_stands_in_entra(scene: Scene) -> None:
    scene.world.shop.grant("post", MAIL)
    scene.world.start()
    scene.account("post", {"client-id": MAIL})
    body = scene.until_ready("post")
    (credential,) = scene.credentials(MAIL)
    status = body["status"]
    assert {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]} == {
        "Authorized": ("True", "Granted"),
        "Synced": ("True", "Written"),
        "Ready": ("True", "Ready"),
    }
    assert status["observedGeneration"] == body["metadata"]["generation"]
    assert status["identity"] == {
        "kind": "ManagedIdentity",
        "clientId": MAIL,
        "tenantId": TENANT,
        "resourceId": resource_id("mail"),
    }
    assert status["slots"] == {"used": 1, "limit": 20}
    for field in ("name", "issuer", "subject"):
        assert status["credential"][field] == credential[field]
    assert status["credential"]["id"]


def test_one_service_account_may_have_many_identities(scene: Scene) -> None:
    for client_id in (ORDERS, INVOICES, MAIL):
        scene.world.shop.grant("shop", client_id)
    scene.world.start()
    scene.account("shop", {"client-id": ORDERS, "additional-client-ids": f"{INVOICES}; {MAIL}"})
    for client_id in (ORDERS, INVOICES, MAIL):
        scene.until_subjects(client_id, "shop")
    assert len(scene.objects()) == 3
    scene.account("shop", {"additional-client-ids": INVOICES})
    scene.until_subjects(MAIL)
    assert scene.subjects(INVOICES) == ["shop"]


def test_a_changed_annotation_moves_the_credential(scene: Scene) -> None:
    for client_id in (ORDERS, MAIL):
        scene.world.shop.grant("shop", client_id)
    scene.world.start()
    scene.account("shop", {"client-id": ORDERS})
    scene.until_subjects(ORDERS, "shop")
    scene.account("shop", {"client-id": MAIL})
    scene.until_subjects(MAIL, "shop")
    scene.until_subjects(ORDERS)


def test_federate_false_opts_out(scene: Scene) -> None:
    scene.world.shop.grant("shop", ORDERS)
    scene.world.start()
    scene.account("shop", {"client-id": ORDERS})
    scene.until_subjects(ORDERS, "shop")
    scene.account("shop", {"federate": "false"})
    scene.until_subjects(ORDERS)
    scene.world.until(lambda: not scene.objects(), "no object is left")


def test_the_deletion_policy_of_a_service_account_is_that_of_its_objects(scene: Scene) -> None:
    scene.world.shop.grant("shop", ORDERS)
    scene.world.start()
    scene.account("shop", {"client-id": ORDERS, "deletion-policy": "Retain"})
    assert scene.until_ready("shop")["spec"]["deletionPolicy"] == "Retain"
    scene.account("shop", {"deletion-policy": None})
    scene.world.until(
        lambda: "deletionPolicy" not in (scene.of("shop") or {"spec": "deletionPolicy"})["spec"],
        "the policy is taken back",
    )


def test_what_somebody_changed_in_an_automatic_object_is_put_right(scene: Scene) -> None:
    scene.world.shop.grant("shop", ORDERS)
    scene.world.start()
    scene.account("shop", {"client-id": ORDERS})
    name = scene.until_ready("shop")["metadata"]["name"]
    scene.change(name, {"audiences": ["api://other"]})
    scene.world.until(
        lambda: (scene.named(name) or {})["spec"]["audiences"] == ["api://AzureADTokenExchange"],
        "the audience is as the controller writes it",
    )


def test_a_name_that_somebody_holds_is_a_conflict_and_never_overwritten(scene: Scene) -> None:
    scene.world.shop.grant("shop", ORDERS)
    name = object_name("shop", ORDERS)
    theirs = scene.write(name, {"serviceAccountName": "else", "identity": {"clientId": INVOICES}})
    scene.world.start()
    scene.account("shop", {"client-id": ORDERS})
    kind, _, message = scene.until_event("ServiceAccount", "shop", "NameConflict")
    assert kind == "Warning"
    assert name in message
    there = scene.named(name)
    assert there is not None
    assert there["spec"] == theirs["spec"]
    assert there["metadata"]["uid"] == theirs["metadata"]["uid"]
    assert scene.subjects(ORDERS) == []


def test_an_identity_named_by_resource_id_is_resolved_and_written_back(scene: Scene) -> None:
    scene.world.shop.grant("post", MAIL)
    scene.world.start("one", "--resolve-resource-ids")
    scene.account("post", {"identity-resource-id": resource_id("mail").upper()})
    scene.until_ready("post")
    scene.until_subjects(MAIL, "post")
    annotations = scene.read_account("post")["metadata"]["annotations"]
    assert annotations["azure.workload.identity/client-id"] == MAIL
    assert annotations["azure.workload.identity/tenant-id"] == TENANT
    assert len(scene.objects()) == 1
    scene.account("post", {"identity-resource-id": resource_id("print")})
    scene.until_subjects(MAIL)
    scene.until_told(lambda: scene.of("post"), "Authorized", "NotGranted")
    annotations = scene.read_account("post")["metadata"]["annotations"]
    assert annotations["azure.workload.identity/client-id"] == MAIL


def test_client_ids_are_written_back_only_once_authorized(scene: Scene) -> None:
    scene.world.start("one", "--resolve-resource-ids")
    scene.account("post", {"identity-resource-id": resource_id("mail")})
    scene.until_told(lambda: scene.of("post"), "Authorized", "NotGranted")
    annotations = scene.read_account("post")["metadata"]["annotations"]
    assert "azure.workload.identity/client-id" not in annotations
    scene.world.shop.grant("post", MAIL)
    scene.until_ready("post")


def test_resource_ids_are_left_alone_where_they_are_not_enabled(scene: Scene) -> None:
    scene.world.shop.grant("post", MAIL)
    scene.world.start()
    scene.account("post", {"identity-resource-id": resource_id("mail")})
    scene.until_told(lambda: scene.of("post"), "Authorized", "ResourceIdsDisabled")
    assert scene.subjects(MAIL) == []


def test_tokens_of_another_issuer_are_federated_for_who_may(scene: Scene) -> None:
    scene.world.start()
    spec: Json = {
        "issuer": "https://token.actions.example",
        "subject": "repo:shop/orders:environment:production",
        "identity": {"clientId": ORDERS},
    }
    scene.write("github", spec)
    body = scene.until_told(lambda: scene.named("github"), "Authorized", "NotGranted")
    assert "federate-external" in condition(body, "Authorized")["message"]
    name = f"external-{scene.namespace}"
    rule = {
        "apiGroups": ["azure.workload.identity"],
        "resources": ["identities"],
        "resourceNames": [ORDERS],
        "verbs": ["federate-external"],
    }
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    group = {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "Group",
        "name": f"system:serviceaccounts:{scene.namespace}",
    }
    api = scene.world.api
    api.post(f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": [rule]})
    try:
        binding = {"metadata": {"name": name}, "roleRef": role, "subjects": [group]}
        api.post(f"{RBAC}/clusterrolebindings", binding)
        scene.until_told(lambda: scene.named("github"), "Ready", "Ready")
        (credential,) = scene.credentials(ORDERS)
        assert (credential["issuer"], credential["subject"]) == (spec["issuer"], spec["subject"])
        scene.delete("github")
        scene.world.until(lambda: not scene.credentials(ORDERS), "the credential is gone")
    finally:
        for plural in ("clusterrolebindings", "clusterroles"):
            api.delete(f"{RBAC}/{plural}/{name}")


def test_an_object_written_by_hand_gets_our_finalizer_before_anything_is_written(
    scene: Scene,
) -> None:
    scene.world.shop.grant("shop", ORDERS)
    scene.world.start()
    scene.write("by-hand", {"serviceAccountName": "shop", "identity": {"clientId": ORDERS}})
    body = scene.until_told(lambda: scene.named("by-hand"), "Ready", "Ready")
    finalizer = "azure.workload.identity/federated-identity-credential"
    assert body["metadata"]["finalizers"] == [finalizer]
    scene.delete("by-hand")
    scene.until_subjects(ORDERS)
    scene.world.until(lambda: scene.named("by-hand") is None, "the object is gone")


def test_nothing_of_kopfs_appears_on_service_accounts_or_objects(scene: Scene) -> None:
    scene.world.shop.grant("shop", ORDERS)
    scene.world.start()
    before = scene.account("shop", {"client-id": ORDERS})
    scene.until_ready("shop")
    scene.resyncs(1)
    after = scene.read_account("shop")
    assert after["metadata"] == before["metadata"]
    (body,) = scene.objects()
    assert "annotations" not in body["metadata"]
    assert len(body["metadata"]["finalizers"]) == 1


def test_the_controllers_own_identity_is_never_federated(scene: Scene) -> None:
    scene.world.shop.grant("shop", CONTROLLER)
    scene.world.start()
    scene.account("shop", {"client-id": CONTROLLER})
    scene.until_told(lambda: scene.of("shop"), "Authorized", "ControllersIdentity")
    assert scene.subjects(CONTROLLER) == []


def test_an_identity_can_not_be_moved(scene: Scene) -> None:
    scene.write("fixed", {"serviceAccountName": "shop", "identity": {"clientId": ORDERS}})
    with pytest.raises(Refused, match="identity"):
        scene.change("fixed", {"identity": {"clientId": PRINT}})
