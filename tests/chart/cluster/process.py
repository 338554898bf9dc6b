"""A pod's container as a process of this machine: what a kubelet and a container runtime do.

It gets the arguments, the environment and the files that the pod's specification says, read from
the API server, and the rights of the pod's ServiceAccount. What differs: `/manager` and
`/controller` are this checkout's packages; ports are free ones, since all pods share an address;
what is mounted lies elsewhere, and arguments that name a file there are led to it; memory is not
limited.
"""

import base64
import http.client
import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from hack.cluster import Cluster
from hack.cluster.addresses import free_port
from hack.cluster.programs import Program
from hack.controller import LISTENING, Addresses
from tests.chart.helm import Json
from tests.cluster.api import Api
from tests.cluster.controller.installed import kubeconfig_of

_ROOT: Final = Path(__file__).parents[3]
_PACKAGES: Final = {"/manager": "webhook", "/controller": "controller"}
_QUICK: Final = (
    "--ca-trust-delay=3s",
    "--ca-adoption-delay=2s",
    "--cert-jitter=300ms",
    "--shutdown-delay=3s",
)
"""What takes minutes in a cluster takes seconds here."""


class PodProcess:
    """The one container of a pod."""

    def __init__(self, cluster: Cluster, api: Api, pod: Json, folder: Path) -> None:
        """Start it; `folder` is new and its own."""
        self.name: str = pod["metadata"]["name"]
        self.once = pod["spec"].get("restartPolicy") == "Never"
        """Whether it is expected to end by itself."""
        self.told: tuple[str, bool] | None = None
        """Phase and readiness that the API server was told of last."""
        self.ending = False
        self._pod = pod
        self._container: Json = pod["spec"]["containers"][0]
        self._package = _PACKAGES[self._container["command"][0]]
        self.port = free_port("0.0.0.0")
        self._health_port = free_port("127.0.0.1")
        self._mounts = dict(_mounted(api, pod, self._container, folder))
        user = f"system:serviceaccount:{self._namespace}:{pod['spec']['serviceAccountName']}"
        kubeconfig = kubeconfig_of(cluster, api, user, folder)
        self._program = Program(folder, self.name)
        self._program.start(
            [
                *(sys.executable, "-m", self._package),
                *self._container["command"][1:],
                *(self._led(argument) for argument in self._container.get("args", [])),
                f"--kubeconfig={kubeconfig}",
                *self._listening(),
            ],
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                **dict(_environment(api, pod, self._container)),
            },
            cwd=_ROOT,
        )

    @property
    def exit_status(self) -> int | None:
        """What it ended with; none while it runs."""
        return self._program.exit_status()

    @property
    def ready(self) -> bool:
        """Ask what its readiness probe asks."""
        if self.once or self.exit_status is not None:
            return False
        if self._package == "controller":
            told = Addresses.told_in(self.log())
            return told is not None and told.readiness()[0] == http.client.OK
        return _answers(self._health_port, "/readyz")

    def terminate(self) -> None:
        """Ask it to end in order, once."""
        if not self.ending and (process := self._program.process) is not None:
            process.signal(signal.SIGTERM)
        self.ending = True

    def kill(self) -> None:
        """End it without a farewell; returns when it is gone."""
        self._program.stop(patience=0)

    def log(self) -> str:
        """Return all it said."""
        return self._program.log.read_text(encoding="utf-8", errors="replace")

    @property
    def _namespace(self) -> str:
        return str(self._pod["metadata"]["namespace"])

    def _listening(self) -> Iterator[str]:
        if self._package == "controller":
            yield f"--namespace={self._namespace}"
            yield from () if self.once else LISTENING
            return
        yield f"--port={self.port}"
        yield f"--health-addr=127.0.0.1:{self._health_port}"
        yield "--metrics-addr=127.0.0.1:0"
        yield from _QUICK

    def _led(self, argument: str) -> str:
        for path, folder in self._mounts.items():
            argument = re.sub(rf"(?<=[=,]){re.escape(path)}(?=/|$)", str(folder), argument)
        return argument


def _environment(api: Api, pod: Json, container: Json) -> Iterator[tuple[str, str]]:
    metadata = pod["metadata"]
    for source in container.get("envFrom", []):
        name = source["configMapRef"]["name"]
        yield from api.get(_path(metadata["namespace"], "configmaps", name))["data"].items()
    for variable in container.get("env", []):
        if "valueFrom" in variable:
            field = variable["valueFrom"]["fieldRef"]["fieldPath"]
            yield variable["name"], metadata[field.removeprefix("metadata.")]
        else:
            yield variable["name"], variable.get("value", "")


def _mounted(api: Api, pod: Json, container: Json, folder: Path) -> Iterator[tuple[str, Path]]:
    """Write each volume that is mounted, as it is now; yields its path in the pod and here."""
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        if mount["name"].startswith("kube-api-access-"):
            continue  # the kubeconfig stands for it
        here = folder / "volumes" / mount["name"]
        here.mkdir(mode=0o700, parents=True)
        for file, content in _files(api, pod, volumes[mount["name"]]).items():
            (here / file).write_bytes(content)
        yield mount["mountPath"], here


def _files(api: Api, pod: Json, volume: Json) -> Mapping[str, bytes]:
    namespace = pod["metadata"]["namespace"]
    if secret := volume.get("secret"):
        data = api.get(_path(namespace, "secrets", secret["secretName"])).get("data", {})
        return {name: base64.b64decode(value) for name, value in data.items()}
    if config_map := volume.get("configMap"):
        data = api.get(_path(namespace, "configmaps", config_map["name"])).get("data", {})
        return {name: value.encode() for name, value in data.items()}
    (source,) = volume["projected"]["sources"]
    asked = source["serviceAccountToken"]
    spec = {
        "audiences": [asked["audience"]],
        "expirationSeconds": asked["expirationSeconds"],
        "boundObjectRef": {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": pod["metadata"]["name"],
            "uid": pod["metadata"]["uid"],
        },
    }
    account = _path(namespace, "serviceaccounts", pod["spec"]["serviceAccountName"])
    token: str = api.post(f"{account}/token", {"spec": spec})["status"]["token"]
    return {asked["path"]: token.encode()}


def _path(namespace: str, resource: str, name: str) -> str:
    return f"/api/v1/namespaces/{namespace}/{resource}/{name}"


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
