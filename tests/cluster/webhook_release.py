"""A release of the webhook's chart in a real API server, but for the process, with any rights."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from hack.cluster import Cluster
from hack.cluster.readiness import wait_until
from hack.webhook import TENANT_ID, Webhook, by_service, registration
from identity.names import PREFIX, USE
from tests.cluster.api import Api, Json, a_namespace, api_of
from webhook.certificates.configuration import bundle_in
from webhook.certificates.inspection import authorities

SERVICE: Final = "azure-wi-webhook-webhook-service"
SECRET: Final = "azure-wi-webhook-server-cert"
CONFIGURATION: Final = "azure-wi-webhook-mutating-webhook-configuration"
WEBHOOK: Final = "mutation.azure-workload-identity.io"
ACCOUNT: Final = "azure-wi-webhook-admin"
CLIENT: Final = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
REGISTRATIONS: Final = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"

_GROUP: Final = "rbac.authorization.k8s.io"
_PATIENCE: Final = 60


@dataclass(frozen=True)
class Rights:
    """RBAC rules of the webhook: those of its ClusterRole, and of its Role."""

    cluster: Sequence[Json]
    namespace: Sequence[Json]

    def without(self, resource: str, verb: str | None = None) -> "Rights":
        """The same but for one rule, or one verb of it."""
        return Rights(_less(self.cluster, resource, verb), _less(self.namespace, resource, verb))


LEAST: Final = Rights(
    cluster=[
        {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get", "list", "watch"]},
        {
            "apiGroups": ["admissionregistration.k8s.io"],
            "resources": ["mutatingwebhookconfigurations"],
            "resourceNames": [CONFIGURATION],
            "verbs": ["get", "watch", "update"],
        },
    ],
    namespace=[
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "resourceNames": [SECRET],
            "verbs": ["get", "watch", "update"],
        }
    ],
)
"""All that it takes to serve, with a certificate of the webhook's own."""


@dataclass(frozen=True)
class Release:
    """The objects of a release, and what a test asks of them."""

    cluster: Cluster
    api: Api
    namespace: str

    @property
    def secret_path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/secrets/{SECRET}"

    @property
    def configuration(self) -> Json:
        return self.api.get(f"{REGISTRATIONS}/{CONFIGURATION}")

    @property
    def bundle(self) -> bytes:
        return bundle_in(self.configuration, WEBHOOK) or b""

    @property
    def published(self) -> list[str]:
        """Fingerprints of the CAs in `caBundle`."""
        return [one.fingerprint for one in authorities(self.bundle)]

    def configure(self, change: Callable[[Json], None]) -> Json:
        """Change the configuration as somebody else would."""
        found = self.configuration
        change(found)
        return self.api.put(f"{REGISTRATIONS}/{CONFIGURATION}", found)

    def add_account(self, name: str, client_id: str | None = CLIENT) -> None:
        annotations = {} if client_id is None else {PREFIX + "client-id": client_id}
        self.api.post(
            f"/api/v1/namespaces/{self.namespace}/serviceaccounts",
            {"metadata": {"name": name, "annotations": annotations}},
        )

    def annotate_account(self, name: str, client_id: str) -> None:
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{name}"
        self.api.merge(path, {"metadata": {"annotations": {PREFIX + "client-id": client_id}}})

    def serves(self, webhook: Webhook) -> None:
        """Send the Service's traffic to a process on this machine."""
        self.api.post(
            f"/apis/discovery.k8s.io/v1/namespaces/{self.namespace}/endpointslices",
            {
                "metadata": {
                    "name": f"{SERVICE}-{webhook.port}",
                    "labels": {"kubernetes.io/service-name": SERVICE},
                },
                "addressType": "IPv4",
                "ports": [{"name": "https", "port": webhook.port, "protocol": "TCP"}],
                "endpoints": [
                    {"addresses": [self.cluster.host_address], "conditions": {"ready": True}}
                ],
            },
        )

    def client_id_of_a_pod(self, account: str) -> str | None:
        """Create a pod, to try; return the client id that it came out with."""
        pod = {
            "metadata": {"generateName": "web-", "labels": {USE: "true"}},
            "spec": {
                "serviceAccountName": account,
                "containers": [{"name": "app", "image": "registry.example/app:1"}],
            },
        }
        made, _ = self.api.create_pod(self.namespace, pod, dryRun="All")
        env = made["spec"]["containers"][0].get("env", [])
        found = {variable["name"]: variable.get("value") for variable in env}
        assert found.get("AZURE_TENANT_ID") == TENANT_ID
        return found.get("AZURE_CLIENT_ID")


def until(reached: Callable[[], bool], what: str) -> None:
    """Wait for something; a test fails that waits for more than a minute."""
    wait_until(reached, seconds=_PATIENCE, what=what, lost=lambda: None, tell=lambda _: None)


@contextmanager
def installed(cluster: Cluster, rights: Rights, **subject: str) -> Iterator[Release]:
    """Install all but the process. `subject`: who has the rights; by custom the namespace's user.

    The configuration has the name that it has in every cluster: one release at a time.
    """
    with api_of(cluster) as api, a_namespace(api, "release") as namespace, ExitStack() as stack:
        who = subject or {"apiGroup": _GROUP, "kind": "User", "name": namespace}
        for kind, rules in (("ClusterRole", rights.cluster), ("Role", rights.namespace)):
            where = "" if kind == "ClusterRole" else f"/namespaces/{namespace}"
            base = f"/apis/{_GROUP}/v1{where}/{kind.lower()}"
            binding = {
                "metadata": {"name": namespace},
                "roleRef": {"apiGroup": _GROUP, "kind": kind, "name": namespace},
                "subjects": [who if "namespace" not in who else {**who, "namespace": namespace}],
            }
            role = {"metadata": {"name": namespace}, "rules": list(rules)}
            for path, body in ((f"{base}s", role), (f"{base}bindings", binding)):
                api.post(path, body)
                stack.callback(api.delete, f"{path}/{namespace}")
        in_it = f"/api/v1/namespaces/{namespace}"
        ports = [{"name": "https", "port": 443, "protocol": "TCP"}]
        api.post(f"{in_it}/services", {"metadata": {"name": SERVICE}, "spec": {"ports": ports}})
        api.post(f"{in_it}/secrets", {"metadata": {"name": SECRET}})
        api.post(f"{in_it}/serviceaccounts", {"metadata": {"name": ACCOUNT}})
        selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
        service = by_service(SERVICE, namespace)
        api.post(REGISTRATIONS, registration(CONFIGURATION, service, namespaceSelector=selector))
        stack.callback(api.delete, f"{REGISTRATIONS}/{CONFIGURATION}")
        yield Release(cluster, api, namespace)


def _less(rules: Sequence[Json], resource: str, verb: str | None) -> list[Json]:
    left = copy.deepcopy(list(rules))
    for rule in left:
        if resource in rule["resources"]:
            rule["verbs"] = [other for other in rule["verbs"] if verb not in {None, other}]
    return [rule for rule in left if rule["verbs"]]
