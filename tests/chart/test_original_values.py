"""Every value of the original's chart (1.6.0), and where it is seen."""

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.chart.helm import Json, template
from tests.chart.rendering import (
    CONFIGURATION,
    TENANT,
    WEBHOOK,
    at,
    faults_of,
    merged,
    rendered,
)

ORIGINAL: Final[Json] = yaml.safe_load(
    (Path(__file__).parent / "original" / "values.yaml").read_text("utf-8")
)
OF_ITS_RELEASE: Final = merged(
    {key: value for key, value in ORIGINAL.items() if value is not None},
    {"azureTenantID": TENANT},
)
"""What Helm hands to the new chart with --reuse-values: these values, and none of ours."""
FITTING: Final[Json] = {
    "image": {"repository": "registry.example/azwi/webhook", "release": ""},
    "resources": {"limits": {"memory": "256Mi"}},
}

ACCOUNT: Final = "ServiceAccount/azure-wi-webhook-admin"
SERVICE: Final = "Service/azure-wi-webhook-webhook-service"
BUDGET: Final = "PodDisruptionBudget/azure-wi-webhook-controller-manager"
CONFIG: Final = "ConfigMap/azure-wi-webhook-config"
POD: Final = "spec.template.spec"
CONTAINER: Final = POD + ".containers[0]"
ARGS: Final = CONTAINER + ".args"
SELECTOR: Final[Json] = {"matchExpressions": [{"key": "team", "operator": "Exists"}]}
TOLERATION: Final[Json] = {"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}
AFFINITY: Final[Json] = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
SPREAD: Final[Json] = {
    "maxSkew": 2,
    "topologyKey": "rack",
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": {"matchLabels": {"a": "b"}},
}
BUNDLE: Final[Json] = {
    "azureKubernetesCACTBSignerName": "example.com/ca",
    "azureKubernetesCACTBLabelSelector": "{}",
}
VARIABLE: Final[Json] = {"name": "HTTPS_PROXY", "value": "http://proxy:3128"}
VOLUME: Final[Json] = {"name": "more", "emptyDir": {}}
MOUNT: Final[Json] = {"name": "more", "mountPath": "/more"}

SEEN: Final[list[tuple[str, Any, str, str, Any]]] = [
    ("replicaCount", 3, WEBHOOK, "spec.replicas", 3),
    ("image.repository", "example.com/a", WEBHOOK, CONTAINER + ".image", "example.com/a:0.1.0"),
    ("image.pullPolicy", "Always", WEBHOOK, CONTAINER + ".imagePullPolicy", "Always"),
    (
        "image.release",
        "v9",
        WEBHOOK,
        CONTAINER + ".image",
        "registry.example/azwi/webhook:v9",
    ),
    ("imagePullSecrets", [{"name": "pull"}], ACCOUNT, "imagePullSecrets", [{"name": "pull"}]),
    ("nodeSelector.disk", "ssd", WEBHOOK, POD + ".nodeSelector.disk", "ssd"),
    ("resources.limits.cpu", "1", WEBHOOK, CONTAINER + ".resources.limits.cpu", "1"),
    ("resources.requests.cpu", "7m", WEBHOOK, CONTAINER + ".resources.requests.cpu", "7m"),
    ("tolerations", [TOLERATION], WEBHOOK, POD + ".tolerations", [TOLERATION]),
    ("affinity", AFFINITY, WEBHOOK, POD + ".affinity", AFFINITY),
    ("topologySpreadConstraints", [SPREAD], WEBHOOK, POD + ".topologySpreadConstraints", [SPREAD]),
    ("service.type", "NodePort", SERVICE, "spec.type", "NodePort"),
    ("service.port", 8443, SERVICE, "spec.ports[0].port", 8443),
    ("service.port", 8443, CONFIGURATION, "webhooks[0].clientConfig.service.port", 8443),
    ("service.targetPort", 10250, WEBHOOK, CONTAINER + ".ports[1].containerPort", 10250),
    ("service.targetPort", 10250, WEBHOOK, ARGS + "[5]", "--port=10250"),
    (
        "azureEnvironment",
        "AzureChinaCloud",
        CONFIG,
        "data.AZURE_ENVIRONMENT",
        "AzureChinaCloud",
    ),
    ("azureTenantID", "contoso.example", CONFIG, "data.AZURE_TENANT_ID", "contoso.example"),
    ("logLevel", "debug", WEBHOOK, ARGS + "[0]", "--log-level=debug"),
    ("metricsAddr", "127.0.0.1:9999", WEBHOOK, ARGS + "[1]", "--metrics-addr=127.0.0.1:9999"),
    ("metricsAddr", ":9999", WEBHOOK, CONTAINER + ".ports[0].containerPort", 9999),
    ("metricsBackend", "prometheus", WEBHOOK, ARGS + "[2]", "--metrics-backend=prometheus"),
    ("priorityClassName", "high", WEBHOOK, POD + ".priorityClassName", "high"),
    ("mutatingWebhookAnnotations", {"a": "b"}, CONFIGURATION, "metadata.annotations", {"a": "b"}),
    ("podLabels.team", "x", WEBHOOK, "spec.template.metadata.labels.team", "x"),
    ("podAnnotations.note", "x", WEBHOOK, "spec.template.metadata.annotations.note", "x"),
    (
        "mutatingWebhookNamespaceSelector",
        SELECTOR,
        CONFIGURATION,
        "webhooks[0].namespaceSelector",
        SELECTOR,
    ),
    ("podDisruptionBudget.minAvailable", "50%", BUDGET, "spec.minAvailable", "50%"),
    ("podDisruptionBudget", {"minAvailable": None, "maxUnavailable": 1}, BUDGET,
     "spec.maxUnavailable", 1),
    ("customTokenEndpoint", {"annotationSuffix": "own", "audience": "own-audience"}, WEBHOOK,
     ARGS + "[6]", "--custom-token-endpoint-annotation-suffix=own"),
    ("customTokenEndpoint", {"annotationSuffix": "own", "audience": "own-audience"}, WEBHOOK,
     ARGS + "[7]", "--custom-token-endpoint-audience=own-audience"),
    ("customTokenEndpoint.azureKubernetesCaData", "PEM", CONFIG,
     "data.AZURE_KUBERNETES_CA_DATA", "PEM"),
    ("customTokenEndpoint.azureKubernetesSniName", "sni", CONFIG,
     "data.AZURE_KUBERNETES_SNI_NAME", "sni"),
    ("customTokenEndpoint.azureKubernetesTokenProxy", "https://proxy.example", CONFIG,
     "data.AZURE_KUBERNETES_TOKEN_PROXY", "https://proxy.example"),
    ("customTokenEndpoint.azureKubernetesCAConfigMapName", "ca", CONFIG,
     "data.AZURE_KUBERNETES_CA_CONFIGMAP_NAME", "ca"),
    ("customTokenEndpoint.azureKubernetesCACTBSignerName", "example.com/ca", CONFIG,
     "data.AZURE_KUBERNETES_CA_CTB_SIGNER_NAME", "example.com/ca"),
    ("customTokenEndpoint", BUNDLE, CONFIG,
     "data.AZURE_KUBERNETES_CA_CTB_LABEL_SELECTOR", "{}"),
    ("extraEnv", [VARIABLE], WEBHOOK, CONTAINER + ".env[1]", VARIABLE),
    ("extraVolumes", [VOLUME], WEBHOOK, POD + ".volumes[1]", VOLUME),
    ("extraVolumeMounts", [MOUNT], WEBHOOK, CONTAINER + ".volumeMounts[1]", MOUNT),
    ("revisionHistoryLimit", 3, WEBHOOK, "spec.revisionHistoryLimit", 3),
]  # fmt: skip


@pytest.mark.parametrize("seen", SEEN, ids=[f"{n}-{value}" for n, (value, *_) in enumerate(SEEN)])
@pytest.mark.parametrize("release", [{}, merged(OF_ITS_RELEASE, FITTING)], ids=["new", "reused"])
def test_each_value_is_seen_at_its_place(
    seen: tuple[str, Any, str, str, Any], release: Json
) -> None:
    value, given, name, path, expected = seen
    before = at(rendered(release)[name], path)

    assert at(rendered(merged(release, tree(value, given)))[name], path) == expected
    assert before != expected or value == "metricsBackend", "the value changes nothing"


def test_every_value_of_the_original_is_looked_at() -> None:
    looked_at = {value.partition(".")[0] for value, *_ in SEEN}
    assert looked_at == set(ORIGINAL)

    endpoint = {
        key
        for value, given, *_ in SEEN
        if value.startswith("customTokenEndpoint")
        for key in ([value.partition(".")[2]] if "." in value else given)
    }
    assert endpoint == set(ORIGINAL["customTokenEndpoint"])


def test_the_labels_and_the_selectors_are_the_originals() -> None:
    objects = rendered()
    theirs = {
        "app": "workload-identity-webhook",
        "azure-workload-identity.io/system": "true",
        "chart": "workload-identity-webhook",
        "release": "workload-identity-webhook",
    }
    assert objects[WEBHOOK]["spec"]["selector"]["matchLabels"] == theirs
    assert objects[BUDGET]["spec"]["selector"]["matchLabels"] == theirs
    assert objects[SERVICE]["spec"]["selector"] == theirs
    for one in objects.values():
        assert theirs.items() <= one["metadata"]["labels"].items()


def test_the_names_are_the_originals() -> None:
    here = Path(__file__).parent / "original"
    names = {
        f"{one['kind']}/{one['metadata']['name']}"
        for one in template(here, {"azureTenantID": TENANT})
    }
    assert names == set(rendered()), "and nothing beside them, by default"


def test_nameOverride_is_the_app_and_the_chart_as_there() -> None:  # noqa: N802
    found = rendered({"nameOverride": "123"})[WEBHOOK]["spec"]["selector"]["matchLabels"]
    assert (found["app"], found["chart"]) == ("123", "123"), "and stays a string"


def test_the_values_of_the_originals_release_alone_fail_with_words() -> None:
    faults = faults_of(OF_ITS_RELEASE)
    assert [fault.partition(" ")[0] for fault in faults] == [
        "image.repository",
        "resources.limits.memory",
    ]
    assert "30Mi; expected at least 96Mi" in faults[1]
    assert "--set resources.limits.memory=256Mi" in faults[1]


def test_with_what_those_words_ask_for_they_render_as_ours() -> None:
    objects = rendered(merged(OF_ITS_RELEASE, FITTING))
    assert set(objects) == set(rendered())
    arguments = at(objects[WEBHOOK], ARGS)
    assert arguments == at(rendered()[WEBHOOK], ARGS)
    assert at(objects[WEBHOOK], POD + ".terminationGracePeriodSeconds") == 35
    assert at(objects[BUDGET], "spec.minAvailable") == 1, "its maxUnavailable: 0 does not count"


def test_what_its_user_took_away_by_null_stays_away() -> None:
    """Helm hands null on where the release before has no such key."""
    nothing: Json = {
        "affinity": None,
        "nodeSelector": None,
        "tolerations": None,
        "priorityClassName": None,
        "podLabels": None,
        "extraEnv": None,
        "customTokenEndpoint": None,
        "service": None,
    }
    values = merged(OF_ITS_RELEASE, FITTING, nothing, {"controller": {"enabled": False}})
    pod = at(rendered(values)[WEBHOOK], POD)
    assert "nodeSelector" not in pod
    assert "priorityClassName" not in pod


def tree(path: str, value: Any) -> Json:
    """Return `{a: {b: value}}` of `a.b`."""
    for key in reversed(path.split(".")):
        value = {key: value}
    found: Json = value
    return found
