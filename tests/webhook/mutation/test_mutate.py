"""The decision as a whole: which ServiceAccount, which namespace, what is refused."""

from typing import Any

import pytest

from identity.names import VOLUME_PREFIX
from tests.builders import NAMESPACE, Json, a_config, a_container, a_pod, an_account
from tests.webhook.mutation.running import mutated, refusal
from webhook.mutation.mutate import account_name, mutate
from webhook.mutation.outcome import Injected, Refused
from webhook.mutation.podview import MOST_CONTAINERS, MOST_RESERVED


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ({"serviceAccountName": "web"}, "web"),
        ({}, "default"),
        ({"serviceAccountName": ""}, "default"),
        ({"serviceAccountName": None}, "default"),
        ({"serviceAccount": "old"}, "default"),
        ({"serviceAccount": "old", "serviceAccountName": "web"}, "web"),
        ({"serviceAccountName": 7}, "default"),
        (None, "default"),
        ([], "default"),
    ],
)
def test_the_service_account_is_the_one_named_or_default(spec: object, name: str) -> None:
    assert account_name({"spec": spec}) == name
    assert account_name({}) == "default"


@pytest.mark.parametrize(
    ("metadata", "after"),
    [
        ({"name": "web"}, {"name": "web", "namespace": "payments"}),
        ({"namespace": ""}, {"namespace": "payments"}),
        ({"namespace": None}, {"namespace": "payments"}),
        ({"namespace": "other"}, {"namespace": "other"}),
        ({}, {"namespace": "payments"}),
        (None, {"namespace": "payments"}),
    ],
)
def test_the_requests_namespace_is_added_where_there_is_none(
    metadata: Json | None, after: Json
) -> None:
    pod = {**a_pod(), "metadata": metadata}
    assert mutated(pod, namespace="payments").pod["metadata"] == after
    del pod["metadata"]
    assert mutated(pod, namespace="payments").pod["metadata"] == {"namespace": "payments"}


def test_without_a_namespace_of_the_request_none_is_added() -> None:
    pod = {"spec": a_pod()["spec"]}
    assert "metadata" not in mutated(pod, namespace="").pod


def test_a_pod_whose_identity_is_still_to_be_found_is_refused_with_what_to_wait_for() -> None:
    [fault] = refusal(a_pod(), account=an_account({"identity-resource-id": "/subscriptions/s"}))
    assert "ServiceAccount workload-sa" in fault
    assert "azure.workload.identity/identity-resource-id" in fault
    assert "client-id" in fault


def test_a_refusal_tells_everything_in_one_line() -> None:
    pod = a_pod(
        annotations={
            "inject-proxy-sidecar": "true",
            "proxy-sidecar-port": "0",
            "service-account-token-expiration": "1\n2",
        },
        hostNetwork=True,
    )
    outcome = mutate(pod, NAMESPACE, an_account({"identity-resource-id": "/s"}), a_config())
    assert isinstance(outcome, Refused)
    assert len(outcome.faults) == 4
    assert outcome.message == "; ".join(str(fault) for fault in outcome.faults)
    assert outcome.message.isprintable()


BAD_TYPES: list[tuple[str, Any]] = [
    ("spec: expected an object, found a string", {"spec": "x"}),
    ("spec: expected an object, found a list", {"spec": []}),
    ("spec: expected an object, found none", {"spec": None}),
    ("metadata: expected an object, found a list", {"metadata": []}),
    ("metadata.namespace: expected a string, found a number", {"metadata": {"namespace": 1}}),
    (
        "metadata.annotations: expected an object, found a list",
        {"metadata": {"annotations": ["a"]}},
    ),
    (
        "metadata.annotations: expected strings as values",
        {"metadata": {"annotations": {"a": True}}},
    ),
    (
        "metadata.annotations: expected strings as values",
        {"metadata": {"annotations": {"a": None}}},
    ),
    ("spec.hostNetwork: expected true or false, found a string", {"hostNetwork": "true"}),
    ("spec.hostNetwork: expected true or false, found a number", {"hostNetwork": 1}),
    (
        "spec.serviceAccountName: expected a string, found an object",
        {"serviceAccountName": {"a": 1}},
    ),
    ("spec.containers: expected a list, found an object", {"containers": {"name": "app"}}),
    ("spec.containers: expected objects with a name, a string", {"containers": ["app"]}),
    ("spec.containers: expected objects with a name, a string", {"containers": [{"image": "i"}]}),
    ("spec.containers: expected objects with a name, a string", {"containers": [{"name": None}]}),
    ("spec.initContainers: expected a list, found true or false", {"initContainers": True}),
    ("spec.volumes: expected objects with a name, a string", {"volumes": [None]}),
    (
        "spec.containers[1].env: expected a list, found a number",
        {"containers": [a_container(), a_container("b", env=0.5)]},
    ),
    (
        "spec.initContainers[0].env: expected objects with a name, a string",
        {"initContainers": [a_container("b", env=[{"value": "x"}])]},
    ),
    (
        "spec.containers[0].volumeMounts: expected a mountPath, a string, in each",
        {"containers": [a_container(volumeMounts=[{"name": "v", "mountPath": 1}])]},
    ),
]


@pytest.mark.parametrize(("fault", "change"), BAD_TYPES)
def test_a_wrong_type_is_refused_by_the_name_of_its_field(fault: str, change: Json) -> None:
    pod = a_pod(hostNetwork=False)
    if change.keys() <= {"spec", "metadata"}:
        pod |= change
    else:
        pod["spec"] |= change
    assert refusal(pod) == [fault]


def test_a_pod_without_containers_is_the_api_servers_to_refuse() -> None:
    assert mutated({"spec": {}}).pod["spec"].keys() == {"volumes"}


def test_outcomes_share_nothing_that_a_caller_could_spoil() -> None:
    pod, account, config = a_pod("app", "sidecar"), an_account(), a_config()
    first = mutate(pod, NAMESPACE, account, config)
    assert isinstance(first, Injected)
    first.operations.clear()
    first.warnings.append("x")  # type: ignore[arg-type]
    first.audit.clear()
    second = mutate(pod, NAMESPACE, account, config)
    assert isinstance(second, Injected)
    assert second.operations
    assert second.audit
    assert second.warnings == []


@pytest.mark.parametrize("key", ["containers", "initContainers"])
def test_more_containers_than_can_be_stored_are_refused_before_they_are_looked_at(key: str) -> None:
    containers = [a_container(f"c{index}", env=5) for index in range(MOST_CONTAINERS + 1)]
    pod = a_pod()
    pod["spec"][key] = containers
    assert refusal(pod) == [f"spec.{key}: expected at most 3000, found 3001"]


def test_as_many_containers_as_can_be_stored_get_their_identity() -> None:
    pod = mutated(a_pod(*(f"c{index}" for index in range(MOST_CONTAINERS)))).pod
    assert all(container["env"] for container in pod["spec"]["containers"])


def test_more_reserved_volumes_than_any_pass_leaves_are_refused() -> None:
    volumes = [{"name": f"{VOLUME_PREFIX}{index}"} for index in range(MOST_RESERVED + 1)]
    assert mutated(a_pod(volumes=volumes[1:])).operations
    assert refusal(a_pod(volumes=volumes)) == [
        "spec.volumes: expected at most 64 named azure-workload-identity-reserved-*, found 65"
    ]
