"""A release of the original's chart that serves, and what is looked at while Helm changes it."""

import base64
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from hack.cluster import Cluster
from hack.webhook import TENANT_ID
from identity.names import PREFIX
from tests.chart.cluster.pods import SERVICE, Pods, running_pods
from tests.chart.cluster.versions import every_version
from tests.chart.helm import Helm, Json
from tests.cluster.api import Api, a_namespace
from tests.cluster.controller.installed import until
from tests.cluster.faults.stream import Stream, Wanted, a_pod, missing_in, open_stream
from tests.webhook.certificates import original
from webhook.certificates.secret import data_of

ORIGINAL: Final = Path(__file__).parents[1] / "original"
VALUES: Final[Json] = {"azureTenantID": TENANT_ID}
"""What a user of the original's chart sets."""
OURS: Final[Json] = {"image": {"repository": "localhost/azwi/webhook", "release": "dev"}}
FITTING: Final[Json] = {"resources": {"limits": {"memory": "256Mi"}}}

SECRET: Final = "azure-wi-webhook-server-cert"
CONFIGURATION: Final = "azure-wi-webhook-mutating-webhook-configuration"
REGISTRATIONS: Final = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
DEPLOYMENT: Final = "azure-wi-webhook-controller-manager"
_CLIENT: Final = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
_PATIENCE: Final = 120.0
_BURST: Final = 32
"""Client-go keeps 25 idle connections to a host."""
_PAUSE: Final = 0.4
"""Seconds between two of them: less than endpoints lag behind."""


@dataclass(frozen=True)
class Release:
    """A release, its pods, and a stream of pods of other people's."""

    api: Api
    helm: Helm
    pods: Pods
    stream: Stream
    secrets: list[Json]
    """Every version of the Secret since the stream began."""
    configurations: list[Json]
    """... of the MutatingWebhookConfiguration."""
    services: list[Json]
    """... and of the Service."""

    @property
    def namespace(self) -> str:
        return self.helm.namespace

    @property
    def deployment(self) -> Json:
        return self.api.get(f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{DEPLOYMENT}")

    def ready_images(self) -> list[str]:
        """The repositories whose images the ready pods run."""
        found = self.api.get(f"/api/v1/namespaces/{self.namespace}/pods")["items"]
        return sorted(
            pod["spec"]["containers"][0]["image"].rpartition(":")[0]
            for pod in found
            if "deletionTimestamp" not in pod["metadata"]
            and {"type": "Ready", "status": "True"}.items()
            <= next(iter(pod["status"].get("conditions", [{}]))).items()
        )

    def settles(self) -> None:
        """Wait until the Deployment is rolled out, and pods of earlier templates have ended."""
        until(self._settled, "the Deployment is rolled out", seconds=_PATIENCE)

    def ends(self) -> None:
        """Wait until its pods have ended."""
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        until(lambda: not self.api.get(path)["items"], "the pods have ended", seconds=_PATIENCE)

    def is_sound(self) -> None:
        """Look at what must hold at any time: pods come out right, the original could serve."""
        self.stream.passes(2 * _BURST)
        failures = self.stream.failures
        assert not failures, f"{len(failures)} pods failed: {failures[:5]}"
        secret = self.api.get(f"/api/v1/namespaces/{self.namespace}/secrets/{SECRET}")
        data = data_of(secret)
        original.accepts(data, dns_name(self.namespace), datetime.now(UTC))
        until(lambda: self._bundle() == data["ca.crt"], "caBundle is what the Secret says")

    def goes_without_a_failure(self) -> None:
        """Uninstall: pods come out without an identity from then on, but they come out."""
        self.helm.uninstall()
        self.stream.forget()  # of those under way Helm's own step took the webhook away
        self.stream.passes(2 * _BURST)
        fates = self.stream.failures
        assert fates, "pods still come out with an identity"
        refused = [fate for fate in fates if "came out" not in fate]
        assert not refused, f"{len(refused)} pods failed: {refused[:5]}"
        self.ends()

    def was_sound(self) -> None:
        """Look at every version that there was of what API server and original read."""
        assert not [one for one in self.secrets if "deleted" in one["metadata"]]
        for secret in self.secrets:
            original.accepts(data_of(secret), dns_name(self.namespace), datetime.now(UTC))
        assert all(bundle_of(configuration) for configuration in self.configurations)
        # Endpoints are found by the port's name: with another one there are none for a moment,
        # which a stream notices only where a new connection is opened just then.
        names = {port.get("name", "") for one in self.services for port in one["spec"]["ports"]}
        assert names == {""}, f"the Service's port was called {names}"

    def _bundle(self) -> bytes:
        return bundle_of(self.api.get(f"{REGISTRATIONS}/{CONFIGURATION}"))

    def _settled(self) -> bool:
        found = self.deployment
        status, wanted = found["status"], found["spec"]["replicas"]
        counts = [status.get(f"{which}Replicas", 0) for which in ("updated", "ready", "available")]
        return (
            status.get("observedGeneration") == found["metadata"]["generation"]
            and counts == [wanted] * 3
            and status["replicas"] == wanted
            and len(self.api.get(f"/api/v1/namespaces/{self.namespace}/pods")["items"]) == wanted
        )


@contextmanager
def release_of_the_original(
    cluster: Cluster, api: Api, folder: Path, *, server_side: bool
) -> Iterator[Release]:
    """Install the original's layout with a Secret that the original made, and let it serve.

    `server_side=False`: as Helm 3 applied it.
    """
    with a_namespace(api, "release") as namespace:
        helm = Helm(cluster.kubeconfig, namespace)
        helm.install(ORIGINAL, VALUES, server_side=server_side)
        _fill(api, namespace)
        with (
            running_pods(cluster, namespace, folder) as pods,
            _somebodys_pods(cluster, api) as stream,
            every_version(cluster, f"/api/v1/namespaces/{namespace}/secrets", SECRET) as secrets,
            every_version(cluster, REGISTRATIONS, CONFIGURATION) as configurations,
            every_version(cluster, f"/api/v1/namespaces/{namespace}/services", SERVICE) as services,
        ):
            release = Release(api, helm, pods, stream, secrets, configurations, services)
            release.settles()
            try:
                yield release
            finally:
                helm.uninstall(hooks=False, missing_ok=True)
                release.ends()


def dns_name(namespace: str) -> str:
    """The name that the API server calls the webhook by."""
    return f"{SERVICE}.{namespace}.svc"


def bundle_of(configuration: Json) -> bytes:
    """Return `caBundle`; empty where there is none."""
    (webhook,) = configuration["webhooks"]
    return base64.b64decode(webhook["clientConfig"].get("caBundle", ""))


def _fill(api: Api, namespace: str) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    data = original.secret_data(dns_name(namespace), datetime.now(UTC), ca_key=key)
    encoded = {name: base64.b64encode(value).decode() for name, value in data.items()}
    api.merge(f"/api/v1/namespaces/{namespace}/secrets/{SECRET}", {"data": encoded})


@contextmanager
def _somebodys_pods(cluster: Cluster, api: Api) -> Iterator[Stream]:
    """Create labelled pods all the while, from the moment when they come out right.

    In bursts of more than the API server keeps connections for: what is open already needs no
    endpoint, and would go on whatever became of the Service.
    """
    wanted = Wanted("billing", _CLIENT)
    with a_namespace(api, "somebody") as namespace:
        body = {"metadata": {"name": "billing", "annotations": {PREFIX + "client-id": _CLIENT}}}
        api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", body)

        def comes_out_right() -> bool:
            path = f"/api/v1/namespaces/{namespace}/pods"
            answer = api.http.post(path, json=a_pod(wanted), params={"dryRun": "All"})
            return answer.is_success and not missing_in(answer.json(), wanted)

        until(comes_out_right, "a pod comes out with its identity", seconds=_PATIENCE)
        stop = threading.Event()
        with (
            open_stream(cluster, namespace, wanted) as stream,
            ThreadPoolExecutor(1, "bursts") as pool,
        ):

            def flow() -> None:
                while not stop.wait(_PAUSE):
                    stream.burst(_BURST)

            work = pool.submit(flow)
            try:
                yield stream
            finally:
                stop.set()
            work.result()
