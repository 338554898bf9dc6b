"""The controller comes and goes with Helm; no namespace is stuck, no credential removed unasked."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.names import FINALIZER
from hack.cluster import Cluster
from identity.names import CLIENT_ID
from tests.chart.cluster.directory import entra_for, values_for
from tests.chart.cluster.pods import Pods, running_pods
from tests.chart.helm import CHART, Helm, Json
from tests.cluster.api import Api, Refused, a_namespace
from tests.cluster.controller.faults.entra import Entra
from tests.cluster.controller.faults.seed import ORDERS
from tests.cluster.controller.installed import fics, until

pytestmark = pytest.mark.cluster

DEFINITION = (
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    "/federatedidentitycredentials.azure.workload.identity"
)
LEAVING = "azwi-controller-leaving"


@dataclass(frozen=True)
class Stage:
    """A release with a controller, Entra ID, and a shop whose ServiceAccount has an identity."""

    api: Api
    helm: Helm
    entra: Entra
    shop: str
    pods: Pods

    def install(self, **controller: Json | bool) -> None:
        """Install, and wait until the identity is federated."""
        self.helm.install(CHART, values_for(self.entra, self.shop, **controller))
        self.federates()

    def federates(self) -> None:
        """Wait until the object is ready, with our finalizer, and its credential stands."""
        until(self._is_federated, "the object is ready and has our finalizer", seconds=120)
        assert self.credential_stands()

    def objects(self) -> list[Json]:
        """The shop's; none while the API server does not serve their kind, or begins to."""
        answer = self.api.http.get(fics(self.shop))
        found: list[Json] = answer.json()["items"] if answer.is_success else []
        return found

    def finalizers(self) -> list[str]:
        """Of the only object."""
        (body,) = self.objects()
        return list(body["metadata"].get("finalizers", []))

    def _is_federated(self) -> bool:
        return bool(self.objects()) and FINALIZER in self.finalizers() and self._is_ready()

    def _is_ready(self) -> bool:
        """Whether it says so itself; of an earlier controller that may still stand there."""
        conditions = self.objects()[0].get("status", {}).get("conditions", [])
        return {"Ready": "True"} in [{one["type"]: one["status"]} for one in conditions]

    def credential_stands(self) -> bool:
        subject = f"system:serviceaccount:{self.shop}:orders"
        return self.entra.credentials().get(ORDERS, {}) == {subject: 1}

    def is_not_stuck(self) -> None:
        """Delete the shop's namespace, and wait until it is gone."""
        path = f"/api/v1/namespaces/{self.shop}"
        self.api.delete(path)
        until(lambda: self.is_gone(path), "the namespace is gone", seconds=60)

    def is_gone(self, path: str) -> bool:
        return self.api.http.get(path).status_code == 404

    def hooks(self) -> list[str]:
        """What is left of the hooks: kinds and names."""
        inside = f"namespaces/{self.helm.namespace}"
        rbac = "/apis/rbac.authorization.k8s.io/v1"
        selector = {"labelSelector": f"app={LEAVING}"}
        return [
            f"{path} {one['metadata']['name']}"
            for path in (
                f"/apis/batch/v1/{inside}/jobs",
                f"/api/v1/{inside}/serviceaccounts",
                f"{rbac}/clusterroles",
                f"{rbac}/clusterrolebindings",
                f"{rbac}/{inside}/roles",
                f"{rbac}/{inside}/rolebindings",
            )
            for one in self.api.get(path, **selector)["items"]
        ]


@pytest.fixture
def stage(cluster: Cluster, api: Api, tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        namespace = stack.enter_context(a_namespace(api, "release"))
        shop = stack.enter_context(_a_shop(api))
        entra = stack.enter_context(entra_for(cluster, api, namespace, tmp_path / "entra"))
        helm = Helm(cluster.kubeconfig, namespace)
        (tmp_path / "pods").mkdir()
        pods = stack.enter_context(running_pods(cluster, namespace, tmp_path / "pods"))
        path = f"/api/v1/namespaces/{namespace}/pods"
        stack.callback(until, lambda: not api.get(path)["items"], "the pods have ended")
        stack.callback(_clear, api, shop)
        stack.callback(helm.uninstall, hooks=False, missing_ok=True)
        yield Stage(api, helm, entra, shop, pods)


def _clear(api: Api, shop: str) -> None:
    """Take away what a test may have left on purpose, without any controller's help."""
    answer = api.http.get(fics(shop))
    for body in answer.json()["items"] if answer.is_success else []:
        api.merge(f"{fics(shop)}/{body['metadata']['name']}", {"metadata": {"finalizers": None}})
    api.http.delete(DEFINITION)
    until(lambda: api.http.get(DEFINITION).status_code == 404, "the definition is gone")


class _a_shop:  # noqa: N801 - a context manager
    """A namespace, which a test may delete, with a ServiceAccount that names an identity."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._namespace = a_namespace(api, "shop")

    def __enter__(self) -> str:
        name = self._namespace.__enter__()
        body = {"metadata": {"name": "orders", "annotations": {CLIENT_ID: ORDERS}}}
        self._api.post(f"/api/v1/namespaces/{name}/serviceaccounts", body)
        return name

    def __exit__(self, *_: object) -> None:
        try:
            self._namespace.__exit__(None, None, None)
        except Refused as refused:
            if refused.code != 404:
                raise


def test_an_uninstallation_leaves_credentials_and_objects_and_no_namespace_stuck(
    stage: Stage,
) -> None:
    stage.install()
    stage.helm.uninstall()
    assert FINALIZER not in stage.finalizers()
    assert stage.credential_stands()
    assert stage.hooks() == []
    stage.is_not_stuck()
    assert stage.credential_stands()


def test_an_installation_after_that_takes_up_what_it_finds(stage: Stage) -> None:
    stage.install()
    stage.helm.uninstall()
    stage.install()


def test_objects_are_held_for_the_next_controller_where_that_is_asked_for(stage: Stage) -> None:
    stage.install(onUninstall={"releaseObjects": False})
    stage.helm.uninstall()
    assert FINALIZER in stage.finalizers()
    assert stage.hooks() == []


def test_without_its_controller_a_release_goes_on_and_no_namespace_is_stuck(stage: Stage) -> None:
    stage.install()
    stage.helm.upgrade(CHART, values_for(stage.entra, stage.shop, enabled=False))
    assert FINALIZER not in stage.finalizers()
    assert stage.credential_stands()
    assert stage.hooks() == []

    stage.helm.upgrade(CHART, values_for(stage.entra, stage.shop))
    stage.federates()

    stage.helm.upgrade(CHART, values_for(stage.entra, stage.shop, enabled=False))
    stage.is_not_stuck()
    assert stage.credential_stands()


def test_an_uninstallation_removes_all_credentials_where_that_is_asked_for(stage: Stage) -> None:
    stage.install(onUninstall={"removeCredentials": True})
    stage.helm.uninstall()
    assert ORDERS not in stage.entra.credentials()
    assert stage.is_gone(DEFINITION)
    assert stage.hooks() == []
    stage.is_not_stuck()
