"""The optional policies, as a real API server enforces them."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from controller.grants import Question, Verb, rule_for
from hack.cluster import Cluster
from identity.names import ADDITIONAL_CLIENT_IDS, CLIENT_ID, FEDERATE, PREFIX
from tests.cluster.api import Api, Json, Refused, a_namespace, api_of
from tests.cluster.controller.installed import (
    GROUP,
    RBAC,
    a_controller,
    allowed,
    apply,
    documents,
    install,
    kubeconfig_of,
    remove,
    until,
)

pytestmark = pytest.mark.cluster

AUDIENCE = "api://AzureADTokenExchange"


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Api]:
    with api_of(cluster) as found:
        install(found)
        yield found


@contextmanager
def a_policy(
    api: Api, file: str, within: str, refused: Callable[[], bool], **names: str
) -> Iterator[None]:
    """A policy of the chart for one namespace only; it is there when `refused` says so.

    The API server tells no event of when a policy begins to hold.
    """
    policy, binding = documents(file, **names)
    own = f"{policy['metadata']['name']}-{uuid.uuid4().hex[:6]}"
    policy["metadata"]["name"] = binding["metadata"]["name"] = own
    binding["spec"]["policyName"] = own
    labels = {"kubernetes.io/metadata.name": within}
    binding["spec"]["matchResources"] = {"namespaceSelector": {"matchLabels": labels}}
    with ExitStack() as after:
        for body in (policy, binding):
            apply(api, body)
            after.callback(remove, api, body)
        until(refused, f"{file} holds")
        yield


@pytest.fixture(scope="module")
def namespace(api: Api) -> Iterator[str]:
    """One in which annotations need grants."""
    with a_namespace(api, "policies") as name:
        probe = an_account("probe", {CLIENT_ID: str(uuid.uuid4())})
        with a_policy(
            api, "policy-annotation.yaml", name, lambda: refusal_of(api, name, probe) is not None
        ):
            yield name


def an_account(name: str, annotations: dict[str, str]) -> Json:
    return {"metadata": {"name": name, "annotations": annotations}}


def refusal_of(api: Api, namespace: str, account: Json) -> str | None:
    """Return the words in which a ServiceAccount is refused; None: it would be made."""
    return _forbidden(api, f"/api/v1/namespaces/{namespace}/serviceaccounts", account, dryRun="All")


def _forbidden(api: Api, path: str, body: Json, **params: str) -> str | None:
    answer = api.http.post(path, json=body, params=params)
    if answer.is_success:
        return None
    message: str = answer.json()["message"]
    assert answer.status_code == 403, message
    return message.partition("denied request: ")[2] or message


def question(namespace: str, account: str, client_id: str) -> Question:
    return Question(namespace, account, Verb.FEDERATE, client_id)


@pytest.fixture
def grant(api: Api) -> Iterator[Callable[[str, str, str], None]]:
    """Grants an identity to a ServiceAccount, until the test ends."""
    name = f"policies-{uuid.uuid4().hex[:8]}"
    with ExitStack() as after:

        def granted(namespace: str, account: str, *client_ids: str) -> None:
            role, binding = documents("example-grant.yaml")
            for body in (role, binding):
                body["metadata"]["name"] = f"{name}-{account}"
            role["rules"][0]["resourceNames"] = list(client_ids)
            binding["roleRef"]["name"] = f"{name}-{account}"
            binding["subjects"][0] |= {"namespace": namespace, "name": account}
            for body in (role, binding):
                apply(api, body)
                after.callback(remove, api, body)
            user = f"system:serviceaccount:{namespace}:{account}"
            until(
                lambda: all(
                    allowed(api, user, "federate", "identities", group=GROUP, name=one)
                    for one in client_ids
                ),
                "the grant holds",
            )

        yield granted


Grant = Callable[..., None]


def test_an_annotation_without_a_grant_is_refused_with_the_rule_to_ask_for(
    api: Api, namespace: str
) -> None:
    client_id = str(uuid.uuid4())
    words = refusal_of(api, namespace, an_account("web", {CLIENT_ID: client_id.upper()}))
    assert words == rule_for(question(namespace, "web", client_id))


def test_an_additional_identity_needs_a_grant_though_there_is_no_first_one(
    api: Api, namespace: str
) -> None:
    client_id = str(uuid.uuid4())
    words = refusal_of(api, namespace, an_account("web", {ADDITIONAL_CLIENT_IDS: client_id}))
    assert words == rule_for(question(namespace, "web", client_id))


def test_an_annotation_with_a_grant_is_taken_in_any_case_of_letters(
    api: Api, namespace: str, grant: Grant
) -> None:
    client_id = str(uuid.uuid4())
    grant(namespace, "web", client_id)
    assert refusal_of(api, namespace, an_account("web", {CLIENT_ID: client_id})) is None
    assert refusal_of(api, namespace, an_account("web", {CLIENT_ID: client_id.upper()})) is None
    assert refusal_of(api, namespace, an_account("other", {CLIENT_ID: client_id})) is not None


def test_a_binding_in_the_namespace_is_no_grant(api: Api, namespace: str) -> None:
    """Its admin can make one, for everything in it."""
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "all"}
    subject = {"kind": "ServiceAccount", "namespace": namespace, "name": "owner"}
    within = f"{RBAC}/namespaces/{namespace}"
    api.post(f"{within}/roles", {"metadata": {"name": "all"}, "rules": [everything]})
    binding = {"metadata": {"name": "all"}, "roleRef": reference, "subjects": [subject]}
    api.post(f"{within}/rolebindings", binding)
    user = f"system:serviceaccount:{namespace}:owner"
    until(
        lambda: allowed(api, user, "federate", "identities", group=GROUP, namespace=namespace),
        "the binding holds",
    )
    account = an_account("owner", {CLIENT_ID: str(uuid.uuid4())})
    assert refusal_of(api, namespace, account) is not None


@pytest.mark.parametrize("lacking", range(5))
def test_of_several_identities_the_one_that_is_not_granted_is_named(
    api: Api, namespace: str, grant: Grant, lacking: int
) -> None:
    """Five are as many as an API server lets one policy ask about."""
    ids = [str(uuid.uuid4()) for _ in range(5)]
    grant(namespace, f"many-{lacking}", *(one for one in ids if one != ids[lacking]))
    first, *more = ids
    annotations = {CLIENT_ID: first, ADDITIONAL_CLIENT_IDS: " ; ".join(more)}
    words = refusal_of(api, namespace, an_account(f"many-{lacking}", annotations))
    assert words == rule_for(question(namespace, f"many-{lacking}", ids[lacking]))


@pytest.mark.parametrize(
    "annotations",
    [
        {},
        {PREFIX + "identity-resource-id": "/subscriptions/x"},
        {CLIENT_ID: ""},
        {CLIENT_ID: "no client id, and never federated", ADDITIONAL_CLIENT_IDS: ";"},
        {CLIENT_ID: str(uuid.uuid4()), FEDERATE: "False"},
    ],
)
def test_what_names_no_identity_to_be_federated_is_taken(
    api: Api, namespace: str, annotations: dict[str, str]
) -> None:
    assert refusal_of(api, namespace, an_account("web", annotations)) is None


def test_only_what_a_change_adds_is_asked_about(api: Api, namespace: str, grant: Grant) -> None:
    """So that a withdrawn grant does not keep people from changing anything else."""
    had, new, opted = (str(uuid.uuid4()) for _ in range(3))
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    api.post(accounts, an_account("out", {CLIENT_ID: opted, FEDERATE: "false"}))
    with pytest.raises(Refused, match=opted):
        api.merge(f"{accounts}/out", {"metadata": {"annotations": {FEDERATE: None}}})
    grant(namespace, "kept", had)
    api.post(accounts, an_account("kept", {CLIENT_ID: had}))
    grant(namespace, "kept", new)
    user = f"system:serviceaccount:{namespace}:kept"
    until(
        lambda: not allowed(api, user, "federate", "identities", group=GROUP, name=had),
        "the grant is withdrawn",
    )
    api.merge(f"{accounts}/kept", {"metadata": {"annotations": {ADDITIONAL_CLIENT_IDS: new}}})
    with pytest.raises(Refused, match=opted):
        api.merge(f"{accounts}/kept", {"metadata": {"annotations": {CLIENT_ID: opted}}})
    api.merge(f"{accounts}/kept", {"metadata": {"annotations": {CLIENT_ID: None}}})


@pytest.fixture(scope="module")
def prober(
    cluster: Cluster, api: Api, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Api, str]]:
    """A controller that may request tokens, under its policy, and a namespace that it probes."""
    folder = tmp_path_factory.mktemp("prober")
    with (
        a_namespace(api, "prober") as own,
        a_namespace(api, "probed") as probed,
        a_controller(api, own, probed=(probed,)) as user,
        api_of(cluster, kubeconfig_of(cluster, api, user, folder)) as controller,
    ):
        names = {"namespace": own, "name": user.rpartition(":")[2]}
        odd = {"audiences": ["other"], "expirationSeconds": 600}
        with a_policy(
            api,
            "policy-probe.yaml",
            probed,
            lambda: refusal_of_token(controller, probed, odd) is not None,
            **names,
        ):
            yield controller, probed


def refusal_of_token(api: Api, namespace: str, spec: Json) -> str | None:
    """Return the words in which a token of the account `default` is refused; None: it is made."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    return _forbidden(api, path, {"spec": spec})


def test_the_controller_may_request_the_token_that_proves_a_credential(
    prober: tuple[Api, str],
) -> None:
    api, probed = prober
    assert (
        refusal_of_token(api, probed, {"audiences": [AUDIENCE], "expirationSeconds": 600}) is None
    )


@pytest.mark.parametrize("audiences", [None, [], ["other"], [AUDIENCE, "other"], [AUDIENCE + "x"]])
def test_no_other_audience(prober: tuple[Api, str], audiences: list[str] | None) -> None:
    api, probed = prober
    spec = {"audiences": audiences, "expirationSeconds": 600}
    words = f"the controller may request tokens for the audience {AUDIENCE} only"
    assert refusal_of_token(api, probed, spec) == words


@pytest.mark.parametrize("seconds", [None, 601, 3600])
def test_no_longer_life(prober: tuple[Api, str], seconds: int | None) -> None:
    api, probed = prober
    spec = {"audiences": [AUDIENCE], "expirationSeconds": seconds}
    words = "the controller may request tokens that live 600 seconds only"
    assert refusal_of_token(api, probed, spec) == words


def test_others_request_what_they_may(api: Api, prober: tuple[Api, str]) -> None:
    """Kubelets, say: the policy is about the controller alone."""
    assert refusal_of_token(api, prober[1], {"audiences": ["other"]}) is None


def test_no_token_of_kube_system_whatever_rights_it_has(
    cluster: Cluster, api: Api, tmp_path: Path
) -> None:
    """Without the policy the same request is answered by a token."""
    good = {"audiences": [AUDIENCE], "expirationSeconds": 600}
    folder = tmp_path
    with (
        a_namespace(api, "prober") as own,
        a_controller(api, own, probed=("kube-system",)) as user,
        api_of(cluster, kubeconfig_of(cluster, api, user, folder)) as controller,
    ):
        assert refusal_of_token(controller, "kube-system", good) is None
        names = {"namespace": own, "name": user.rpartition(":")[2]}
        with a_policy(
            api,
            "policy-probe.yaml",
            "kube-system",
            lambda: refusal_of_token(controller, "kube-system", good) is not None,
            **names,
        ):
            words = "the controller may not request tokens of ServiceAccounts in kube-system"
            assert refusal_of_token(controller, "kube-system", good) == words
