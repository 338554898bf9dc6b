"""The chart, installed with our images and the values of examples/values-emulator.yaml."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx

from tests.chart.helm import NAMESPACE, Helm
from tests.cluster.api import Api, Json
from tests.e2e.entra import CA_NAME, Entra
from tests.e2e.objects import a_namespace, applied, config_map, example, until, until_gone
from tests.e2e.settings import Settings, skip_or_fail

DEPLOYMENT: Final = "azure-wi-webhook-controller-manager"
CONTROLLER: Final = "azwi-controller"
CONFIGURATION: Final = (
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    "/azure-wi-webhook-mutating-webhook-configuration"
)
DEPLOYMENTS: Final = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
PODS: Final = f"/api/v1/namespaces/{NAMESPACE}/pods"
WEBHOOKS_PODS: Final = "app=workload-identity-webhook"


@dataclass(frozen=True, slots=True)
class Release:
    """What is installed."""

    api: Api
    helm: Helm
    values: Mapping[str, Any]

    def webhooks(self) -> list[Json]:
        """Return the webhook's pods that are not ending."""
        found = self.api.get(PODS, labelSelector=WEBHOOKS_PODS)["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


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
    if api.http.get(CONFIGURATION).status_code != httpx.codes.NOT_FOUND:
        skip_or_fail(f"the cluster has a webhook of this name already: {CONFIGURATION}")
    with applied(api, [a_namespace(NAMESPACE), config_map(NAMESPACE, CA_NAME, ca_crt=entra.ca)]):
        yield


@contextmanager
def installed(api: Api, settings: Settings, **more: Any) -> Iterator[Release]:
    """Have a release for as long as the block runs; returns when its pods are gone."""
    values = values_of(settings, **more)
    with Helm(settings.kubeconfig) as helm:
        try:
            helm.install(values=values, wait="watcher")
            yield Release(api, helm, values)
        finally:
            helm.uninstall()
            until_gone(api, CONFIGURATION)
            until(lambda: not api.get(PODS)["items"], "the release's pods are gone")
