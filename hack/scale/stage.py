"""The cluster and Entra ID, with all that is to be there before the controller starts."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from controller.names import GROUP, PLURAL, VERSION
from hack.bench.stage import Api, Json, StageFailed
from hack.cluster import Cluster
from hack.demo import controller as shipped
from hack.emulator import Emulator, running
from hack.scale.counts import EntraCalls, Requests, api_requests
from hack.scale.fleet import CONTROLLER, SECRET, TENANT, Fleet

FICS: Final = f"/apis/{GROUP}/{VERSION}/{PLURAL}"
WATCHER: Final = "azwi-scale-watcher"
"""Who may see ServiceAccounts and nothing else: the bare operator."""
_WRITERS: Final = 8
_PAGE: Final = 500
_ESTABLISHED_SECONDS: Final = 30.0
_RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"

Request = tuple[str, Json]
"""A path to post to, and the body."""


class AdminApi(Api):
    """One that reads what is no JSON, too, and may rest for minutes between two calls."""

    def exchange(
        self, method: str, path: str, body: Json | bytes | None = None
    ) -> tuple[int, Json]:
        """See `Api`."""
        self._connection.close()  # the API server closes what rests: it is opened anew
        return super().exchange(method, path, body)

    def text(self, path: str) -> str:
        """Read a text; raises StageFailed for an answer that is not 200."""
        status, text = self._look(path)
        if status != http.client.OK:
            raise StageFailed(f"GET {path}: {status}")
        return text

    def serves(self, path: str) -> bool:
        """Tell whether there is anything."""
        return self._look(path)[0] == http.client.OK

    def _look(self, path: str) -> tuple[int, str]:
        self._connection.close()
        self._connection.request("GET", path, headers=self._headers())
        with self._connection.getresponse() as response:
            return response.status, response.read().decode(errors="replace")

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token.current()}"} if self._token else {}


@dataclass(slots=True)
class Stage:
    """A cluster and an emulator, filled with a fleet."""

    cluster: Cluster
    emulator: Emulator
    fleet: Fleet
    folder: Path
    api: AdminApi = field(repr=False)

    def controllers_flags(self, factor: float) -> list[str]:
        """Write the command line of the controller, as far as it is about where things are."""
        entra = self.emulator.addresses
        kubeconfig = self.cluster.kubeconfig_for(shipped.SUBJECT, shipped.GROUPS)
        secret = self.folder / "secret"
        secret.write_text(SECRET)
        return [
            f"--kubeconfig={kubeconfig}",
            f"--namespace={shipped.NAMESPACE}",
            f"--tenant-id={TENANT}",
            f"--authority-host={entra.authority}",
            f"--graph-url={entra.graph}",
            f"--resource-manager-url={entra.arm}",
            f"--ca-file={entra.ca}",
            f"--subscriptions={','.join(self.fleet.subscriptions())}",
            "--sign-in=client-secret",
            f"--client-id={CONTROLLER}",
            f"--client-secret-file={secret}",
            "--lease-identity=scale",
            f"--rate-factor={factor:g}",
        ]

    def requests(self) -> Requests:
        """Read what the API server was asked so far, by anybody."""
        return api_requests(self.api.text("/metrics"))

    def entra_calls(self) -> EntraCalls:
        """Read what the emulator was asked so far: by kind, by client id."""
        found: EntraCalls = {}
        for row in self.emulator.admin("GET", "/requests/counts")["counts"]:
            found.setdefault(row["kind"], Counter())[row["identity"]] += row["count"]
        return found

    def credentials(self) -> Counter[str]:
        """Count what stands in Entra ID, by client id."""
        state = self.emulator.admin("GET", "/state")
        rows = [(row["appId"], row) for row in state["applications"]]
        rows += [(row["clientId"], row) for row in state["managedIdentities"]]
        return Counter(
            {
                client_id: len(row["federatedIdentityCredentials"])
                for client_id, row in rows
                if row["federatedIdentityCredentials"]
            }
        )

    def objects(self) -> Iterator[Json]:
        """Read all FederatedIdentityCredential objects, page by page."""
        more = ""
        while True:
            page = self.api.call("GET", f"{FICS}?limit={_PAGE}&continue={more}")
            yield from page["items"]
            if not (more := page["metadata"].get("continue", "")):
                return

    def ready(self) -> int:
        """Count the objects that say that they are Ready."""
        return sum(map(_is_ready, self.objects()))


@contextmanager
def staged(
    cluster: Cluster, fleet: Fleet, throttle: float, tell: Callable[[str], None]
) -> Iterator[Stage]:
    """Fill a cluster, and an emulator that throttles at so many times the published rates."""
    folder = cluster.folder / "scale"  # goes with the cluster, whatever way that ends
    folder.mkdir(mode=0o700)
    emulator = Emulator(folder, fleet.seed(), [f"--throttle={throttle:g}", "--log-level=error"])
    with running(emulator), closing(AdminApi(cluster.kubeconfig)) as api:
        stage = Stage(cluster, emulator, fleet, folder, api)
        _define(api)
        _post_all(cluster, list(_around(fleet)), tell)
        accounts = [
            (f"/api/v1/namespaces/{one.namespace}/serviceaccounts", one.body())
            for one in fleet.accounts
        ]
        _post_all(cluster, accounts, tell)
        yield stage


def _around(fleet: Fleet) -> Iterator[Request]:
    """Yield everything but the ServiceAccounts, in an order in which it can be made."""
    for body in shipped.namespace()[:2]:
        yield _collection(body), body
    for name in fleet.namespaces:
        yield "/api/v1/namespaces", {"metadata": {"name": name}}
    for body in shipped.rights():
        yield _collection(body), body
    yield from fleet.grants()
    rule = {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["list", "watch"]}
    yield f"{_RBAC}/clusterroles", {"metadata": {"name": WATCHER}, "rules": [rule]}
    group = "rbac.authorization.k8s.io"
    yield (
        f"{_RBAC}/clusterrolebindings",
        {
            "metadata": {"name": WATCHER},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": WATCHER},
            "subjects": [{"apiGroup": group, "kind": "User", "name": WATCHER}],
        },
    )


def _define(api: AdminApi) -> None:
    definition = shipped.definition()
    path = _collection(definition)
    api.call("POST", path, definition)
    end = time.monotonic() + _ESTABLISHED_SECONDS
    while not api.serves(f"{FICS}?limit=1"):
        if time.monotonic() > end:
            raise StageFailed(f"{definition['metadata']['name']} is not served")
        time.sleep(0.1)


def _post_all(cluster: Cluster, requests: Sequence[Request], tell: Callable[[str], None]) -> None:
    """Post several at a time; namespaces that others need come long before them."""
    rest, made, lock = iter(requests), 0, threading.Lock()
    failures: list[Exception] = []

    def write() -> None:
        nonlocal made
        try:
            with closing(Api(cluster.kubeconfig)) as api:
                while not failures:
                    with lock:
                        path, body = next(rest, ("", {}))
                    if not path:
                        return
                    api.call("POST", path, body)
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
            tell(f"{made:,} of {len(requests):,}")
    if failures:
        raise StageFailed(f"what is to be there could not be made: {failures[0]}")


def _collection(body: Json) -> str:
    group = body["apiVersion"]
    root = "/api/v1" if group == "v1" else f"/apis/{group}"
    namespace = body["metadata"].get("namespace")
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{within}/{body['kind'].lower()}s"


def _is_ready(body: Json) -> bool:
    conditions: Iterable[Json] = body.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
