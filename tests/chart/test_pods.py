"""The pods of the webhook and the controller: restricted, quoted, and with what values ask for."""

from typing import Any, Final

import pytest

from tests.chart.helm import Json
from tests.chart.rendering import (
    CLIENT,
    CONTROLLED,
    CONTROLLER,
    WEBHOOK,
    at,
    container_of,
    controller,
    merged,
    pod_of,
    rendered,
    webhook,
    with_hooks,
)

DIGEST: Final = "sha256:" + "0123456789abcdef" * 4
NASTY: Final = "a: {b} # c\n- d: \"e\" 'f' <g> \\ {{ .Values }} \u00e9 \U0001f600"
"""What would be other YAML, or a template, if it stood there as it is."""

EVERY_POD: Final[Json] = {
    "controller": merged(CONTROLLED, {"onUninstall": {"removeCredentials": True}})
}


def pods() -> dict[str, Json]:
    found = with_hooks(EVERY_POD)
    specs = {name: at(one, "spec.template.spec") or one["spec"] for name, one in found.items()
             if one["kind"] in {"Deployment", "Job", "Pod"}}  # fmt: skip
    assert {WEBHOOK, CONTROLLER} < specs.keys()
    return specs


@pytest.mark.parametrize("name", pods())
def test_every_pod_is_restricted_and_writes_nowhere(name: str) -> None:
    """Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted."""
    pod = pods()[name]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert all(set(volume) & ALLOWED_VOLUMES for volume in pod.get("volumes", []))
    for container in pod["containers"]:
        security = container["securityContext"]
        whole = pod.get("securityContext", {}) | security
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["readOnlyRootFilesystem"] is True
        assert whole["runAsNonRoot"] is True
        assert whole["runAsUser"] == 65532
        assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not any("hostPort" in port for port in container.get("ports", []))


ALLOWED_VOLUMES: Final = {"configMap", "downwardAPI", "emptyDir", "projected", "secret"}


@pytest.mark.parametrize("name", [WEBHOOK, CONTROLLER])
def test_every_container_has_requests_and_a_memory_limit_but_none_of_cpu(name: str) -> None:
    resources = container_of(rendered(EVERY_POD)[name])["resources"]
    assert resources["requests"].keys() == {"cpu", "memory"}
    assert resources["limits"].keys() == {"memory"}


def test_the_sizes() -> None:
    assert container_of(webhook())["resources"] == {
        "requests": {"cpu": "100m", "memory": "80Mi"},
        "limits": {"memory": "256Mi"},
    }


def test_pods_mount_their_token_though_the_service_account_says_no() -> None:
    found = rendered({"serviceAccount": {"automountServiceAccountToken": False}})
    account = found["ServiceAccount/azure-wi-webhook-admin"]
    assert account["automountServiceAccountToken"] is False
    assert pod_of(found[WEBHOOK])["spec"]["automountServiceAccountToken"] is True
    assert "automountServiceAccountToken" not in rendered()["ServiceAccount/azure-wi-webhook-admin"]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({}, "registry.example/azwi/{}:0.1.0"),
        ({"release": "v2"}, "registry.example/azwi/{}:v2"),
        ({"digest": DIGEST, "release": "v2"}, "registry.example/azwi/{}@" + DIGEST),
        ({"repository": "localhost:5000/a"}, "localhost:5000/a:0.1.0"),
    ],
)
def test_a_digest_wins_over_the_tag(image: Json, expected: str) -> None:
    assert container_of(webhook({"image": image}))["image"] == expected.format("webhook")
    assert container_of(controller({"image": image}))["image"] == expected.format("controller")


def test_the_proxys_images_have_digests_too() -> None:
    image = {"image": {"digest": DIGEST}, "initImage": {"repository": ""}}
    data = rendered({"proxy": image})["ConfigMap/azure-wi-webhook-config"]["data"]
    assert data["PROXY_IMAGE"] == f"mcr.microsoft.com/oss/azure/workload-identity/proxy@{DIGEST}"
    assert "PROXY_INIT_IMAGE" not in data


def test_what_the_proxy_gets_is_handed_on_as_json() -> None:
    values = {
        "redirect": False,
        "resources": {"limits": {"memory": "64Mi"}},
        "securityContext": {"runAsUser": 1501},
    }
    data = rendered({"proxy": values})["ConfigMap/azure-wi-webhook-config"]["data"]
    assert data["PROXY_REDIRECT"] == "false"
    assert data["PROXY_RESOURCES"] == '{"limits":{"memory":"64Mi"}}'
    assert data["PROXY_SECURITY_CONTEXT"] == '{"runAsUser":1501}'
    assert "PROXY_INIT_RESOURCES" not in data


@pytest.mark.parametrize("name", [WEBHOOK, CONTROLLER])
def test_no_value_is_read_as_yaml_or_as_a_template(name: str) -> None:
    extras: Json = {
        "extraArgs": ["--x=" + NASTY],
        "extraEnv": [{"name": "NASTY", "value": NASTY}],
        "podAnnotations": {"nasty": NASTY},
        "priorityClassName": NASTY,
    }
    values = merged(extras, {"controller": merged(CONTROLLED, extras)})
    pod = pod_of(rendered(values)[name])
    (container,) = pod["spec"]["containers"]
    assert container["args"][-1] == "--x=" + NASTY
    assert container["env"][-1]["value"] == NASTY
    assert pod["metadata"]["annotations"]["nasty"] == NASTY
    assert pod["spec"]["priorityClassName"] == NASTY


def test_no_value_of_the_configuration_is_read_as_yaml() -> None:
    values = {"customTokenEndpoint": {"azureKubernetesCaData": NASTY}}
    data = rendered(values)["ConfigMap/azure-wi-webhook-config"]["data"]
    assert data["AZURE_KUBERNETES_CA_DATA"] == NASTY


def test_no_flag_is_read_as_yaml() -> None:
    values = {"customTokenEndpoint": {"annotationSuffix": NASTY, "audience": "own"}}
    arguments = container_of(webhook(values))["args"]
    assert "--custom-token-endpoint-annotation-suffix=" + NASTY in arguments


def test_large_numbers_stay_whole_numbers() -> None:
    found = webhook({"revisionHistoryLimit": 8800000, "replicaCount": 8800000})
    assert (found["spec"]["revisionHistoryLimit"], found["spec"]["replicas"]) == (8800000, 8800000)


@pytest.mark.parametrize("zero", ["0", 0])
def test_without_metrics_there_is_no_port_for_them(zero: str | int) -> None:
    for deployment in (webhook({"metricsAddr": zero}), controller({"metricsAddr": zero})):
        container = container_of(deployment)
        assert "--metrics-addr=0" in container["args"]
        assert "metrics" not in {port["name"] for port in container["ports"]}


def test_with_autoscaling_the_deployment_says_no_number() -> None:
    objects = rendered({"autoscaling": {"enabled": True, "maxReplicas": 9}})
    assert "replicas" not in objects[WEBHOOK]["spec"]
    scaler = objects["HorizontalPodAutoscaler/azure-wi-webhook-controller-manager"]["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 9)
    assert at(scaler, "metrics[0].resource.target.averageUtilization") == 80


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({}, 0),
        ({"hostNetwork": True}, 1),
        ({"hostNetwork": True, "replicaCount": 1}, 0),
        ({"hostNetwork": True, "replicaCount": 1, "autoscaling": {"enabled": True}}, 1),
    ],
)
def test_a_rollout_lacks_no_replica_but_on_the_nodes_network(values: Json, missing: int) -> None:
    """There, one more would need one more node."""
    found = webhook(values)["spec"]["strategy"]["rollingUpdate"]
    assert found == {"maxSurge": 1, "maxUnavailable": missing}


def test_on_the_nodes_network_the_clusters_names_are_still_found() -> None:
    pod = pod_of(webhook({"hostNetwork": True}))["spec"]
    assert (pod["hostNetwork"], pod["dnsPolicy"]) == (True, "ClusterFirstWithHostNet")
    assert "dnsPolicy" not in pod_of(webhook())["spec"]


def test_a_constraint_on_spreading_gets_the_pods_selector_unless_it_has_one() -> None:
    plain = {"maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}
    own = plain | {"labelSelector": {"matchLabels": {"a": "b"}}}
    found = webhook({"topologySpreadConstraints": [plain, own]})
    selector = found["spec"]["selector"]
    assert pod_of(found)["spec"]["topologySpreadConstraints"] == [
        plain | {"labelSelector": selector},
        own,
    ]


@pytest.mark.parametrize(
    ("values", "flag", "secret"),
    [
        ({}, "--token-file=/var/run/secrets/azwi/token/token", None),
        (
            {"signIn": "client-secret", "credentialsSecretName": "s"},
            "--client-secret-file=/var/run/secrets/azwi/credentials/client-secret",
            "s",
        ),
        (
            {"signIn": "certificate", "credentialsSecretName": "s"},
            "--certificate-file=/var/run/secrets/azwi/credentials/certificate.pem",
            "s",
        ),
        ({"signIn": "managed-identity"}, "--sign-in=managed-identity", None),
    ],
)
def test_the_controller_has_what_it_signs_in_with(
    values: Json, flag: str, secret: str | None
) -> None:
    deployment = controller(values)
    pod, container = pod_of(deployment)["spec"], container_of(deployment)
    assert flag in container["args"]
    volumes: dict[str, Any] = {one["name"]: one for one in pod.get("volumes", [])}
    assert at(volumes, "credentials.secret.secretName") == secret
    assert ("token" in volumes) == (not values)
    mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
    assert mounted == volumes.keys()


def test_the_controllers_token_is_for_the_audience() -> None:
    found = rendered({"audience": "api://Other", "controller": CONTROLLED})
    path = "spec.template.spec.volumes[0].projected.sources[0].serviceAccountToken"
    assert at(found[CONTROLLER], path) == {
        "audience": "api://Other",
        "expirationSeconds": 3600,
        "path": "token",
    }
    assert "--audience=api://Other" in container_of(found[CONTROLLER])["args"]
    assert "--audience=api://Other" in container_of(found[WEBHOOK])["args"]


def test_the_audience_is_in_the_probes_policy_as_well() -> None:
    values = {
        "audience": "api://Other",
        "controller": CONTROLLED | {"probe": {"namespaces": ["a"]}},
    }
    policy = str(rendered(values)["ValidatingAdmissionPolicy/azwi-controller-probe"])
    assert "'api://Other'" in policy
    assert "api://AzureADTokenExchange" not in policy


def test_grants_name_identities_in_lower_case_and_never_none() -> None:
    grant = {"namespace": "a", "serviceAccountName": "b", "clientIds": [CLIENT.upper(), CLIENT]}
    whole = {"namespace": "a", "allServiceAccounts": True, "allIdentities": True}
    objects = rendered({"grants": [grant, whole]})
    roles = [
        one for one in objects.values() if one["metadata"]["name"].startswith("azwi-grant-a-b-")
    ]
    role, binding = sorted(roles, key=lambda one: str(one["kind"]))
    assert role["rules"] == [
        {
            "apiGroups": ["azure.workload.identity"],
            "resources": ["identities"],
            "verbs": ["federate"],
            "resourceNames": [CLIENT],
        }
    ]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "namespace": "a", "name": "b"}]
    names = [name for name in objects if name.startswith("ClusterRoleBinding/azwi-grant-a-all-")]
    assert objects[names[0]]["subjects"] == [
        {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "Group",
            "name": "system:serviceaccounts:a",
        }
    ]


def test_a_change_of_the_configuration_restarts_the_pods() -> None:
    def checksum(values: Json) -> Any:
        return at(webhook(values), "spec.template.metadata.annotations[checksum/config]")

    assert checksum({}) != checksum({"azureEnvironment": "AzureChinaCloud"})
    assert checksum({}) == checksum({"replicaCount": 3})
