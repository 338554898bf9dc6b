"""Two replicas of the webhook behind a Service, installed as the original's chart does it."""

import base64
import json
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from hack.cluster import Cluster
from hack.cluster.readiness import wait_until
from hack.webhook import Webhook, by_service, registration
from identity.names import PREFIX
from tests.cluster.api import Api, Json, Refused, a_namespace, api_of
from tests.cluster.faults.keeper import PORT_NAME, SLICES, EndpointsKeeper, a_slice, keeping
from tests.cluster.faults.link import Link, Links, links
from tests.cluster.faults.stream import Wanted, a_pod, missing_in
from tests.cluster.webhook_release import LEAST

SERVICE = "azure-wi-webhook-webhook-service"
SECRET = "azure-wi-webhook-server-cert"
CONFIGURATION = "azure-wi-webhook-mutating-webhook-configuration"
REGISTRATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
CLIENT = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
BILLING = Wanted("billing", CLIENT)

_RBAC = "rbac.authorization.k8s.io"
_MANY = 16
_QUICK = ("--ca-trust-delay=3s", "--ca-adoption-delay=2s", "--cert-jitter=300ms")
"""What takes minutes in a cluster takes seconds here."""


@dataclass(frozen=True)
class Replica:
    """One replica, and the link that it reaches the API server by."""

    webhook: Webhook
    to_api_server: Link
    slice_name: str

    def end_of(self, until: Callable[[Callable[[], bool], str], None]) -> int | None:
        """Wait for its end; returns what it ended with."""
        program = self.webhook.program
        until(lambda: program.exit_status() is not None, "the end of a replica")
        return program.exit_status()

    def start(self) -> None:
        """Start it anew on the same ports."""
        self.webhook.start()
        self.webhook.await_ready()


@dataclass(frozen=True)
class Setting:
    """How the replicas of one run are set up."""

    flags: Sequence[str] = ()
    without: str = ""
    """The safeguard that is taken out (`without.SAFEGUARDS`)."""
    lag: float = 0.5
    """Seconds from a replica's readiness to its traffic."""
    distance: float = 0.0
    """Seconds that the API server's words take to a replica, and back."""


class Installation:
    """A namespace with everything that replicas find there, whichever they are."""

    def __init__(self, cluster: Cluster, api: Api, namespace: str, folder: Path) -> None:
        self.cluster = cluster
        self.api = api
        self.namespace = namespace
        self.folder = folder
        self._user = namespace  # unique already
        self._secret = f"/api/v1/namespaces/{namespace}/secrets/{SECRET}"

    def secret(self) -> Json:
        """Read the Secret."""
        return self.api.get(self._secret)

    def ask_to_rotate(self, what: str) -> None:
        """Ask as a person would, by annotation: `ca` or `serving`."""
        self._annotate(self._secret, "rotate", what)

    def authorities(self) -> tuple[str, ...]:
        """Return the certificates of `caBundle`."""
        configuration = self.api.get(f"{REGISTRATIONS}/{CONFIGURATION}")
        bundle = configuration["webhooks"][0]["clientConfig"].get("caBundle", "")
        begin = "-----BEGIN"
        return tuple(base64.b64decode(bundle).decode().split(begin)[1:])

    def await_traffic(self, replicas: Sequence[Replica]) -> None:
        """Wait until every replica has its endpoint, and pods come out with their identity."""
        self.await_endpoints(replicas)
        self.await_identity(BILLING)

    def await_endpoints(self, replicas: Sequence[Replica]) -> None:
        """Wait until every replica has its endpoint."""

        def has_traffic(replica: Replica) -> bool:
            found = self.api.get(f"{self._slices}/{replica.slice_name}")
            return bool(found["endpoints"][0]["conditions"]["ready"])

        for replica in replicas:
            _await(partial(has_traffic, replica), "an endpoint")

    def await_identity(self, wanted: Wanted) -> None:
        """Wait until many pods at once, which both replicas are asked about, come out right."""
        pods = f"/api/v1/namespaces/{self.namespace}/pods"

        def comes_out_right(_: int) -> bool:
            answer = self.api.http.post(pods, json=a_pod(wanted), params={"dryRun": "All"})
            return answer.is_success and not missing_in(answer.json(), wanted)

        with ThreadPoolExecutor(_MANY, "pods") as pool:
            _await(lambda: all(pool.map(comes_out_right, range(_MANY))), "the identity of pods")

    def add_account(self, name: str, client_id: str | None) -> Wanted:
        """Make a ServiceAccount, annotated or not."""
        annotations = {PREFIX + "client-id": client_id} if client_id else {}
        metadata = {"name": name, "annotations": annotations}
        self.api.post(
            f"/api/v1/namespaces/{self.namespace}/serviceaccounts", {"metadata": metadata}
        )
        return Wanted(name, client_id or "")

    def annotate_account(self, name: str, client_id: str) -> Wanted:
        """Annotate a ServiceAccount that is there."""
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{name}"
        self._annotate(path, "client-id", client_id)
        return Wanted(name, client_id)

    @contextmanager
    def replicas(self, setting: Setting) -> Iterator[list[Replica]]:
        """Run two replicas, with a Secret and a registration that are as new as they are."""
        self._start_over()
        try:
            with self.running(setting) as replicas:
                yield replicas
        finally:
            self._remove(f"{REGISTRATIONS}/{CONFIGURATION}")

    @contextmanager
    def running(self, setting: Setting) -> Iterator[list[Replica]]:
        """Run two replicas, ready from the start."""
        with ExitStack() as stack:
            network = stack.enter_context(links())
            replicas = [self._replica(network, setting, f"replica-{n}") for n in range(2)]
            for replica in replicas:
                stack.callback(self._remove, f"{self._slices}/{replica.slice_name}")
            for replica in replicas:
                stack.callback(replica.webhook.program.stop, patience=0)
                replica.webhook.start()
            stack.push(partial(_tell_logs, replicas))
            for replica in replicas:
                replica.webhook.await_ready()
            endpoints = [(replica.webhook, replica.slice_name) for replica in replicas]
            keeper = EndpointsKeeper(self.cluster, self.namespace, endpoints, setting.lag)
            stack.enter_context(keeping(keeper))
            yield replicas

    def _annotate(self, path: str, annotation: str, value: str) -> None:
        self.api.merge(path, {"metadata": {"annotations": {PREFIX + annotation: value}}})

    @property
    def _slices(self) -> str:
        return SLICES.format(self.namespace)

    def _start_over(self) -> None:
        self._remove(self._secret)
        self.api.post(
            f"/api/v1/namespaces/{self.namespace}/secrets", {"metadata": {"name": SECRET}}
        )
        service = by_service(SERVICE, self.namespace)
        selector = {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}}
        self.api.post(
            REGISTRATIONS,
            registration(CONFIGURATION, service, namespaceSelector=selector),
        )

    def _replica(self, network: Links, setting: Setting, name: str) -> Replica:
        url = urlsplit(self.cluster.url)
        host, port = url.hostname or "", url.port or 443
        link = network.to(host, port)
        folder = self.folder / uuid.uuid4().hex[:6]
        folder.mkdir()
        webhook = Webhook(
            folder,
            self._kubeconfig(folder / "kubeconfig", link.port, host),
            [*_QUICK, *setting.flags],
            {"POD_NAMESPACE": self.namespace},
            name,
            command=_command(setting.without),
        )
        address, endpoint = self.cluster.host_address, webhook.port
        if setting.distance:
            way = network.to("127.0.0.1", webhook.port, listen=address, delay=setting.distance)
            endpoint = way.port
        made = self.api.post(self._slices, a_slice(SERVICE, address, endpoint))
        return Replica(webhook, link, made["metadata"]["name"])

    def _kubeconfig(self, path: Path, port: int, name: str) -> Path:
        """Lead a kubeconfig of the webhook's own rights through a link."""
        config = json.loads(self.cluster.kubeconfig_for(self._user).read_text())
        config["clusters"][0]["cluster"] |= {
            "server": f"https://127.0.0.1:{port}",
            "tls-server-name": name,
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(config))
        return path

    def _remove(self, path: str) -> None:
        try:
            self.api.delete(path)
        except Refused as refused:
            if refused.code != 404:
                raise


@contextmanager
def installed(cluster: Cluster, folder: Path) -> Iterator[Installation]:
    """Install all but the replicas themselves, for as long as the block runs."""
    with api_of(cluster) as api, a_namespace(api, "faults") as namespace, ExitStack() as stack:
        found = Installation(cluster, api, namespace, folder)
        for kind, rules in (("clusterrole", LEAST.cluster), ("role", LEAST.namespace)):
            inside = "" if kind.startswith("cluster") else f"namespaces/{namespace}/"
            base = f"/apis/{_RBAC}/v1/{inside}{kind}"
            binding = {
                "metadata": {"name": namespace},
                "roleRef": {
                    "apiGroup": _RBAC,
                    "kind": "ClusterRole" if not inside else "Role",
                    "name": namespace,
                },
                "subjects": [{"apiGroup": _RBAC, "kind": "User", "name": namespace}],
            }
            role = {"metadata": {"name": namespace}, "rules": list(rules)}
            for path, body in ((f"{base}s", role), (f"{base}bindings", binding)):
                api.post(path, body)
                stack.callback(api.delete, f"{path}/{namespace}")
        ports = [{"name": PORT_NAME, "port": 443, "protocol": "TCP"}]
        api.post(
            f"/api/v1/namespaces/{namespace}/services",
            {"metadata": {"name": SERVICE}, "spec": {"ports": ports}},
        )
        found.add_account(BILLING.account, BILLING.client_id)
        yield found
        shutil.rmtree(folder, ignore_errors=True)


def _command(without: str) -> Sequence[str]:
    return ("-m", "tests.cluster.faults.without", without) if without else ("-m", "webhook")


def _await(reached: Callable[[], bool], what: str) -> None:
    wait_until(reached, seconds=60, what=what, lost=lambda: None, tell=lambda _: None)


def _tell_logs(replicas: Sequence[Replica], kind: object, *_: object) -> None:
    """Where a test failed, say what the replicas said."""
    if kind is not None:
        for replica in replicas:
            sys.stdout.write(f"--- {replica.webhook.name}:\n{replica.webhook.log()[-20000:]}\n")
