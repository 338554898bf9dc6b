"""AKS's managed add-on, or another release, has the same objects: told, before Helm would."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hack.cluster import Cluster
from tests.chart.cluster.release import CONFIGURATION, DEPLOYMENT, OURS, REGISTRATIONS, VALUES
from tests.chart.helm import CHART, Helm, HelmFailed, Json
from tests.chart.rendering import merged, rendered
from tests.cluster.api import Api, Refused, a_namespace

pytestmark = pytest.mark.cluster

WANTED: Json = merged(VALUES, OURS)


@pytest.fixture
def helm(cluster: Cluster, api: Api) -> Iterator[Helm]:
    with a_namespace(api, "release") as namespace:
        helm = Helm(cluster.kubeconfig, namespace)
        try:
            yield helm
        finally:
            helm.uninstall(hooks=False, missing_ok=True)


@contextmanager
def the_add_on(api: Api) -> Iterator[None]:
    """Lay out what AKS makes in kube-system, by no Helm: the webhook and its configuration."""
    found = rendered()
    made: list[str] = []
    try:
        for name, path in (
            (f"Deployment/{DEPLOYMENT}", "/apis/apps/v1/namespaces/kube-system/deployments"),
            (f"MutatingWebhookConfiguration/{CONFIGURATION}", REGISTRATIONS),
        ):
            body = found[name]
            labels = {"kubernetes.azure.com/managedby": "aks"}
            metadata = {"name": body["metadata"]["name"], "labels": labels}
            if "webhooks" in body:
                body["webhooks"][0]["clientConfig"]["service"]["namespace"] = "kube-system"
            else:
                body["spec"]["replicas"] = 0
            kept = {key: value for key, value in body.items() if key != "metadata"}
            api.post(path, {**kept, "metadata": metadata})
            made.append(f"{path}/{metadata['name']}")
        yield
    finally:
        for path in made:
            api.delete(path)


def test_beside_the_managed_add_on_it_says_what_to_do_and_makes_nothing(
    api: Api, helm: Helm
) -> None:
    with the_add_on(api):
        with pytest.raises(HelmFailed) as refused:
            helm.install(CHART, WANTED, hooks=False)
        assert "az aks update" in str(refused.value)
        assert "--disable-workload-identity" in str(refused.value)
        assert "invalid ownership metadata" not in str(refused.value), "Helm's own words"
        path = f"/apis/apps/v1/namespaces/{helm.namespace}/deployments/{DEPLOYMENT}"
        with pytest.raises(Refused, match="404"):
            api.get(path)

    helm.install(CHART, WANTED, hooks=False)
    assert api.get(path)["metadata"]["name"] == DEPLOYMENT


def test_an_add_on_that_came_later_is_told_at_the_upgrade(api: Api, helm: Helm) -> None:
    helm.install(CHART, WANTED, hooks=False)
    theirs = api.get(f"{REGISTRATIONS}/{CONFIGURATION}")["webhooks"]
    theirs[0]["clientConfig"]["service"]["namespace"] = "kube-system"
    api.merge(f"{REGISTRATIONS}/{CONFIGURATION}", {"webhooks": theirs})

    with pytest.raises(HelmFailed, match="--disable-workload-identity"):
        helm.upgrade(CHART, WANTED, hooks=False)


def test_a_second_release_is_told_which_is_the_first(
    api: Api, cluster: Cluster, helm: Helm
) -> None:
    helm.install(CHART, WANTED, release="first", hooks=False)
    try:
        told = f"The release first in the namespace {helm.namespace}"
        with a_namespace(api, "second") as namespace, pytest.raises(HelmFailed, match=told):
            Helm(cluster.kubeconfig, namespace).install(
                CHART, WANTED, release="second", hooks=False
            )
        with pytest.raises(HelmFailed, match="The release first"):
            helm.install(CHART, WANTED, release="second", hooks=False)

        helm.upgrade(CHART, merged(WANTED, {"replicaCount": 3}), release="first", hooks=False)
    finally:
        helm.uninstall(release="first", hooks=False)


def test_what_nobody_owns_may_be_taken_over(api: Api, helm: Helm) -> None:
    """Static manifests of the original's, in the release's own namespace."""
    body = rendered()[f"MutatingWebhookConfiguration/{CONFIGURATION}"]
    service = body["webhooks"][0]["clientConfig"]["service"]
    service["namespace"] = helm.namespace
    api.post(REGISTRATIONS, {**body, "metadata": {"name": CONFIGURATION}})

    helm.install(CHART, WANTED, hooks=False, take_ownership=True)

    annotations = api.get(f"{REGISTRATIONS}/{CONFIGURATION}")["metadata"]["annotations"]
    assert annotations["meta.helm.sh/release-namespace"] == helm.namespace
