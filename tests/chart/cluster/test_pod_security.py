"""Every pod of the chart in a namespace that takes restricted ones only, on a real API server."""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.chart.helm import Json
from tests.chart.rendering import CLIENT, WEBHOOK, at, merged, with_hooks
from tests.cluster.api import Api, Refused, a_namespace

pytestmark = pytest.mark.cluster

RESTRICTED: Final = {"pod-security.kubernetes.io/enforce": "restricted"}
WAYS: Final[dict[str, Json]] = {
    "by-token": {"controller": {"enabled": True, "clientId": CLIENT}},
    "by-secret": {
        "controller": {
            "enabled": True,
            "clientId": CLIENT,
            "signIn": "certificate",
            "credentialsSecretName": "secret",
            "endpoints": {"caConfigMapName": "ca"},
            "onUninstall": {"removeCredentials": True},
        },
        "certManager": {"enabled": True},
    },
}


@pytest.fixture(scope="module")
def namespace(api: Api) -> Iterator[str]:
    with a_namespace(api, "restricted", **RESTRICTED) as name:
        yield name


def pods_in(api: Api, namespace: str, values: Json) -> dict[str, Json]:
    """Return what pods there would be, with their ServiceAccounts made."""
    found = with_hooks(values, namespace=namespace)
    templates: dict[str, Json] = {}
    for name, one in found.items():
        if one["kind"] in {"Deployment", "Job"}:
            templates[name] = at(one, "spec.template")
        elif one["kind"] == "Pod":
            templates[name] = one
        elif one["kind"] == "ServiceAccount":
            answer = api.http.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", json=one)
            assert answer.status_code in {201, 409}, answer.text
    assert len(templates) >= 3
    return templates


def warned(api: Api, namespace: str, template: Json) -> list[str]:
    """Create a pod of this template as a dry run; raises Refused."""
    metadata = {"name": "one", "labels": template["metadata"].get("labels", {})}
    pod = {"metadata": metadata, "spec": template["spec"]}
    return api.create_pod(namespace, pod, dryRun="All")[1]


@pytest.mark.parametrize("way", WAYS)
def test_every_pod_is_taken_without_a_warning(api: Api, namespace: str, way: str) -> None:
    for name, template in pods_in(api, namespace, WAYS[way]).items():
        assert warned(api, namespace, template) == [], name


def test_on_the_nodes_network_it_is_refused(api: Api, namespace: str) -> None:
    """As the README says; and the namespace does refuse."""
    values = merged(WAYS["by-token"], {"hostNetwork": True})
    templates = pods_in(api, namespace, values)
    with pytest.raises(Refused, match=r"violates PodSecurity.*host namespaces"):
        warned(api, namespace, templates[f"{namespace}/{WEBHOOK}"])
