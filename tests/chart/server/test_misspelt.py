"""What the policies on misspelt annotations say to whoever writes them, on a real API server."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from identity.names import ACCOUNT_ANNOTATIONS, POD_ANNOTATIONS, PREFIX, USE
from tests.chart.helm import template
from tests.cluster.api import Api, Json, a_namespace, warnings_of
from tests.cluster.controller.installed import apply, remove, until

pytestmark = pytest.mark.cluster

POLICIES = ("azwi-misspelt-annotations", "azwi-misspelt-account-annotations")
TEMPLATE = "spec.template.metadata."
NOTHING = "means nothing on a pod"
ONLY_TRUE = 'pods get an identity by "true" only, in small letters'
GROUPS = {
    **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"), "apps"),
    **dict.fromkeys(("Job", "CronJob"), "batch"),
}
KINDS = list(GROUPS)


@pytest.fixture(scope="module")
def namespace(api: Api) -> Iterator[str]:
    """One in which the chart's policies hold: nothing else of the cluster hears of them."""
    values = {
        "azureTenantID": str(uuid.uuid4()),
        "policies": {"misspeltAnnotations": {"enabled": True}},
    }
    bodies = [body for body in template(values=values) if body["metadata"]["name"] in POLICIES]
    assert len(bodies) == 4
    with a_namespace(api, "misspelt") as name, ExitStack() as after:
        for body in bodies:
            if body["kind"].endswith("Binding"):
                labels = {"kubernetes.io/metadata.name": name}
                body["spec"]["matchResources"] = {"namespaceSelector": {"matchLabels": labels}}
            apply(api, body)
            after.callback(remove, api, body)
        until(lambda: said_of_account(api, name, {"use": "true"}), "the account policy holds")
        until(lambda: said(api, name, a_workload(labels={USE: "yes"})), "the workload policy holds")
        yield name


def a_workload(
    kind: str = "Deployment",
    *,
    annotations: Json | None = None,
    labels: Json | None = None,
    own: Json | None = None,
) -> Json:
    """A workload whose pods have annotations and labels; `own` is more of its own metadata."""
    template: Json = {
        "metadata": {"labels": {"app": "web", **(labels or {})}, "annotations": annotations or {}},
        "spec": {"containers": [{"name": "app", "image": "registry.example/app:1"}]},
    }
    spec: Json = {"template": template}
    if GROUPS[kind] == "apps":
        spec["selector"] = {"matchLabels": {"app": "web"}}
    else:
        template["spec"]["restartPolicy"] = "Never"
    if kind == "StatefulSet":
        spec["serviceName"] = "web"
    if kind == "CronJob":
        spec = {"schedule": "0 * * * *", "jobTemplate": {"spec": spec}}
    return {
        "apiVersion": f"{GROUPS[kind]}/v1",
        "kind": kind,
        "metadata": {"name": f"web-{uuid.uuid4().hex[:6]}", **(own or {})},
        "spec": spec,
    }


def said(api: Api, namespace: str, body: Json) -> list[str]:
    """Create a workload as a dry run, which has to be let in; return what was said of it."""
    path = f"/apis/{body['apiVersion']}/namespaces/{namespace}/{body['kind'].lower()}s"
    return _said(api, path, body)


def said_of_account(
    api: Api, namespace: str, annotations: Json, labels: Json | None = None
) -> list[str]:
    """The same of a ServiceAccount; keys get our prefix where they have none."""
    metadata = {
        "name": "web",
        "annotations": prefixed(annotations),
        "labels": prefixed(labels or {}),
    }
    return _said(api, f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": metadata})


def _said(api: Api, path: str, body: Json) -> list[str]:
    answer = api.http.post(path, json=body, params={"dryRun": "All"})
    assert answer.is_success, answer.text
    return [words.partition("': ")[2] or words for words in warnings_of(answer)]


def prefixed(names: Json) -> Json:
    return {name if "/" in name else PREFIX + name: value for name, value in names.items()}


def on_pods(api: Api, namespace: str, **annotations: str) -> list[str]:
    written = prefixed({name.replace("_", "-"): value for name, value in annotations.items()})
    return said(api, namespace, a_workload(annotations=written))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_said_of_what_is_written_well(api: Api, namespace: str, kind: str) -> None:
    annotations = {**dict.fromkeys(POD_ANNOTATIONS, "x"), USE + "-proxy": "true"}
    everything = a_workload(kind, annotations=annotations, labels={USE: "true"})
    assert said(api, namespace, everything) == []
    assert said(api, namespace, a_workload(kind)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_annotation_is_told_with_what_may_be_meant(
    api: Api, namespace: str, kind: str
) -> None:
    body = a_workload(kind, annotations={PREFIX + "skip-container": "x"})
    path = "spec.jobTemplate." + TEMPLATE if kind == "CronJob" else TEMPLATE
    assert said(api, namespace, body) == [
        f"{path}annotations: {PREFIX}skip-container {NOTHING}; is skip-containers meant?"
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Skip-Containers", "skip-containers"),
        ("skip_containers", "skip-containers"),
        ("skipcontainers", "skip-containers"),
        ("inject-proxy", "inject-proxy-sidecar"),
        ("proxy-port", "proxy-redirect or proxy-sidecar-port"),
        ("sidecar-port", "proxy-sidecar-port"),
        ("token-expiration", "service-account-token-expiration"),
        ("clientid", "client-id of the ServiceAccount"),
    ],
)
def test_what_is_near_is_found(api: Api, namespace: str, written: str, meant: str) -> None:
    assert said(api, namespace, a_workload(annotations={PREFIX + written: "x"})) == [
        f"{TEMPLATE}annotations: {PREFIX}{written} means nothing on a pod; is {meant} meant?"
    ]


def test_where_nothing_is_near_all_are_told(api: Api, namespace: str) -> None:
    known = ", ".join(sorted(name.removeprefix(PREFIX) for name in POD_ANNOTATIONS))
    assert on_pods(api, namespace, x="1") == [
        f"{TEMPLATE}annotations: {PREFIX}x means nothing on a pod; known are {known}"
    ]


@pytest.mark.parametrize("name", sorted(ACCOUNT_ANNOTATIONS - POD_ANNOTATIONS))
def test_an_annotation_of_the_account_belongs_there(api: Api, namespace: str, name: str) -> None:
    assert said(api, namespace, a_workload(annotations={name: "x"})) == [
        f"{TEMPLATE}annotations: {name} means nothing on a pod; it goes on the ServiceAccount"
    ]


def test_use_among_the_annotations_is_a_label(api: Api, namespace: str) -> None:
    assert on_pods(api, namespace, use="true") == [
        f"{TEMPLATE}annotations: {USE} means nothing on a pod; it is a label: {TEMPLATE}labels"
    ]


def test_of_several_the_first_is_named(api: Api, namespace: str) -> None:
    (words,) = on_pods(api, namespace, zebra="1", skip="1", use="true")
    assert words.startswith(f"{TEMPLATE}annotations: {PREFIX}skip means nothing")
    assert words.endswith("is skip-containers meant? (and 2 more)")


@pytest.mark.parametrize("value", ["True", "yes", "1", ""])
def test_any_value_of_the_label_but_true_gives_no_identity(
    api: Api, namespace: str, value: str
) -> None:
    assert said(api, namespace, a_workload(labels={USE: value})) == [
        f'{TEMPLATE}labels: {USE} is "{value}"; {ONLY_TRUE}'
    ]


def test_false_is_meant_as_it_is_written(api: Api, namespace: str) -> None:
    assert said(api, namespace, a_workload(labels={USE: "false"})) == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("skip-containers", "it is an annotation"),
        ("client-id", "it is an annotation of the ServiceAccount"),
        ("used", f"the one label is {USE}"),
    ],
)
def test_an_unknown_label_is_told(api: Api, namespace: str, name: str, hint: str) -> None:
    assert said(api, namespace, a_workload(labels={PREFIX + name: "x"})) == [
        f"{TEMPLATE}labels: {PREFIX}{name} means nothing; {hint}"
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_label_on_the_workload_alone_does_nothing(api: Api, namespace: str, kind: str) -> None:
    path = "spec.jobTemplate." + TEMPLATE if kind == "CronJob" else TEMPLATE
    assert said(api, namespace, a_workload(kind, own={"labels": {USE: "true"}})) == [
        f"metadata.labels: {USE} is not on the pods; put it under {path}labels"
    ]


def test_the_label_on_the_job_between_does_nothing(api: Api, namespace: str) -> None:
    body = a_workload("CronJob")
    body["spec"]["jobTemplate"]["metadata"] = {"labels": {USE: "true"}}
    assert said(api, namespace, body) == [
        f"metadata.labels: {USE} is not on the pods; put it under spec.jobTemplate.{TEMPLATE}labels"
    ]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("skip-containers", f"put it under {TEMPLATE}annotations"),
        ("service-account-token-expiration", f"put it under {TEMPLATE}annotations"),
        ("client-id", "it goes on the ServiceAccount"),
        ("use", f"it is a label: {TEMPLATE}labels"),
    ],
)
def test_an_annotation_on_the_workload_alone_does_nothing(
    api: Api, namespace: str, name: str, hint: str
) -> None:
    own = {"annotations": {PREFIX + name: "true"}}
    assert said(api, namespace, a_workload(own=own)) == [
        f"metadata.annotations: {PREFIX}{name} is not on the pods; {hint}"
    ]


def test_what_is_on_both_is_right(api: Api, namespace: str) -> None:
    """As kustomize's commonLabels write it."""
    annotations, labels = {PREFIX + "skip-containers": "x"}, {USE: "true"}
    own = {"annotations": annotations, "labels": labels}
    body = a_workload(annotations=annotations, labels=labels, own=own)
    assert said(api, namespace, body) == []


@pytest.mark.parametrize(
    "key",
    [
        "azure.workload.identity.io/use",
        "azure-workload-identity/use",
        "azure.workload.identiy/use",
        "azure.workloadidentity/use",
        "workload-identity.azure.com/use",
    ],
)
def test_a_prefix_that_is_almost_ours_is_told(api: Api, namespace: str, key: str) -> None:
    words = [f"{key} means nothing; is {USE} meant?"]
    assert said(api, namespace, a_workload(labels={key: "true"})) == words
    assert said(api, namespace, a_workload(own={"labels": {key: "true"}})) == words


@pytest.mark.parametrize(
    "key",
    ["azure-workload-identity.io/system", "workload.example/use", "identity.example/use", "use"],
)
def test_what_is_somebody_elses_is_left_alone(api: Api, namespace: str, key: str) -> None:
    assert said(api, namespace, a_workload(labels={key: "true"})) == []


def test_what_a_controller_makes_is_told_of_its_owner_only(api: Api, namespace: str) -> None:
    owner = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "web",
        "uid": str(uuid.uuid4()),
        "controller": True,
    }
    own = {"ownerReferences": [owner]}
    assert said(api, namespace, a_workload("ReplicaSet", labels={USE: "yes"}, own=own)) == []
    own["ownerReferences"][0]["controller"] = False
    assert len(said(api, namespace, a_workload("ReplicaSet", labels={USE: "yes"}, own=own))) == 1


def test_a_change_is_told_as_well(api: Api, namespace: str) -> None:
    body = a_workload()
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    api.post(path, body)
    answer = api.http.patch(
        f"{path}/{body['metadata']['name']}",
        json={"spec": {"template": {"metadata": {"annotations": {USE: "true"}}}}},
        headers={"Content-Type": "application/merge-patch+json"},
    )
    assert answer.is_success
    assert len(warnings_of(answer)) == 1


@pytest.mark.parametrize("size", [100, 2_900])
def test_the_largest_objects_are_let_in_and_told_of(api: Api, namespace: str, size: int) -> None:
    """The API server takes 256 KiB of annotations, and lets an expression cost only so much."""
    many = {f"{PREFIX}skip-{number:058}": "" for number in range(size - 1)}
    body = a_workload(annotations={**many, PREFIX + "skip": ""}, own={"annotations": many})
    assert said(api, namespace, body)[0].endswith(
        f"is skip-containers meant? (and {size - 1} more)"
    )


class TestAServiceAccount:
    def test_that_is_written_well(self, api: Api, namespace: str) -> None:
        everything = dict.fromkeys(ACCOUNT_ANNOTATIONS, "x")
        assert (
            said_of_account(api, namespace, everything, {"use": "true", "example/app": "web"}) == []
        )

    @pytest.mark.parametrize(
        ("written", "hint"),
        [
            ("clientid", "; is client-id meant?"),
            ("Client_Id", "; is client-id meant?"),
            ("tenant", "; is tenant-id meant?"),
            ("client-ids", "; is additional-client-ids or client-id meant?"),
            ("skip-containers", "; it goes on the pods"),
            ("use-proxy", "; it goes on the pods"),
            ("use", "; it is a label of pods"),
        ],
    )
    def test_with_an_unknown_annotation(
        self, api: Api, namespace: str, written: str, hint: str
    ) -> None:
        assert said_of_account(api, namespace, {written: "x"}) == [
            f"metadata.annotations: {PREFIX}{written} means nothing on a ServiceAccount{hint}"
        ]

    def test_with_one_that_is_like_no_other(self, api: Api, namespace: str) -> None:
        known = ", ".join(sorted(name.removeprefix(PREFIX) for name in ACCOUNT_ANNOTATIONS))
        (words,) = said_of_account(api, namespace, {"x": "1", "y": "2"})
        assert words.endswith(f"known are {known} (and 1 more)")

    def test_whose_annotation_is_a_label(self, api: Api, namespace: str) -> None:
        assert said_of_account(api, namespace, {}, {"client-id": "x"}) == [
            f"metadata.labels: {PREFIX}client-id means nothing; it is an annotation"
        ]

    def test_with_another_prefix(self, api: Api, namespace: str) -> None:
        key = "azure.workload.identity.io/client-id"
        assert said_of_account(api, namespace, {key: "x"}) == [
            f"{key} means nothing; is {PREFIX}client-id meant?"
        ]
