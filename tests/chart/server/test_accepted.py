"""Everything that the chart renders is taken by a real API server."""

import json
from typing import Any

import pytest

from tests.chart.helm import template
from tests.cluster.api import Api, Json, a_namespace
from tests.cluster.controller.installed import apply, path_of

pytestmark = pytest.mark.cluster

ID = "7d2f4a5e-3c1b-4f0e-9a67-5b8c2d1e0f34"
ON = {"enabled": True}
MANY: Json = {
    "azureTenantID": ID,
    "networkPolicy": {
        **ON,
        "apiServerCIDRs": ["10.0.0.0/24", "fd00::/64"],
        "metricsFrom": [{"podSelector": {}}],
        "egress": [{"ports": [{"port": 443, "protocol": "TCP"}]}],
    },
    "policies": {"annotationNeedsGrant": ON, "misspeltAnnotations": ON},
    "podMonitor": ON,
    "serviceMonitor": ON,
    "prometheusRule": ON,
    "dashboards": ON,
    "commonLabels": {"team": "identity"},
    "imagePullSecrets": [{"name": "pull"}],
    "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
}
VALUES: dict[str, Json] = {
    "the webhook alone": {"azureTenantID": ID},
    "everything": {
        **MANY,
        "autoscaling": ON,
        "grants": [{"namespace": "shop", "serviceAccountName": "orders", "clientIds": [ID]}],
        "controller": {
            **ON,
            "clientId": ID,
            "resolveResourceIds": True,
            "probe": {"namespaces": ["default"]},
        },
    },
    "everything, otherwise": {
        **MANY,
        "hostNetwork": True,
        "controller": {
            **ON,
            "clientId": ID,
            "signIn": "certificate",
            "credentialsSecretName": "credentials",
            "probe": {"namespaces": ["*"]},
            "onUninstall": {"releaseObjects": True, "removeCredentials": True},
        },
    },
}
OF_OTHERS = ("monitoring.coreos.com/", "cert-manager.io/")
"""Kinds that a cluster has only where somebody installed them."""


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_a_dry_run_takes_all_of_it(api: Api, values: Json) -> None:
    """With strict fields: a misspelt one is an error. Warnings are errors, too."""
    with a_namespace(api, "accepted") as namespace:
        bodies = template(values=values, namespace=namespace)
        assert len(bodies) > 10
        for body in bodies:
            if body["kind"] == "ServiceAccount":
                apply(api, body)  # or no pod of theirs is taken
        said = {
            f"{body['kind']} {body['metadata']['name']}": _said(api, body)
            for body in bodies
            if not body["apiVersion"].startswith(OF_OTHERS)
        }
    assert {name: words for name, words in said.items() if words} == {}


def _said(api: Api, body: Json) -> Any:
    """Return what is wrong with an object, or a warning of it; nothing if it would be made."""
    answer = api.http.patch(
        path_of(body),
        content=json.dumps(body),
        headers={"Content-Type": "application/apply-patch+yaml"},
        params={
            "dryRun": "All",
            "fieldManager": "azwi-tests",
            "fieldValidation": "Strict",
            "force": "true",
        },
    )
    return answer.headers.get_list("warning") if answer.is_success else answer.json()["message"]
