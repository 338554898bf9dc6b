"""Pods that run, on a control plane without nodes: what kubelets and kube-proxy do for them.

Deployments, Jobs and their controllers are real; the pods that they make are run here as processes
(`process.py`), their readiness and their ends are written to the API server, and each that the
Service selects has an EndpointSlice of its own, since all share an address and differ by port. The
pods have no address in their status: the control plane's own EndpointSlices stay empty.
"""

import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx

from hack.cluster import Cluster
from tests.chart.cluster.process import PodProcess
from tests.chart.helm import Json
from tests.cluster.api import Api, Refused, api_of
from tests.cluster.faults.keeper import SLICES, a_slice

SERVICE: Final = "azure-wi-webhook-webhook-service"
_NODE: Final = "processes"
_PERIOD: Final = 0.1
_LAG: Final = 0.8
"""Seconds from what a pod or the Service has become to what the API server knows of endpoints."""


class Pods:
    """Runs the pods of one namespace."""

    def __init__(self, cluster: Cluster, api: Api, namespace: str, folder: Path) -> None:
        self._cluster = cluster
        self._api = api
        self._folder = folder
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        self._service = f"/api/v1/namespaces/{namespace}/services/{SERVICE}"
        self._slices = SLICES.format(namespace)
        self._running: dict[str, PodProcess] = {}
        self._endpoints: dict[str, tuple[str, bool]] = {}
        self._due: deque[tuple[float, str, str, bool]] = deque()
        self._stop = threading.Event()
        self.logs: dict[str, str] = {}
        """What those said that have ended, by pod."""

    @property
    def all_logs(self) -> dict[str, str]:
        """What every pod said so far."""
        return self.logs | {name: one.log() for name, one in list(self._running.items())}

    def _run(self) -> None:
        try:
            while not self._stop.wait(_PERIOD):
                self._look()
        finally:
            for process in self._running.values():
                process.kill()

    def _look(self) -> None:
        found = {pod["metadata"]["name"]: pod for pod in self._api.get(self._pods)["items"]}
        for name in self._running.keys() - found.keys():
            self._forget(name)
        for pod in found.values():
            self._keep(pod)
        self._note_endpoints(found)
        self._write_endpoints()

    def _keep(self, pod: Json) -> None:
        """Bring one pod a step further."""
        name = pod["metadata"]["name"]
        process = self._running.get(name)
        if "deletionTimestamp" in pod["metadata"]:
            if process is not None and process.exit_status is None:
                process.terminate()
                return
            _forgiving(self._api.delete, f"{self._pods}/{name}")
            self._forget(name)
        elif process is None and pod["status"].get("phase") == "Pending":
            self._begin(pod)
        elif process is not None:
            self._tell(process)

    def _begin(self, pod: Json) -> None:
        name = pod["metadata"]["name"]
        target = {"apiVersion": "v1", "kind": "Node", "name": _NODE}
        if "nodeName" not in pod["spec"]:
            body = {"metadata": {"name": name}, "target": target}
            self._api.post(f"{self._pods}/{name}/binding", body)
        folder = self._folder / uuid.uuid4().hex[:8]
        folder.mkdir(mode=0o700)
        self._running[name] = PodProcess(self._cluster, self._api, pod, folder)
        self._tell(self._running[name])

    def _forget(self, name: str) -> None:
        if (process := self._running.pop(name, None)) is not None:
            process.kill()
            self.logs[name] = process.log()

    def _tell(self, process: PodProcess) -> None:
        """Write to the pod's status what has changed."""
        ended, ready = process.exit_status, process.ready
        phase = "Running" if ended is None else ("Failed" if ended else "Succeeded")
        if process.told == (phase, ready):
            return
        if phase != "Running" and not process.once:
            raise AssertionError(f"{process.name} ended with {ended}: {process.log()[-3000:]}")
        condition = {
            "type": "Ready",
            "status": str(ready),
            "lastTransitionTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        body = {"status": {"phase": phase, "conditions": [condition]}}
        _forgiving(self._api.merge, f"{self._pods}/{process.name}/status", body)
        process.told = (phase, ready)

    def _note_endpoints(self, pods: dict[str, Json]) -> None:
        """See what has to be written of endpoints, and when."""
        service = self._found_service()
        selector = service["spec"]["selector"].items() if service else ()
        port_name = service["spec"]["ports"][0].get("name", "") if service else ""
        wanted = {
            name: (port_name, process.told == ("Running", True) and not process.ending)
            for name, process in self._running.items()
            if service and selector <= pods[name]["metadata"]["labels"].items()
        }
        for name in wanted.keys() | self._endpoints.keys():
            now = wanted.get(name, (port_name, False))
            if self._endpoints.get(name) != now:
                self._endpoints[name] = now
                self._due.append((time.monotonic() + _LAG, name, *now))
        for name in self._endpoints.keys() - self._running.keys():
            del self._endpoints[name]
            self._due.append((time.monotonic() + _LAG, name, port_name, False))

    def _write_endpoints(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic():
            _, name, port_name, ready = self._due.popleft()
            process = self._running.get(name)
            if process is None:
                _forgiving(self._api.delete, f"{self._slices}/{name}")
                continue
            body = a_slice(SERVICE, self._cluster.host_address, process.port)
            body["metadata"]["name"] = name
            body["ports"][0]["name"] = port_name
            body["endpoints"][0]["conditions"]["ready"] = ready
            try:
                self._api.merge(f"{self._slices}/{name}", body)
            except Refused as refused:
                if refused.code != httpx.codes.NOT_FOUND:
                    raise
                self._api.post(self._slices, body)

    def _found_service(self) -> Json | None:
        try:
            return self._api.get(self._service)
        except Refused as refused:
            if refused.code != httpx.codes.NOT_FOUND:
                raise
            return None


@contextmanager
def running_pods(cluster: Cluster, namespace: str, folder: Path) -> Iterator[Pods]:
    """Run what pods there are in a namespace; where the test fails, tell what they said."""
    with api_of(cluster) as api, ThreadPoolExecutor(1, "pods") as pool:
        _forgiving(api.post, "/api/v1/nodes", {"metadata": {"name": _NODE}})
        pods = Pods(cluster, api, namespace, folder)
        work = pool.submit(pods._run)
        try:
            yield pods
        except BaseException:
            for name, log in pods.all_logs.items():
                sys.stdout.write(f"--- {name}:\n{log[-6000:]}\n")
            raise
        finally:
            pods._stop.set()
        work.result()


def _forgiving(call: object, *arguments: object) -> None:
    """Call, and take it as done where it is done already, or where its object has gone."""
    assert callable(call)
    try:
        call(*arguments)
    except Refused as refused:
        if refused.code not in {httpx.codes.NOT_FOUND, httpx.codes.CONFLICT}:
            raise
