"""What a node and its cluster do for a Service: a replica gets traffic when its probe says so."""

import http.client
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx

from hack.cluster import Cluster
from hack.webhook import Webhook
from tests.cluster.api import Json, Refused, api_of

SLICES = "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices"
PORT_NAME = "https"
_PERIOD = 0.05


def a_slice(service: str, address: str, port: int) -> Json:
    """One replica's EndpointSlice, not ready: they share an address, and so differ by port."""
    return {
        "metadata": {
            "name": f"{service}-{port}",
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "ports": [{"name": PORT_NAME, "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": False}}],
    }


class EndpointsKeeper:
    """Asks each replica whether it is ready, and writes it down some time later.

    In a cluster it is the kubelet that asks, writes the pod's status, which the controller of
    EndpointSlices copies, and each API server that reads them: `lag` seconds in all.
    """

    def __init__(
        self, cluster: Cluster, namespace: str, endpoints: Sequence[tuple[Webhook, str]], lag: float
    ) -> None:
        """`endpoints`: each replica with the name of its EndpointSlice."""
        self._cluster = cluster
        self._path = SLICES.format(namespace)
        self._endpoints = endpoints
        self._lag = lag
        self._stop = threading.Event()
        self.changes = 0
        """How often a replica's readiness was seen to change."""

    def _run(self) -> None:
        seen = {name: False for _, name in self._endpoints}
        due: deque[tuple[float, str, bool]] = deque()
        with api_of(self._cluster) as api:
            while not self._stop.wait(_PERIOD):
                for replica, name in self._endpoints:
                    ready = replica.readiness()[0] == http.client.OK
                    if ready != seen[name]:
                        seen[name] = ready
                        self.changes += 1
                        due.append((time.monotonic() + self._lag, name, ready))
                while due and due[0][0] <= time.monotonic():
                    _, name, ready = due[0]
                    try:
                        self._write(api.http, name, ready=ready)
                    except httpx.TransportError:
                        break  # the API server is away: it will be told in order, as by a kubelet
                    due.popleft()

    def _write(self, client: httpx.Client, name: str, *, ready: bool) -> None:
        path = f"{self._path}/{name}"
        patch = [{"op": "replace", "path": "/endpoints/0/conditions/ready", "value": ready}]
        headers = {"Content-Type": "application/json-patch+json"}
        answer = client.patch(path, json=patch, headers=headers)
        if answer.status_code == 429 or answer.status_code >= 500:
            raise httpx.ReadError(f"the API server answers {answer.status_code}")
        if not answer.is_success:
            raise Refused(answer)


@contextmanager
def keeping(keeper: EndpointsKeeper) -> Iterator[EndpointsKeeper]:
    """Keep the endpoints for as long as the block runs; its errors are the test's."""
    with ThreadPoolExecutor(1, "endpoints") as pool:
        work = pool.submit(keeper._run)
        try:
            yield keeper
        finally:
            keeper._stop.set()
        work.result()
