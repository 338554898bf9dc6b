"""NOTES.txt: what to do next, short, and readable at 80 columns."""

from typing import Final

import pytest

from tests.chart.helm import Json, notes
from tests.chart.rendering import CLIENT, CONTROLLED, TENANT, merged

CONTROLLER: Final[Json] = {"controller": CONTROLLED}
GRANT: Final[Json] = {"namespace": "shop", "serviceAccountName": "orders", "clientIds": [CLIENT]}

SAID: Final[list[tuple[Json, str]]] = [
    ({}, "rollout status"),
    ({}, "az identity federated-credential create"),
    (CONTROLLER, "deployment/azwi-controller"),
    (CONTROLLER, f"--id {CLIENT}"),
    (CONTROLLER, "system:serviceaccount:azure-workload-identity-system:azwi-controller"),
    (CONTROLLER, "grants is empty"),
    (merged(CONTROLLER, {"controller": {"issuer": "https://issuer.example/"}}),
     "issuer=https://issuer.example/\n"),
    (merged(CONTROLLER, {"audience": "api://Other"}), "api://Other"),
    (merged(CONTROLLER, {"grants": [GRANT]}), "kubectl get fic --all-namespaces"),
    (merged(CONTROLLER, {"controller": {"probe": {"namespaces": ["till"]}}}), "\n  till\n"),
    (merged(CONTROLLER, {"controller": {"probe": {"namespaces": ["*"]}}}), "but in kube-system"),
    ({"grants": [GRANT]}, "! grants is set, and nobody acts on it"),
    ({"certManager": {"enabled": True}}, "certificate/azure-wi-webhook-serving-cert"),
    ({"certManager": {"enabled": True}}, "! certManager.enabled is true, and this cluster has no"),
    ({"replicaCount": 1}, "! One webhook runs, and failurePolicy is Fail"),
    ({"replicaCount": 0}, "! No webhook runs (replicaCount 0), and failurePolicy is Fail"),
    ({"failurePolicy": "Ignore"}, "! failurePolicy is Ignore"),
    ({"replicaCount": 1}, "! podDisruptionBudget lets no pod of the webhook be evicted"),
    ({"podDisruptionBudget": {"minAvailable": None, "maxUnavailable": "0%"}}, "lets no pod of the"),
]  # fmt: skip
UNSAID: Final[list[tuple[Json, str]]] = [
    ({}, "!"),
    (CONTROLLER, "!"),
    ({}, "azwi-controller"),
    ({"replicaCount": 1, "autoscaling": {"enabled": True}}, "One webhook runs"),
    ({"replicaCount": 0, "failurePolicy": "Ignore"}, "replicaCount 0"),
    (merged(CONTROLLER, {"controller": {"signIn": "managed-identity"}}), "first credential"),
    (merged(CONTROLLER, {"grants": [GRANT]}), "grants is empty"),
]


def told(values: Json, *, is_upgrade: bool = False) -> str:
    return notes(values=merged({"azureTenantID": TENANT}, values), is_upgrade=is_upgrade)


@pytest.mark.parametrize(("values", "words"), SAID, ids=[words for _, words in SAID])
def test_says(values: Json, words: str) -> None:
    text = told(values)
    assert words in text
    assert max(map(len, text.splitlines())) <= 80
    assert "\n\n\n" not in text
    assert len(text.splitlines()) < 50


@pytest.mark.parametrize(("values", "words"), UNSAID, ids=[str(n) for n in range(len(UNSAID))])
def test_does_not_say(values: Json, words: str) -> None:
    assert words not in told(values)


def test_an_upgrade_does_not_explain_it_all_again() -> None:
    assert "annotate serviceaccount" not in told({}, is_upgrade=True)
