"""What counts as a grant, as a real API server decides it; and that our words lead to one."""

import json
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
import yaml

from controller.grants import Grants, Question, Verb, Verdict, manifest_for, rule_for
from controller.kube import Kube
from controller.kube.kubeconfig import from_kubeconfig
from hack.cluster import Cluster
from tests.cluster.api import Api, Json, a_namespace, api_of

pytestmark = pytest.mark.cluster

RBAC = "/apis/rbac.authorization.k8s.io/v1"
RULE = {
    "apiGroups": ["azure.workload.identity"],
    "resources": ["identities"],
    "verbs": ["federate"],
}
EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Api]:
    with api_of(cluster) as found:
        yield found


@pytest.fixture
def namespace(api: Api) -> Iterator[str]:
    with a_namespace(api, "grants") as name:
        yield name


@pytest.fixture
def client_id() -> str:
    return str(uuid.uuid4())


@pytest.fixture
async def grants(cluster: Cluster) -> AsyncIterator[Grants]:
    async with Kube(from_kubeconfig(cluster.kubeconfig)) as kube:
        yield Grants(kube, kept=0.0, apart=0.0)


class Rbac:
    """Roles and bindings of one test; gone after it."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.name = f"grants-{uuid.uuid4().hex[:8]}"

    def role(self, *rules: Json) -> None:
        body = {"metadata": {"name": self.name}, "rules": list(rules)}
        self.api.post(f"{RBAC}/clusterroles", body)

    def bind(self, *subjects: Json, role: str = "") -> None:
        self.api.post(f"{RBAC}/clusterrolebindings", self.binding(*subjects, role=role))

    def binding(self, *subjects: Json, role: str = "", kind: str = "ClusterRole") -> Json:
        reference = {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": kind,
            "name": role or self.name,
        }
        return {
            "metadata": {"name": self.name},
            "roleRef": reference,
            "subjects": list(subjects),
        }

    def unbind(self) -> None:
        self.api.delete(f"{RBAC}/clusterrolebindings/{self.name}")

    def clear(self) -> None:
        for plural in ("clusterrolebindings", "clusterroles"):
            self.api.http.delete(f"{RBAC}/{plural}/{self.name}")


@pytest.fixture
def rbac(api: Api) -> Iterator[Rbac]:
    found = Rbac(api)
    yield found
    found.clear()


def account(namespace: str, name: str = "payments") -> Json:
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}


def group(name: str) -> Json:
    return {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": name}


async def verdict(grants: Grants, question: Question) -> Verdict:
    return (await grants.check(question)).verdict


async def becomes(grants: Grants, question: Question, *, granted: bool) -> None:
    """Ask until the API server's own view of RBAC has followed its storage: a moment."""
    for _ in range(2000):
        found = await grants.check(question)
        assert found.verdict is not Verdict.UNKNOWN, found.error
        if (found.verdict is Verdict.GRANTED) is granted:
            return
    raise AssertionError(f"{question} did not become {granted=}")


async def stays_denied(grants: Grants, question: Question, rbac: Rbac, namespace: str) -> None:
    """Tell whether it is denied once the API server surely knows what was written before."""
    beacon = Question(namespace, "beacon", Verb.FEDERATE, str(uuid.uuid4()))
    name = f"{rbac.name}-beacon"
    rule = {**RULE, "resourceNames": [beacon.client_id]}
    marker = Rbac(rbac.api)
    marker.name = name
    marker.role(rule)
    marker.bind(account(namespace, "beacon"))
    try:
        await becomes(grants, beacon, granted=True)
        assert await verdict(grants, question) in {Verdict.DOUBTED, Verdict.DENIED}
    finally:
        marker.clear()


async def test_without_a_grant_a_service_account_has_none(
    grants: Grants, namespace: str, client_id: str
) -> None:
    for verb in Verb:
        question = Question(namespace, "payments", verb, client_id)
        assert await verdict(grants, question) is Verdict.DOUBTED
        assert await verdict(grants, question) is Verdict.DENIED


async def test_a_binding_grants_one_identity_one_verb_and_one_account(
    grants: Grants, rbac: Rbac, namespace: str, client_id: str
) -> None:
    rbac.role({**RULE, "resourceNames": [client_id]})
    rbac.bind(account(namespace))
    question = Question(namespace, "payments", Verb.FEDERATE, client_id)
    await becomes(grants, question, granted=True)
    others = (
        Question(namespace, "payments", Verb.FEDERATE, str(uuid.uuid4())),
        Question(namespace, "payments", Verb.RETAIN, client_id),
        Question(namespace, "payments", Verb.FEDERATE_EXTERNAL, client_id),
        Question(namespace, "default", Verb.FEDERATE, client_id),
        Question("default", "payments", Verb.FEDERATE, client_id),
        Question(namespace, "", Verb.FEDERATE, client_id),
    )
    for other in others:
        assert await verdict(grants, other) is Verdict.DOUBTED, other


async def test_everything_in_ones_namespace_grants_nothing(
    grants: Grants, api: Api, rbac: Rbac, namespace: str, client_id: str
) -> None:
    own = f"{RBAC}/namespaces/{namespace}"
    rbac.role({**RULE, "resourceNames": [client_id]})
    api.post(f"{own}/roles", {"metadata": {"name": "all"}, "rules": [EVERYTHING]})
    bindings = (
        rbac.binding(account(namespace), role="all", kind="Role"),
        rbac.binding(account(namespace)),
        rbac.binding(account(namespace), role="cluster-admin"),
        rbac.binding(group(f"system:serviceaccounts:{namespace}"), role="cluster-admin"),
    )
    for number, binding in enumerate(bindings):
        binding["metadata"]["name"] = f"b{number}"
        api.post(f"{own}/rolebindings", binding)
    for question in (
        Question(namespace, "payments", Verb.FEDERATE, client_id),
        Question(namespace, "payments", Verb.RETAIN, client_id),
        Question(namespace, "", Verb.FEDERATE_EXTERNAL, client_id),
    ):
        await stays_denied(grants, question, rbac, namespace)


async def test_a_rule_without_resource_names_grants_every_identity(
    grants: Grants, rbac: Rbac, namespace: str, client_id: str
) -> None:
    rbac.role({**RULE, "resourceNames": []})
    rbac.bind(account(namespace))
    for wanted in (client_id, str(uuid.uuid4())):
        question = Question(namespace, "payments", Verb.FEDERATE, wanted)
        await becomes(grants, question, granted=True)


async def test_a_client_id_in_capitals_grants_nothing(
    grants: Grants, rbac: Rbac, namespace: str
) -> None:
    client_id = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
    rbac.role({**RULE, "resourceNames": [client_id.upper()]})
    rbac.bind(account(namespace))
    question = Question(namespace, "payments", Verb.FEDERATE, client_id)
    await stays_denied(grants, question, rbac, namespace)


async def test_cluster_admin_passes_every_check(
    grants: Grants, rbac: Rbac, namespace: str, client_id: str
) -> None:
    rbac.bind(account(namespace), role="cluster-admin")
    for verb in Verb:
        question = Question(namespace, "payments", verb, client_id)
        await becomes(grants, question, granted=True)


@pytest.mark.parametrize(
    "name", ["system:serviceaccounts", "system:serviceaccounts:{namespace}", "system:authenticated"]
)
async def test_a_grant_to_a_group_of_the_account_counts(
    grants: Grants, rbac: Rbac, namespace: str, client_id: str, name: str
) -> None:
    rbac.role({**RULE, "resourceNames": [client_id]})
    rbac.bind(group(name.format(namespace=namespace)))
    await becomes(grants, Question(namespace, "payments", Verb.FEDERATE, client_id), granted=True)


async def test_a_namespace_is_granted_by_its_own_group_only(
    grants: Grants, rbac: Rbac, namespace: str, client_id: str
) -> None:
    rbac.role({**RULE, "verbs": ["federate-external"], "resourceNames": [client_id]})
    question = Question(namespace, "", Verb.FEDERATE_EXTERNAL, client_id)
    rbac.bind(group("system:authenticated"), group("system:serviceaccounts"), account(namespace))
    await stays_denied(grants, question, rbac, namespace)
    rbac.unbind()
    rbac.bind(group(f"system:serviceaccounts:{namespace}"))
    await becomes(grants, question, granted=True)


async def test_a_binding_made_anew_clears_the_denial(
    grants: Grants, rbac: Rbac, namespace: str, client_id: str
) -> None:
    question = Question(namespace, "payments", Verb.FEDERATE, client_id)
    rbac.role({**RULE, "resourceNames": [client_id]})
    rbac.bind(account(namespace))
    await becomes(grants, question, granted=True)
    rbac.unbind()
    await becomes(grants, question, granted=False)
    assert grants.again_in(question) is not None
    rbac.bind(account(namespace))
    await becomes(grants, question, granted=True)
    assert grants.again_in(question) is None


async def test_a_binding_whose_role_is_gone_is_a_denial_and_no_error(
    grants: Grants, api: Api, rbac: Rbac, namespace: str, client_id: str
) -> None:
    question = Question(namespace, "payments", Verb.FEDERATE, client_id)
    rbac.role({**RULE, "resourceNames": [client_id]})
    rbac.bind(account(namespace))
    await becomes(grants, question, granted=True)
    api.delete(f"{RBAC}/clusterroles/{rbac.name}")
    await becomes(grants, question, granted=False)


async def test_who_may_not_ask_is_told_nothing(cluster: Cluster, client_id: str) -> None:
    kubeconfig = cluster.kubeconfig_for("nobody-of-note")
    async with Kube(from_kubeconfig(kubeconfig)) as kube:
        found = await Grants(kube).check(Question("default", "default", Verb.FEDERATE, client_id))
    assert found.verdict is Verdict.UNKNOWN
    assert "nobody-of-note" in found.error


class Kubectl:
    """The real one, as an administrator uses it."""

    def __init__(self, cluster: Cluster) -> None:
        self.program = cluster.kubectl()
        self.kubeconfig = cluster.kubeconfig

    def __call__(self, *words: str, typed: str = "") -> str:
        done = subprocess.run(
            [self.program, f"--kubeconfig={self.kubeconfig}", *words],
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def kubectl(cluster: Cluster) -> Kubectl:
    return Kubectl(cluster)


def questions(namespace: str, client_id: str) -> list[Question]:
    return [
        Question(namespace, "payments", Verb.FEDERATE, client_id),
        Question(namespace, "a" * 253, Verb.RETAIN, client_id),
        Question(namespace, "", Verb.FEDERATE_EXTERNAL, client_id),
        Question(namespace, "", Verb.RETAIN, client_id),
    ]


async def test_what_the_sentence_says_makes_the_check_pass(
    grants: Grants, kubectl: Kubectl, rbac: Rbac, namespace: str, client_id: str
) -> None:
    for question in questions(namespace, client_id):
        assert await verdict(grants, question) is Verdict.DOUBTED
        sentence = rule_for(question)
        rule, subject = _objects_in(sentence)
        role = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": rbac.name},
            "rules": [rule],
        }
        kubectl("apply", "-f", "-", typed=json.dumps(role))
        to = (
            f"--serviceaccount={subject['namespace']}:{subject['name']}"
            if subject["kind"] == "ServiceAccount"
            else f"--group={subject['name']}"
        )
        kubectl("create", "clusterrolebinding", rbac.name, f"--clusterrole={rbac.name}", to)
        await becomes(grants, question, granted=True)
        rbac.clear()


def _objects_in(sentence: str) -> list[Json]:
    """The pieces of JSON that a sentence holds."""
    found, at = [], 0
    while (at := sentence.find("{", at)) >= 0:
        piece, length = json.JSONDecoder().raw_decode(sentence[at:])
        found.append(piece)
        at += length
    return found


async def test_the_manifest_applied_makes_the_check_pass(
    grants: Grants, kubectl: Kubectl, namespace: str, client_id: str
) -> None:
    for question in questions(namespace, client_id):
        assert await verdict(grants, question) is Verdict.DOUBTED
        manifest = manifest_for(question)
        kubectl("apply", "-f", "-", typed=manifest)
        try:
            await becomes(grants, question, granted=True)
        finally:
            kubectl("delete", "-f", "-", typed=manifest)
        assert len(list(yaml.safe_load_all(manifest))) == 2
