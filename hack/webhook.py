"""The webhook for tests and tools: started as in a cluster, registered as the chart does."""

import base64
import datetime
import http.client
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hack.cluster import StartFailed, pki
from hack.cluster.addresses import free_port
from hack.cluster.programs import Program
from hack.cluster.readiness import wait_until
from identity.names import USE

Object = dict[str, Any]

TENANT_ID: Final = "5f1c9d1e-9f3b-4a53-8d0c-2f6d0c1b7a42"
SERVICE: Final = "azure-wi-webhook-webhook-service.azure-workload-identity-system.svc"
WEBHOOK_NAME: Final = "mutation.azure-workload-identity.io"
PATH: Final = "/mutate-v1-pod"
_ROOT: Final = Path(__file__).parents[1]
_READY_SECONDS: Final = 30.0

RULES: Final[list[Object]] = [
    {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get", "list", "watch"]}
]
"""All that the webhook needs of a cluster, its own certificate apart."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A serving certificate in files, and what its callers check it against."""

    folder: Path
    """Holds `tls.crt` and `tls.key`."""
    authority: bytes
    """PEM."""


def make_certificate(folder: Path, host: str) -> Certificate:
    """Make a certificate for an address and the Service's name; the folder is new."""
    now = datetime.datetime.now(datetime.UTC)
    authority = pki.make_authority("azwi-local", now)
    pair = pki.issue_server(authority, [host, SERVICE], now)
    folder.mkdir(mode=0o700, parents=True)
    (folder / "tls.crt").write_bytes(pair.certificate)
    (folder / "tls.key").touch(mode=0o600)
    (folder / "tls.key").write_bytes(pair.key)
    return Certificate(folder, authority.certificate)


@dataclass(slots=True)
class Webhook:
    """One process. Health and metrics are on 127.0.0.1, reviews on every address."""

    folder: Path
    """For its log; a folder of the caller's, which ends with it."""
    kubeconfig: Path
    flags: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    name: str = "webhook"
    port: int = field(default_factory=lambda: free_port("0.0.0.0"))  # noqa: S104 - as it listens
    health_port: int = field(default_factory=lambda: free_port("127.0.0.1"))
    metrics_port: int = field(default_factory=lambda: free_port("127.0.0.1"))
    command: Sequence[str] = ("-m", "webhook")
    """What Python runs."""
    program: Program = field(init=False)

    def __post_init__(self) -> None:
        self.program = Program(self.folder, self.name)

    def start(self) -> None:
        """Start it; it ends with this process in any case."""
        self.program.start(
            [
                *(sys.executable, *self.command),
                f"--kubeconfig={self.kubeconfig}",
                f"--port={self.port}",
                f"--health-addr=127.0.0.1:{self.health_port}",
                f"--metrics-addr=127.0.0.1:{self.metrics_port}",
                *self.flags,
            ],
            # Nothing of the user's: AZURE_ENVIRONMENT and the like change what pods get.
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "AZURE_TENANT_ID": TENANT_ID,
                **self.environment,
            },
            cwd=_ROOT,
        )

    def await_ready(self) -> None:
        """Wait until it may be sent reviews; raises StartFailed with the end of its log."""
        wait_until(
            lambda: self.readiness()[0] == http.client.OK,
            seconds=_READY_SECONDS,
            what=self.name,
            lost=self._lost,
            tell=lambda _: None,
        )

    def readiness(self) -> tuple[int, str]:
        """Ask `/readyz?verbose`; status 0 where nobody answers."""
        return self._get(self.health_port, "/readyz?verbose")

    def metrics(self) -> str:
        """Ask `/metrics`."""
        status, text = self._get(self.metrics_port, "/metrics")
        if status != http.client.OK:
            raise StartFailed(f"{self.name} gives no metrics: {text}")
        return text

    def terminate(self) -> None:
        """Ask it to end in order, as a kubelet does; returns at once."""
        if (process := self.program.process) is not None:
            process.signal(signal.SIGTERM)

    def log(self) -> str:
        """Return all it said."""
        return self.program.log.read_text(encoding="utf-8", errors="replace")

    def _lost(self) -> str | None:
        status = self.program.exit_status()
        return None if status is None else f"ended with status {status}"

    def _get(self, port: int, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)
        finally:
            connection.close()


@contextmanager
def running(webhook: Webhook, *, patience: float = 10.0) -> Iterator[Webhook]:
    """Run a webhook, ready from the start, for as long as the block does."""
    try:
        webhook.start()
        webhook.await_ready()
        yield webhook
    finally:
        webhook.program.stop(patience=patience)


def by_url(host: str, port: int, authority: bytes) -> Object:
    """Write a clientConfig for a webhook outside of the cluster."""
    host = f"[{host}]" if ":" in host else host
    return {
        "url": f"https://{host}:{port}{PATH}",
        "caBundle": _text(authority),
    }


def by_service(name: str, namespace: str, authority: bytes | None = None) -> Object:
    """Write a clientConfig for a webhook behind a Service; without `authority` it fills that in."""
    config: Object = {"service": {"name": name, "namespace": namespace, "path": PATH}}
    return config if authority is None else config | {"caBundle": _text(authority)}


def registration(name: str, client_config: Object, **changes: Any) -> Object:
    """Write what tells the API server to ask the webhook, as the chart has it but for `changes`."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [
            {
                "name": WEBHOOK_NAME,
                "admissionReviewVersions": ["v1", "v1beta1"],
                "clientConfig": client_config,
                "failurePolicy": "Fail",
                "matchPolicy": "Equivalent",
                "objectSelector": {"matchLabels": {USE: "true"}},
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
                **changes,
            }
        ],
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
