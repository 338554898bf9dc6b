"""Who may do what with the objects: people by their roles, and the controller by its own."""

import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from hack.cluster import Cluster
from tests.cluster.api import Api, Json, Refused, a_namespace, api_of
from tests.cluster.controller.installed import (
    GROUP,
    NAME,
    RBAC,
    a_controller,
    allowed,
    apply,
    documents,
    fics,
    install,
    kubeconfig_of,
    remove,
    until,
)
from tests.cluster.controller.objects import a_fic

pytestmark = pytest.mark.cluster

PLURAL = "federatedidentitycredentials"
READ = {"get", "list", "watch"}
WRITE = {"create", "update", "patch", "delete", "deletecollection"}
ROLES = {"view": READ, "edit": READ | WRITE, "admin": READ | WRITE}

NEEDS = {
    # of the whole cluster
    ("get", "", "serviceaccounts"): "is it really gone, before anything is removed",
    ("list", "", "serviceaccounts"): "annotations, at start",
    ("watch", "", "serviceaccounts"): "annotations, as they change",
    ("get", GROUP, PLURAL): "what has a name that is taken",
    ("list", GROUP, PLURAL): "wishes, at start",
    ("watch", GROUP, PLURAL): "wishes, as they change",
    ("create", GROUP, PLURAL): "an annotated ServiceAccount's object",
    ("patch", GROUP, PLURAL): "its spec, and finalizers",
    ("delete", GROUP, PLURAL): "an annotation was taken away",
    ("patch", GROUP, f"{PLURAL}/status"): "conditions",
    ("create", "authorization.k8s.io", "subjectaccessreviews"): "grants",
    ("list", "rbac.authorization.k8s.io", "clusterroles"): "grants that changed",
    ("watch", "rbac.authorization.k8s.io", "clusterroles"): "grants that changed",
    ("list", "rbac.authorization.k8s.io", "clusterrolebindings"): "grants that changed",
    ("watch", "rbac.authorization.k8s.io", "clusterrolebindings"): "grants that changed",
    ("create", "", "events"): "what people have to know",
    ("get", "", "events"): "how often they were told",
    ("patch", "", "events"): "what people have to know again",
}
OWN_NEEDS = {
    # of its own namespace
    ("create", "coordination.k8s.io", "leases"): "the first leader",
    ("create", "", "configmaps"): "the journal's first entries",
}
OWN_NAMED_NEEDS = {
    # of its own namespace, by name
    ("get", "coordination.k8s.io", "leases"): "who leads",
    ("update", "coordination.k8s.io", "leases"): "a renewal, and the end of a leader",
    ("get", "", "configmaps"): "the journal, at start",
    ("patch", "", "configmaps"): "the journal's next entry",
}
JOURNAL = [NAME, *(f"{NAME}-{digit}" for digit in "0123456789abcdef")]
NEVER = [
    ("get", "", "secrets"),
    ("list", "", "secrets"),
    ("list", "", "pods"),
    ("create", "", "serviceaccounts"),
    ("update", "", "serviceaccounts"),
    ("patch", "", "serviceaccounts"),
    ("delete", "", "serviceaccounts"),
    ("create", "", "serviceaccounts/token"),
    ("impersonate", "", "serviceaccounts"),
    ("update", GROUP, PLURAL),
    ("deletecollection", GROUP, PLURAL),
    ("update", GROUP, f"{PLURAL}/status"),
    ("federate", GROUP, "identities"),
    ("create", "rbac.authorization.k8s.io", "clusterroles"),
    ("bind", "rbac.authorization.k8s.io", "clusterroles"),
    ("escalate", "rbac.authorization.k8s.io", "clusterroles"),
    ("create", "rbac.authorization.k8s.io", "clusterrolebindings"),
    ("list", "", "configmaps"),
    ("update", "", "configmaps"),
    ("delete", "", "configmaps"),
    ("patch", "coordination.k8s.io", "leases"),
    ("delete", "coordination.k8s.io", "leases"),
]


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Api]:
    with api_of(cluster) as found:
        install(found)
        yield found


@pytest.fixture(scope="module")
def namespace(api: Api) -> Iterator[str]:
    with a_namespace(api, "roles") as name:
        yield name


@pytest.fixture(scope="module")
def elsewhere(api: Api) -> Iterator[str]:
    with a_namespace(api, "roles-elsewhere") as name:
        yield name


@pytest.fixture(scope="module")
def people(api: Api, namespace: str) -> dict[str, str]:
    """User names by the role that each has in the namespace."""
    users = {role: f"{role}-{uuid.uuid4().hex[:6]}" for role in ROLES}
    for role, user in users.items():
        _bind(api, namespace, role, user)
    for role, user in users.items():
        until(
            lambda role=role, user=user: all(  # type: ignore[misc]
                allowed(api, user, verb, PLURAL, group=GROUP, namespace=namespace)
                for verb in ROLES[role]
            ),
            f"the role {role} has what is aggregated to it",
        )
    return users


def _bind(api: Api, namespace: str, role: str, user: str) -> None:
    body = {
        "metadata": {"name": user},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }
    api.post(f"{RBAC}/namespaces/{namespace}/rolebindings", body)


@pytest.mark.parametrize("role", ROLES)
def test_view_reads_and_edit_and_admin_write(
    api: Api, namespace: str, people: dict[str, str], role: str
) -> None:
    user = people[role]
    may = {
        verb
        for verb in READ | WRITE
        if allowed(api, user, verb, PLURAL, group=GROUP, namespace=namespace)
    }
    assert may == ROLES[role]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("subresource", ["status", "finalizers"])
def test_nobody_writes_status_or_finalizers_by_a_role(
    api: Api, namespace: str, people: dict[str, str], role: str, subresource: str
) -> None:
    resource = f"{PLURAL}/{subresource}"
    assert not any(
        allowed(api, people[role], verb, resource, group=GROUP, namespace=namespace)
        for verb in READ | WRITE
    )


def test_somebody_with_edit_makes_an_object_and_can_not_say_that_it_is_ready(
    cluster: Cluster, namespace: str, people: dict[str, str]
) -> None:
    ready = {"status": {"observedGeneration": 1}}
    with api_of(cluster, cluster.kubeconfig_for(people["edit"])) as editor:
        editor.post(fics(namespace), a_fic("theirs"))
        path = f"{fics(namespace)}/theirs"
        with pytest.raises(Refused) as refused:
            editor.merge(f"{path}/status", ready)
        assert refused.value.code == 403
        editor.merge(path, ready)
        assert "status" not in editor.get(path)
        editor.delete(path)


@pytest.fixture(scope="module")
def controller(api: Api, namespace: str) -> Iterator[str]:
    with a_controller(api, namespace) as user:
        yield user


def test_the_controller_may_do_what_it_needs_and_each_verb_has_a_need() -> None:
    """A rule that nobody can give a reason for goes."""
    whole, own = (body for body in documents("controller-role.yaml") if "rules" in body)
    assert _rights(whole["rules"]) == NEEDS.keys()
    assert _rights(rule for rule in own["rules"] if "resourceNames" not in rule) == OWN_NEEDS.keys()
    named = [rule for rule in own["rules"] if "resourceNames" in rule]
    assert _rights(named) == OWN_NAMED_NEEDS.keys()
    assert [rule["resourceNames"] for rule in named] == [[NAME], JOURNAL]


def _rights(rules: Iterable[Json]) -> set[tuple[str, str, str]]:
    return {
        (verb, group, resource)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_what_the_controller_needs_it_is_allowed(
    api: Api, namespace: str, elsewhere: str, controller: str
) -> None:
    asked = [(need, elsewhere, "") for need in NEEDS]
    asked += [(need, namespace, "") for need in OWN_NEEDS]
    asked += [
        (need, namespace, name)
        for need in OWN_NAMED_NEEDS
        for name in (JOURNAL if need[2] == "configmaps" else [NAME])
    ]
    assert not [
        (verb, group, resource, where, name)
        for (verb, group, resource), where, name in asked
        if not allowed(api, controller, verb, resource, group=group, namespace=where, name=name)
    ]


@pytest.mark.parametrize("where", ["its own namespace", "another", "everywhere"])
def test_the_controller_may_not_do_anything_else(
    api: Api, namespace: str, elsewhere: str, controller: str, where: str
) -> None:
    there = {"its own namespace": namespace, "another": elsewhere, "everywhere": ""}[where]
    never = [*NEVER, *OWN_NAMED_NEEDS, *(OWN_NEEDS if there != namespace else ())]
    assert not [
        (verb, group, resource)
        for verb, group, resource in never
        if allowed(api, controller, verb, resource, group=group, namespace=there)
    ]


@pytest.fixture
def own(cluster: Cluster, api: Api, controller: str, tmp_path: Path) -> Iterator[Api]:
    """What the API server looks like to the controller."""
    with api_of(cluster, kubeconfig_of(cluster, api, controller, tmp_path)) as found:
        yield found


def test_the_controller_keeps_an_object_from_its_making_to_its_end(
    api: Api, own: Api, elsewhere: str
) -> None:
    """With the owner that it gives it, and the finalizer: neither needs a right of its own."""
    account = api.get(f"/api/v1/namespaces/{elsewhere}/serviceaccounts/default")
    own.post(fics(elsewhere), _automatic(account))
    path = f"{fics(elsewhere)}/made"
    own.merge(f"{path}/status", {"status": {"observedGeneration": 1}})
    own.delete(path)
    assert own.get(path)["metadata"]["deletionTimestamp"]
    own.merge(path, {"metadata": {"finalizers": None}})
    with pytest.raises(Refused) as refused:
        own.get(path)
    assert refused.value.code == 404


def _automatic(account: Json) -> Json:
    body = a_fic("made", serviceAccountName="default")
    body["metadata"] |= {
        "finalizers": [f"{GROUP}/federated-identity-credential"],
        "ownerReferences": [
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "name": "default",
                "uid": account["metadata"]["uid"],
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ],
    }
    return body


def test_serviceaccounts_are_patched_only_with_the_feature_that_needs_it(api: Api) -> None:
    with (
        a_namespace(api, "roles") as own,
        a_namespace(api, "roles") as there,
        a_controller(api, own, resource_ids=True) as user,
    ):
        until(
            lambda: allowed(api, user, "patch", "serviceaccounts", namespace=there),
            "the controller may patch ServiceAccounts",
        )
        assert not allowed(api, user, "update", "serviceaccounts", namespace=there)


def test_tokens_are_requested_only_in_namespaces_that_are_probed(api: Api) -> None:
    with (
        a_namespace(api, "roles") as own,
        a_namespace(api, "roles") as probed,
        a_controller(api, own, probed=(probed,)) as user,
    ):
        token = "serviceaccounts/token"
        assert allowed(api, user, "create", token, namespace=probed)
        assert not allowed(api, user, "create", token, namespace=own)
        assert not allowed(api, user, "create", token, namespace="kube-system")


def test_the_example_grants_one_identity_to_one_serviceaccount(api: Api) -> None:
    role, binding = documents("example-grant.yaml")
    (client_id,) = role["rules"][0]["resourceNames"]
    own = f"grant-{uuid.uuid4().hex[:6]}"
    for body in (role, binding):
        body["metadata"]["name"] = own
    binding["roleRef"]["name"] = own

    def federates(account: str, identity: str) -> bool:
        user = f"system:serviceaccount:{account}"
        return allowed(api, user, "federate", "identities", group=GROUP, name=identity)

    try:
        for body in (role, binding):
            apply(api, body)
        until(lambda: federates("shop:orders", client_id), "the grant holds")
        assert not federates("shop:orders", client_id[:-1] + "1")
        assert not federates("shop:other", client_id)
    finally:
        for body in (binding, role):
            remove(api, body)
