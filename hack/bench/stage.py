"""What the measurements need in the API server: namespaces, ServiceAccounts, a registration."""

import base64
import http.client
import json
import secrets
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from hack.bench.reviews import AccountName
from hack.cluster import Cluster
from identity.names import CLIENT_ID, TENANT_ID, USE
from webhook.kube import kubeconfig_connection

USER: Final = "azwi-bench"
NAMESPACES: Final = 100
"""Many ServiceAccounts are spread over so many namespaces."""
_WRITERS: Final = 8
_TIMEOUT: Final = 30.0

Json = dict[str, Any]


class StageFailed(Exception):  # noqa: N818 - named like those of hack.cluster
    """The API server refused what the measurements need."""


class Api:
    """One kept-alive connection to the API server, as its administrator."""

    def __init__(self, kubeconfig: Path) -> None:
        found = kubeconfig_connection(kubeconfig)
        address = urlsplit(found.base_url)
        self._root = address.path.rstrip("/")
        self._token = found.token
        self._connection = http.client.HTTPSConnection(
            address.hostname or "", address.port, timeout=_TIMEOUT, context=found.ssl_context
        )

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def call(self, method: str, path: str, body: Json | bytes | None = None) -> Json:
        """Ask, and read the answer; raises StageFailed for one that is not 2xx."""
        status, answer = self.exchange(method, path, body)
        if not 200 <= status < 300:
            raise StageFailed(f"{method} {path}: {status} {answer.get('message', '')}")
        return answer

    def exchange(
        self, method: str, path: str, body: Json | bytes | None = None
    ) -> tuple[int, Json]:
        """Ask, and read the answer whatever it is."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.current()}"
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        self._connection.request(method, self._root + path, content, headers)
        with self._connection.getresponse() as response:
            answer: Json = json.loads(response.read())
            return response.status, answer


@dataclass(slots=True)
class Stage:
    """Our corner of a cluster."""

    cluster: Cluster
    kubeconfig: Path
    """Of the user that the webhook signs in as: it may read ServiceAccounts and nothing else."""
    prefix: str
    """What everything of ours in the cluster begins with."""
    _namespaces: list[str] = field(default_factory=list)
    _registrations: list[str] = field(default_factory=list)

    def few(self) -> list[AccountName]:
        """Return the one ServiceAccount that there is from the start."""
        return [AccountName(f"{self.prefix}-few", "payments")]

    def api(self) -> Api:
        """Open a connection as the administrator."""
        return Api(self.cluster.kubeconfig)

    def namespace(self, api: Api, name: str, labels: dict[str, str] | None = None) -> str:
        """Make a namespace; the name comes after our prefix."""
        full = f"{self.prefix}-{name}"
        api.call("POST", "/api/v1/namespaces", {"metadata": {"name": full, "labels": labels or {}}})
        self._namespaces.append(full)
        return full

    def many(self, count: int, tell: Callable[[int], None]) -> list[AccountName]:
        """Make so many more ServiceAccounts, several at a time (10,000 take half a minute)."""
        with closing(self.api()) as api:
            namespaces = [self.namespace(api, f"team-{number:03}") for number in range(NAMESPACES)]
        names = [
            AccountName(namespaces[number % NAMESPACES], f"service-{number // NAMESPACES:03}-api")
            for number in range(count)
        ]
        rest = iter(names)
        made = 0
        failures: list[Exception] = []
        lock = threading.Lock()

        def write() -> None:
            nonlocal made
            try:
                with closing(self.api()) as api:
                    while not failures:
                        with lock:
                            name = next(rest, None)
                        if name is None:
                            return
                        api.call(*account(name))
                        with lock:
                            made += 1
            except (OSError, http.client.HTTPException, StageFailed) as error:
                failures.append(error)

        writers = [threading.Thread(target=write, daemon=True) for _ in range(_WRITERS)]
        for writer in writers:
            writer.start()
        for writer in writers:
            while writer.is_alive():
                writer.join(0.5)
                tell(made)
        if failures:
            raise StageFailed(f"a ServiceAccount could not be made: {failures[0]}")
        return names

    @contextmanager
    def registered(
        self, api: Api, url: str, authority: Path, namespace_label: str
    ) -> Iterator[None]:
        """Register a webhook for labelled pods of the namespaces that carry a label."""
        place = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
        name = f"{self.prefix}-{secrets.token_hex(3)}"
        api.call("POST", place, _registration(name, url, authority, namespace_label))
        self._registrations.append(name)
        try:
            yield
        finally:
            api.call("DELETE", f"{place}/{name}")
            self._registrations.remove(name)

    def clear(self) -> None:
        """Take everything of ours out of a cluster that stays."""
        with closing(self.api()) as api:
            for kind in ("clusterrolebindings", "clusterroles"):
                api.exchange("DELETE", f"/apis/rbac.authorization.k8s.io/v1/{kind}/{self.prefix}")
            for namespace in self._namespaces:
                api.exchange("DELETE", f"/api/v1/namespaces/{namespace}")


@contextmanager
def staged(cluster: Cluster) -> Iterator[Stage]:
    """Prepare a corner of a cluster for as long as the block runs."""
    stage = Stage(cluster, cluster.kubeconfig_for(USER), f"azwi-bench-{secrets.token_hex(3)}")
    try:
        with closing(stage.api()) as api:
            _grant(api, stage.prefix)
            stage.namespace(api, "few")
            api.call(*account(stage.few()[0]))
        yield stage
    finally:
        if not cluster.ours:  # ours goes as a whole
            stage.clear()


def account(name: AccountName) -> tuple[str, str, Json]:
    """Return the request that makes an annotated ServiceAccount as a chart would write it."""
    client_id = str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(name)))
    metadata = {
        "name": name.name,
        "labels": {
            "app.kubernetes.io/name": name.name,
            "app.kubernetes.io/managed-by": "Helm",
            USE: "true",
        },
        "annotations": {
            CLIENT_ID: client_id,
            TENANT_ID: "72f988bf-86f1-41af-91ab-2d7cd011db47",
            "meta.helm.sh/release-name": name.name,
            "meta.helm.sh/release-namespace": name.namespace,
        },
    }
    return "POST", f"/api/v1/namespaces/{name.namespace}/serviceaccounts", {"metadata": metadata}


def _grant(api: Api, name: str) -> None:
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    rule = {
        "apiGroups": [""],
        "resources": ["serviceaccounts"],
        "verbs": ["get", "list", "watch"],
    }
    api.call("POST", f"{rbac}/clusterroles", {"metadata": {"name": name}, "rules": [rule]})
    group = "rbac.authorization.k8s.io"
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": group, "kind": "User", "name": USER}],
    }
    api.call("POST", f"{rbac}/clusterrolebindings", binding)


def _registration(name: str, url: str, authority: Path, namespace_label: str) -> Json:
    bundle = base64.b64encode(authority.read_bytes()).decode()
    rule = {
        "operations": ["CREATE"],
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "resources": ["pods"],
    }
    return {
        "metadata": {"name": name},
        "webhooks": [
            {
                "name": "mutation.azure-workload-identity.io",
                "clientConfig": {"url": url, "caBundle": bundle},
                "rules": [rule],
                "namespaceSelector": {"matchLabels": {namespace_label: "yes"}},
                "objectSelector": {"matchLabels": {USE: "true"}},
                "failurePolicy": "Fail",
                "matchPolicy": "Equivalent",
                "reinvocationPolicy": "IfNeeded",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1", "v1beta1"],
                "timeoutSeconds": 10,
            }
        ],
    }
