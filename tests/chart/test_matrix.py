"""Everything on and off: each render reads strictly, has our labels, and is where it belongs."""

from itertools import combinations
from typing import Final

import pytest

from tests.chart.helm import CHART, HOOK, NAMESPACE, RELEASE, Json
from tests.chart.rendering import CLIENT, merged, with_hooks

GRANT: Final[Json] = {"namespace": "shop", "serviceAccountName": "orders", "clientIds": [CLIENT]}
SWITCHES: Final[dict[str, Json]] = {
    "controller": {"controller": {"enabled": True, "clientId": CLIENT}},
    "probe": {
        "controller": {"probe": {"namespaces": ["shop", "till"]}, "resolveResourceIds": True}
    },
    "probe-everywhere": {"controller": {"probe": {"namespaces": ["*"]}}},
    "leaving": {"controller": {"onUninstall": {"removeCredentials": True}}},
    "secret": {"controller": {"signIn": "client-secret", "credentialsSecretName": "secret"}},
    "certificate": {"controller": {"signIn": "certificate", "credentialsSecretName": "secret"}},
    "managed": {"controller": {"signIn": "managed-identity", "aggregatedRoles": False}},
    "authorities": {"controller": {"endpoints": {"caConfigMapName": "ca"}}},
    "grants": {"grants": [GRANT, GRANT | {"serviceAccountName": "till", "verbs": ["retain"]}]},
    "cert-manager": {"certManager": {"enabled": True}},
    "issuer": {"certManager": {"issuerRef": {"name": "a", "kind": "VenafiIssuer", "group": "b.c"}}},
    "autoscaling": {"autoscaling": {"enabled": True}},
    "monitors": {"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}},
    "alerts": {"prometheusRule": {"enabled": True}, "dashboards": {"enabled": True}},
    "network": {
        "networkPolicy": {
            "enabled": True,
            "apiServerCIDRs": ["10.0.0.1/32", "fd00::/64"],
            "metricsFrom": [{"podSelector": {}}],
            "egress": [{"ports": [{"port": 443, "protocol": "TCP"}]}],
        }
    },
    "no-metrics": {"metricsAddr": "0", "controller": {"metricsAddr": "0"}},
    "policies": {
        "policies": {
            "annotationNeedsGrant": {"enabled": True},
            "misspeltAnnotations": {"enabled": True},
        }
    },
    "host-network": {"hostNetwork": True, "matchConditions": [{"name": "a", "expression": "true"}]},
    "labels": {
        "commonLabels": {"team": "a", "app": "theirs", "release": "theirs", "helm.sh/chart": "b"},
        "podLabels": {"team": "b", "chart": "theirs", "azure-workload-identity.io/system": "no"},
        "mutatingWebhookLabels": {"team": "c", "app.kubernetes.io/version": "9"},
        "mutatingWebhookAnnotations": {"cert-manager.io/inject-ca-from": "a/b"},
        "podAnnotations": {"checksum/config": "theirs"},
        "controller": {"podLabels": {"team": "d", "app": "theirs"}, "podAnnotations": {"a": "b"}},
    },
    "extras": {
        "imagePullSecrets": [{"name": "pull"}],
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
        "extraArgs": ["--cert-jitter=1s"],
        "extraEnv": [{"name": "A", "value": "{{ .Values }}"}],
        "controller": {
            "extraArgs": ["--lease-duration=40s"],
            "tolerations": [{"operator": "Exists"}],
        },
    },
}
ALONE: Final = list(SWITCHES)
PAIRS: Final = [pair for pair in combinations(SWITCHES, 2) if {"controller", "labels"} & set(pair)]
CLUSTER_WIDE: Final = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "MutatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}


def everything() -> Json:
    left_out = {"probe-everywhere", "managed", "no-metrics"}
    return merged(*(values for name, values in SWITCHES.items() if name not in left_out))


@pytest.mark.parametrize(
    "names",
    [(), *((name,) for name in ALONE), *PAIRS],
    ids=lambda names: "+".join(names) or "defaults",
)
def test_each_render_is_in_order(names: tuple[str, ...]) -> None:
    is_in_order(with_hooks(merged(*(SWITCHES[name] for name in names))))


def test_all_of_it_at_once_is_in_order() -> None:
    objects = with_hooks(everything())
    is_in_order(objects)
    kinds = {one["kind"] for one in objects.values()}
    assert kinds >= CLUSTER_WIDE | {"Certificate", "HorizontalPodAutoscaler"}


def is_in_order(objects: dict[str, Json]) -> None:
    for name, one in objects.items():
        metadata = one["metadata"]
        labels = metadata["labels"]
        assert labels["release"] == RELEASE, name
        assert labels["app.kubernetes.io/managed-by"] == "Helm", name
        assert labels["helm.sh/chart"] == f"{CHART.name}-0.1.0", name
        if HOOK not in metadata.get("annotations", {}):
            assert labels["azure-workload-identity.io/system"] == "true", name
        assert all(isinstance(value, str) for value in labels.values()), name
        assert all(isinstance(value, str) for value in metadata.get("annotations", {}).values()), (
            name
        )
        if one["kind"] in CLUSTER_WIDE:
            assert "namespace" not in metadata, name
        elif "probe" not in name:
            assert metadata["namespace"] == NAMESPACE, name
        is_selected(one)


def is_selected(one: Json) -> None:
    """A workload's pods carry what selects them, whatever labels the user gives."""
    if one["kind"] != "Deployment":
        return
    selector = one["spec"]["selector"]["matchLabels"]
    template = one["spec"]["template"]["metadata"]
    assert selector.items() <= template["labels"].items()
    assert selector.items() <= one["metadata"]["labels"].items()
    assert "theirs" not in str(template), "and not what would take its place"


def test_another_namespace_and_release_are_everywhere() -> None:
    for name, one in with_hooks(everything(), namespace="elsewhere", release="another").items():
        assert NAMESPACE not in str(one), name
        assert one["metadata"]["labels"]["release"] == "another", name
