"""How the webhook is registered, and where things stand in the API."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hack.cluster.addresses import free_port
from hack.demo.api import path_of
from hack.demo.errors import DemoFailed
from hack.demo.webhook import BINDING, REGISTERED, ROLE, Place, registration, running

PLACE = Place("127.0.0.1", 9443, 9440, 8095, b"PEM", Path("/nowhere"))


def test_it_is_registered_as_by_the_chart_but_for_one_namespace() -> None:
    (webhook,) = registration(PLACE, "quick-start")["webhooks"]
    assert webhook == {
        "name": "mutation.azure-workload-identity.io",
        "admissionReviewVersions": ["v1", "v1beta1"],
        "clientConfig": {"url": "https://127.0.0.1:9443/mutate-v1-pod", "caBundle": "UEVN"},
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "quick-start"}},
        "objectSelector": {"matchLabels": {"azure.workload.identity/use": "true"}},
        "reinvocationPolicy": "IfNeeded",
        "rules": [
            {
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": ["CREATE"],
                "resources": ["pods"],
            }
        ],
        "sideEffects": "None",
    }


def test_it_is_looked_for_where_it_is_registered() -> None:
    assert path_of(REGISTERED) == path_of(registration(PLACE, "quick-start"))


def test_an_ipv6_address_stands_in_brackets() -> None:
    place = Place("fd00::1", 9443, 9440, 8095, b"", Path("/nowhere"))
    assert place.url == "https://[fd00::1]:9443/mutate-v1-pod"


def test_the_webhook_may_read_service_accounts_and_nothing_else() -> None:
    assert ROLE["rules"] == [
        {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get", "list", "watch"]}
    ]


@pytest.mark.parametrize(
    ("named", "path"),
    [
        (
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "demo"}},
            "/api/v1/namespaces/demo",
        ),
        (
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "demo"}},
            "/api/v1/namespaces/demo/pods/web",
        ),
        (BINDING, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/azwi-demo"),
        (
            registration(PLACE, "x"),
            "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/azwi-demo",
        ),
    ],
)
def test_objects_stand_at_their_paths(named: dict[str, object], path: str) -> None:
    assert path_of(named) == path


def test_a_webhook_that_does_not_start_is_told_with_its_log(tmp_path: Path) -> None:
    cluster: Any = SimpleNamespace(folder=tmp_path)
    place = Place("127.0.0.1", free_port(), free_port(), free_port(), b"", tmp_path / "nothing")
    with (
        pytest.raises(DemoFailed, match="found: the webhook ended with status 1") as failed,
        running(
            cluster, place, tmp_path / "no.kubeconfig", "https://entra.example/", lambda _: None
        ),
    ):
        pytest.fail("it runs")
    assert "no.kubeconfig" in str(failed.value)
    assert not list((tmp_path / "pids").iterdir())
