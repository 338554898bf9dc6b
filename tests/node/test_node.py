"""What pods get on the local node, for real: tokens, names, Services, logs."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, TypeVar

import httpx
import jwt
import pytest

from hack.cluster.settings import ISSUER
from hack.node import LoadFailed, Node
from hack.node.testing import node_or_skip
from tests.cluster.api import Api, Json, Refused, api_of
from tests.node.pods import AUDIENCE, TOKENS, ask, is_ready, probe_spec, start_probe

pytestmark = pytest.mark.cluster
Found = TypeVar("Found")


def test_a_pod_has_a_token_that_kubelet_projected(api: Api, namespace: str) -> None:
    pod = start_probe(api, namespace)
    token = ask(pod, "/file", path=f"{TOKENS}/token")
    assert jwt.get_unverified_header(token)["alg"] == "RS256"
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    assert claims["iss"] == ISSUER
    assert claims["aud"] == [AUDIENCE]
    assert claims["sub"] == f"system:serviceaccount:{namespace}:default"
    assert claims["kubernetes.io"]["pod"]["name"] == "probe"
    review = {"spec": {"token": token, "audiences": [AUDIENCE]}}
    status = api.post("/apis/authentication.k8s.io/v1/tokenreviews", review)["status"]
    assert status["authenticated"]
    assert status["user"]["username"] == claims["sub"]


def test_a_pod_finds_a_service_by_its_name_and_calls_it(api: Api, namespace: str) -> None:
    pod = start_probe(api, namespace)
    address = a_service(api, namespace, "probe")
    found = eventually(lambda: ask(pod, "/names", of=f"probe.{namespace}"))
    assert found == address
    url = f"http://probe.{namespace}.svc.cluster.local/names?of=localhost"
    assert "127.0.0.1" in eventually(lambda: ask(pod, "/get", url=url))


def test_this_machine_reaches_a_service(api: Api, namespace: str) -> None:
    start_probe(api, namespace)
    address = a_service(api, namespace, "probe")
    url = f"http://{address}/names?of=localhost"
    answer = eventually(lambda: httpx.get(url, trust_env=False, timeout=1))
    assert answer.is_success


def test_a_pod_reaches_what_listens_on_the_host_address(
    running: Node, api: Api, namespace: str
) -> None:
    pod = start_probe(api, namespace)
    with a_server(running.host_address) as url:
        assert ask(pod, "/get", url=url) == "here"


def test_a_pod_sees_the_names_of_the_hosts_file(running: Node, api: Api, namespace: str) -> None:
    pod = start_probe(api, namespace)
    running.hosts_file.write_text(f"{running.host_address} login.example.test\n")
    try:
        found = eventually(lambda: ask(pod, "/names", of="login.example.test"))
    finally:
        running.hosts_file.write_text("")
    assert found == running.host_address


def test_a_deployment_becomes_available(api: Api, namespace: str) -> None:
    labels = {"app": "probe"}
    deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    template = {"metadata": {"labels": labels}, "spec": probe_spec()}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    api.post(deployments, {"metadata": {"name": "probe"}, "spec": spec})
    api.events_until(
        deployments, lambda found: found["status"].get("availableReplicas") == 2, seconds=60
    )


def test_logs_are_read_by_way_of_kubelet(api: Api, namespace: str) -> None:
    start_probe(api, namespace)
    answer = api.http.get(f"/api/v1/namespaces/{namespace}/pods/probe/log")
    assert (answer.status_code, answer.text) == (200, "probe listens on 8080\n")


def test_a_namespace_ends_with_its_pods(api: Api, namespace: str) -> None:
    start_probe(api, namespace)
    path = f"/api/v1/namespaces/{namespace}"
    api.delete(path)
    eventually(lambda: gone(api, path), seconds=60)
    api.post("/api/v1/namespaces", {"metadata": {"name": namespace}})  # the fixture's to delete


def test_pod_security_standards_are_enforced(api: Api, namespace: str) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.merge(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": labels}})
    with pytest.raises(Refused, match='violates PodSecurity "restricted:latest"'):
        start_probe(api, namespace, hostNetwork=True)


def test_kubelet_may_touch_no_other_node_and_no_secret_that_it_has_no_pod_for(
    running: Node, api: Api, namespace: str
) -> None:
    secrets = f"/api/v1/namespaces/{namespace}/secrets"
    api.post(secrets, {"metadata": {"name": "hers"}})
    as_kubelet = running.cluster.kubeconfig_for(f"system:node:{running.name}", ["system:nodes"])
    with api_of(running.cluster, as_kubelet) as kubelet:
        assert kubelet.get(f"/api/v1/nodes/{running.name}")["metadata"]["name"] == running.name
        with pytest.raises(Refused, match="no relationship found between node"):
            kubelet.get(f"{secrets}/hers")
        with pytest.raises(Refused, match="is not allowed to modify node"):
            kubelet.post("/api/v1/nodes", {"metadata": {"name": "another"}})


def test_what_is_no_image_is_not_loaded(running: Node, tmp_path: Path) -> None:
    (tmp_path / "text.tar").write_text("no archive")
    with pytest.raises(LoadFailed, match=r"text\.tar: containerd does not take it"):
        running.load(tmp_path / "text.tar")
    with pytest.raises(LoadFailed, match=r"none\.tar: there is no such file"):
        running.load(tmp_path / "none.tar")


def test_pods_run_on_after_the_api_server_was_restarted(
    running: Node, api: Api, namespace: str
) -> None:
    pod = start_probe(api, namespace)
    running.cluster.restart_api_server()
    assert "127.0.0.1" in ask(pod, "/names", of="localhost")
    start_probe(api, namespace, "another")


def test_two_nodes_run_side_by_side(
    running: Node, api: Api, namespace: str, environment: dict[str, str], probe: Path
) -> None:
    mine = start_probe(api, namespace)
    with node_or_skip(name="other", environment=environment) as other:
        assert other.host_address != running.host_address
        other.load(probe)
        with api_of(other.cluster) as there:
            theirs = start_probe(there, "default")
        addresses = {pod["status"]["podIP"] for pod in (mine, theirs)}
        assert len(addresses) == 2
        for pod in (mine, theirs):
            assert "127.0.0.1" in ask(pod, "/names", of="localhost")
    assert is_ready(api.get(f"/api/v1/namespaces/{namespace}/pods/probe"))


def a_service(api: Api, namespace: str, app: str) -> str:
    """Make a Service, port 80, of the pods of an app; returns its address."""
    ports = [{"port": 80, "targetPort": 8080}]
    body: Json = {"metadata": {"name": app}, "spec": {"selector": {"app": app}, "ports": ports}}
    address: str = api.post(f"/api/v1/namespaces/{namespace}/services", body)["spec"]["clusterIP"]
    return address


def gone(api: Api, path: str) -> None:
    assert api.http.get(path).status_code == httpx.codes.NOT_FOUND


def eventually(look: Callable[[], Found], *, seconds: float = 15) -> Found:
    """Look until it works: kube-proxy and CoreDNS learn of a Service a moment after it is made."""
    end = time.monotonic() + seconds
    while True:
        try:
            return look()
        except (AssertionError, httpx.TransportError):
            if time.monotonic() > end:
                raise
        time.sleep(0.05)


class Here(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"here")

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def a_server(address: str) -> Iterator[str]:
    with HTTPServer((address, 0), Here) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{address}:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
