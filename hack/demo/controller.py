"""The controller's process, with the definition and the rights that the chart ships."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hack.cluster import Cluster
from hack.cluster.programs import Program
from hack.demo.entra import CONTROLLER_ID, SUBSCRIPTION
from hack.demo.errors import DemoFailed
from hack.demo.manifests import Object, read_objects, the_only
from hack.demo.processes import await_ready, end_of, log_shown
from hack.emulator import Addresses
from hack.webhook import TENANT_ID

NAMESPACE = "azwi-demo"
NAME = "azwi-demo-controller"
READER = "issuer-reader"
"""The ServiceAccount by which Entra ID reads the issuer's documents."""
SUBJECT = f"system:serviceaccount:{NAMESPACE}:{NAME}"
GROUPS = ("system:serviceaccounts", f"system:serviceaccounts:{NAMESPACE}")
"""Of the ServiceAccount, as the API server knows it."""

_ROOT = Path(__file__).parents[2]
_FILES = _ROOT / "charts" / "workload-identity-webhook" / "files"
_TOLD_SECONDS = 30.0
_THE_CHARTS = {"azwi-controller": NAME, "azure-workload-identity-system": NAMESPACE}
"""Names that the chart, too, replaces."""


@dataclass(frozen=True, slots=True)
class Means:
    """What the process is started with."""

    kubeconfig: Path
    token_file: Path
    """Of the controller's own ServiceAccount, to sign in to Entra ID by."""
    entra: Addresses
    issuer: str


def namespace() -> list[Object]:
    """Return the controller's namespace, its ServiceAccount and the issuer reader's."""
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        *(
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": name, "namespace": NAMESPACE},
            }
            for name in (NAME, READER)
        ),
    ]


def definition() -> Object:
    """Return the definition of FederatedIdentityCredential."""
    path = _FILES / "crd.yaml"
    return the_only(read_objects(path), "one definition", path)


def rights() -> list[Object]:
    """Return its roles and their bindings."""
    return _with_our_names("controller-role.yaml")


def probe_rights(in_namespace: str) -> list[Object]:
    """Return what lets it ask for tokens of ServiceAccounts, in one namespace only."""
    (role,) = _with_our_names("controller-role-probe.yaml")
    name = role["metadata"]["name"]
    binding: Object = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": in_namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
    }
    return [role, binding]


@contextmanager
def running(
    cluster: Cluster, means: Means, probed: str, tell: Callable[[str], None]
) -> Iterator[Program]:
    """Run it for as long as the block runs; credentials in the namespace `probed` are proved."""
    program = Program(cluster.folder, "controller")
    try:
        program.start(
            [sys.executable, "-m", "controller", *arguments(means, probed)],
            env={"PATH": os.environ.get("PATH", os.defpath)},
            cwd=_ROOT,
        )
        with log_shown(program):
            await_ready(program, _health_address(program), tell)
        yield program
    finally:
        program.stop(patience=10)


def arguments(means: Means, probed: str) -> list[str]:
    """Write its command line."""
    return [
        f"--kubeconfig={means.kubeconfig}",
        f"--namespace={NAMESPACE}",
        f"--issuer={means.issuer}",
        f"--tenant-id={TENANT_ID}",
        f"--authority-host={means.entra.authority}",
        f"--graph-url={means.entra.graph}",
        f"--resource-manager-url={means.entra.arm}",
        f"--ca-file={means.entra.ca}",
        f"--subscriptions={SUBSCRIPTION}",
        f"--client-id={CONTROLLER_ID}",
        f"--token-file={means.token_file}",
        f"--probe-namespaces={probed}",
        "--health-addr=127.0.0.1:0",
        "--metrics-addr=0",
    ]


def _with_our_names(file: str) -> list[Object]:
    return [_renamed(one) for one in read_objects(_FILES / file)]


def _renamed(value: Any) -> Any:
    """Put our names in; the Lease and the ConfigMaps keep theirs, they are in our namespace."""
    if isinstance(value, dict):
        return {
            key: inner if key == "resourceNames" else _renamed(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_renamed(inner) for inner in value]
    if isinstance(value, str):
        for theirs, ours in _THE_CHARTS.items():
            value = value.replace(theirs, ours)
    return value


def _health_address(program: Program) -> str:
    """Wait until it tells where it answers for its health, which it does once it serves."""
    end = time.monotonic() + _TOLD_SECONDS
    while True:
        for line in program.log.read_text(errors="replace").splitlines():
            if line.startswith('{"health"'):
                told = str(json.loads(line)["health"])
                return urlsplit(told).netloc or told
        if (why := end_of(program)) or time.monotonic() > end:
            raise DemoFailed(
                "expected the controller to tell its addresses, found: it"
                f" {why or f'said nothing in {_TOLD_SECONDS:.0f} s'}"
            )
        time.sleep(0.05)
