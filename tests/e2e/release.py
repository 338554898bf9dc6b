"""The chart, installed with our images and the values of examples/values-emulator.yaml."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from controller.names import GROUP, PLURAL
from tests.chart.helm import CHART, NAMESPACE, Helm, HelmFailed
from tests.cluster.api import Api, Json
from tests.e2e.entra import CA_NAME, Entra
from tests.e2e.objects import (
    a_namespace,
    applied,
    config_map,
    example,
    is_ready,
    remove,
    until,
    until_gone,
)
from tests.e2e.settings import Settings, skip_or_fail

DEPLOYMENT: Final = (
    f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/azure-wi-webhook-controller-manager"
)
CONFIGURATION: Final = (
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    "/azure-wi-webhook-mutating-webhook-configuration"
)
DEFINITION: Final = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{PLURAL}.{GROUP}"
SECRET: Final = f"/api/v1/namespaces/{NAMESPACE}/secrets/azure-wi-webhook-server-cert"
PODS: Final = f"/api/v1/namespaces/{NAMESPACE}/pods"
_WEBHOOKS: Final = "app=workload-identity-webhook"


@dataclass(frozen=True, slots=True)
class Release:
    """What is installed."""

    api: Api
    helm: Helm
    chart: Path
    values: Mapping[str, Any]

    def webhooks(self, *, ending: bool = False) -> list[Json]:
        """Return the webhook's pods; those that are ending only if they are asked for."""
        found = self.api.get(PODS, labelSelector=_WEBHOOKS)["items"]
        return [pod for pod in found if ending or "deletionTimestamp" not in pod["metadata"]]

    def settles(self, *, replicas: int = 2, seconds: float = 120) -> None:
        """Wait until so many serve, and whoever served before them is gone."""

        def settled() -> bool:
            pods = self.webhooks(ending=True)
            deployment = self.api.get(DEPLOYMENT)
            return len(pods) == replicas == deployment["spec"]["replicas"] and is_ready(deployment)

        until(settled, f"{replicas} of the webhook serve, and no others", seconds=seconds)

    def metrics(self) -> list[str]:
        """Read the metrics of each of the webhook's pods."""
        texts = []
        for pod in self.webhooks():
            answer = self.api.http.get(f"{PODS}/{pod['metadata']['name']}:8095/proxy/metrics")
            answer.raise_for_status()
            texts.append(answer.text)
        return texts


def values_of(settings: Settings, **more: Any) -> dict[str, Any]:
    """Return the values that a user of the example would write, with our images."""
    (found,) = example("values-emulator.yaml", settings.spelt())
    found["image"] = {"repository": f"{settings.registry}/webhook", "release": settings.tag}
    controller = found["controller"]
    controller["image"] = {"repository": f"{settings.registry}/controller", "release": settings.tag}
    if settings.identities.real:
        del found["azureAuthorityHost"], controller["endpoints"]
    return found | more


@contextmanager
def home(api: Api, entra: Entra) -> Iterator[None]:
    """Have the namespace of releases, with the authorities that the controller trusts."""
    for path in (CONFIGURATION, DEFINITION):
        if api.http.get(path).status_code != httpx.codes.NOT_FOUND:
            skip_or_fail(f"the cluster has workload identity installed already: {path}")
    try:
        ca = config_map(NAMESPACE, CA_NAME, ca_crt=entra.ca)
        with applied(api, [a_namespace(NAMESPACE), ca]):
            yield
    finally:
        remove(api, DEFINITION)  # which stays when a release goes: it was not here before us


class Releases:
    """One release at a time: its objects without a namespace have fixed names."""

    def __init__(self, api: Api, settings: Settings) -> None:
        self._api = api
        self._settings = settings
        self._there: Release | None = None

    def having(self, chart: Path = CHART, *, wait: bool = True, **more: Any) -> Release:
        """Return a release with these values beside the example's; another one goes first."""
        values = values_of(self._settings, **more)
        if self._there and (self._there.chart, self._there.values) == (chart, values):
            return self._there
        self.drop()
        self._there = Release(self._api, Helm(self._settings.kubeconfig), chart, values)
        self._there.helm.install(chart, values, wait="watcher" if wait else None)
        return self._there

    def drop(self) -> None:
        """Uninstall what is there; its pods go on for as long as they take to end."""
        if self._there is None:
            return
        helm, self._there = self._there.helm, None
        try:
            helm.history()
        except HelmFailed:
            return  # a test uninstalled it
        helm.uninstall()
        until_gone(self._api, CONFIGURATION)
