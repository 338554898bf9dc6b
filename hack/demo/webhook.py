"""The webhook's process, as a cluster would run it: TLS, and rights on ServiceAccounts only."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hack.cluster import Cluster, addresses
from hack.cluster.programs import Program
from hack.demo.processes import await_ready, log_shown
from hack.webhook import RULES, TENANT_ID, Object, by_url, make_certificate
from hack.webhook import registration as a_registration
from identity.names import AZURE_AUTHORITY_HOST, AZURE_TENANT_ID

USER = "azwi-demo-webhook"
NAME = "azwi-demo"
_ROOT = Path(__file__).parents[2]


ROLE: Object = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": NAME},
    "rules": RULES,
}
BINDING: Object = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": NAME},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NAME},
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USER}],
}
REGISTERED: Object = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "MutatingWebhookConfiguration",
    "metadata": {"name": NAME},
}
"""What the registration is known by."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the webhook listens, and what its callers check its certificate against."""

    host: str
    port: int
    health_port: int
    metrics_port: int
    authority: bytes
    folder: Path
    """Holds `tls.crt` and `tls.key`."""

    @property
    def url(self) -> str:
        """Where admission reviews go."""
        return str(by_url(self.host, self.port, self.authority)["url"])


def prepare(cluster: Cluster) -> Place:
    """Choose an address that the cluster's API server reaches, and make a certificate for it."""
    on_this_machine = cluster.ours and cluster.way != "kind"
    host = "127.0.0.1" if on_this_machine else cluster.host_address
    certificate = make_certificate(cluster.folder / "webhook-certificate", host)
    port, health_port, metrics_port = _free_ports()
    return Place(host, port, health_port, metrics_port, certificate.authority, certificate.folder)


@contextmanager
def running(
    cluster: Cluster,
    place: Place,
    kubeconfig: Path,
    authority_host: str,
    tell: Callable[[str], None],
) -> Iterator[Program]:
    """Run the webhook for as long as the block runs; it ends with this process in any case.

    Pods are told to get their access tokens from `authority_host`.
    """
    program = Program(cluster.folder, "webhook")
    try:
        program.start(
            [sys.executable, "-m", "webhook", *arguments(place, kubeconfig)],
            # Nothing of the user's: AZURE_ENVIRONMENT and the like change what pods get.
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                AZURE_TENANT_ID: TENANT_ID,
                AZURE_AUTHORITY_HOST: authority_host,
            },
            cwd=_ROOT,
        )
        with log_shown(program):
            await_ready(program, f"127.0.0.1:{place.health_port}", tell)
        yield program
    finally:
        program.stop(patience=5)


def arguments(place: Place, kubeconfig: Path) -> list[str]:
    """Write its command line."""
    return [
        f"--kubeconfig={kubeconfig}",
        "--disable-cert-rotation",
        f"--webhook-cert-dir={place.folder}",
        f"--port={place.port}",
        f"--health-addr=127.0.0.1:{place.health_port}",
        f"--metrics-addr=127.0.0.1:{place.metrics_port}",
        "--shutdown-delay=0s",  # nobody calls it any more when it is ended
    ]


def registration(place: Place, namespace: str) -> Object:
    """Write what tells the API server to ask the webhook; as the chart has it, for one namespace.

    On a cluster that somebody lent us, no other namespace's pods must depend on this process.
    """
    return a_registration(
        NAME,
        by_url(place.host, place.port, place.authority),
        namespaceSelector={"matchLabels": {"kubernetes.io/metadata.name": namespace}},
    )


def _free_ports() -> tuple[int, int, int]:
    found: set[int] = set()
    while len(found) < 3:
        found.add(addresses.free_port("0.0.0.0"))  # noqa: S104 - where the webhook listens
    one, two, three = found
    return one, two, three
