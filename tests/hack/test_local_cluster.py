"""`local_cluster()`, for real: etcd and kube-apiserver."""

import base64
import json
import signal
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from kubernetes import client

from hack.cluster import (
    Cluster,
    NoHostAddress,
    NotOurs,
    StartFailed,
    Step,
    addresses,
    local_cluster,
)
from hack.cluster.control_plane import ControlPlane
from hack.cluster.folders import Folders
from hack.cluster.programs import Process
from hack.cluster.readiness import AdminClient
from hack.cluster.testing import skip_or_fail
from hack.cluster.versions import KUBERNETES

pytestmark = pytest.mark.cluster


def test_it_answers(cluster: Cluster, core: Any) -> None:
    assert cluster.version == f"v{KUBERNETES}"
    assert {"default", "kube-system"} <= {
        each.metadata.name for each in core.list_namespace().items
    }


def test_default_service_accounts_are_there(core: Any) -> None:
    assert core.read_namespaced_service_account("default", "default").metadata.uid


def test_what_is_stored_outlives_a_restart(cluster: Cluster, core: Any) -> None:
    core.create_namespaced_config_map(
        "default", {"metadata": {"name": "kept"}, "data": {"key": "value"}}
    )
    before = cluster.url
    cluster.restart_api_server()
    assert cluster.url == before
    assert core.read_namespaced_config_map("kept", "default").data == {"key": "value"}


def test_a_stopped_api_server_answers_nobody_until_it_is_started(
    cluster: Cluster, core: Any
) -> None:
    cluster.stop_api_server(kill=True)
    with pytest.raises(Exception, match="Connection refused"):
        core.list_namespace(_request_timeout=2)
    cluster.start_api_server()
    assert core.list_namespace().items


def test_a_user_may_do_what_rbac_grants_and_nothing_else(
    cluster: Cluster, connect: Callable[[Path], Any], core: Any
) -> None:
    anna = client.CoreV1Api(connect(cluster.kubeconfig_for("anna", ["readers"])))
    with pytest.raises(client.ApiException) as caught:
        anna.list_namespaced_config_map("default")
    assert caught.value.status == 403
    assert "cannot list resource" in str(caught.value.body)
    grant(client.RbacAuthorizationV1Api(core.api_client), "readers")
    assert anna.list_namespaced_config_map("default").items
    with pytest.raises(client.ApiException) as caught:
        anna.list_namespaced_secret("default")
    assert caught.value.status == 403


def grant(rbac: Any, group: str) -> None:
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]
    rbac.create_namespaced_role("default", {"metadata": {"name": group}, "rules": rules})
    rbac.create_namespaced_role_binding(
        "default",
        {
            "metadata": {"name": group},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": group},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}],
        },
    )


def test_not_even_the_administrators_certificate_opens_etcd(cluster: ControlPlane) -> None:
    keys = cluster.folder / "pki"

    def health(who: str) -> tuple[int, bytes] | None:
        pair = (keys / f"{who}.crt", keys / f"{who}.key")
        return AdminClient.of(cluster.etcd_url, keys / "etcd-ca.crt", *pair).get("/health")

    assert health("admin") is None
    assert health("etcd-client") is not None


def test_two_clusters_run_side_by_side(
    cluster: Cluster, environment: dict[str, str], connect: Callable[[Path], Any], core: Any
) -> None:
    with local_cluster(environment=environment) as other:
        assert other.url != cluster.url
        there: Any = client.CoreV1Api(connect(other.kubeconfig))
        there.create_namespace({"metadata": {"name": "only-there"}})
        assert "only-there" not in {each.metadata.name for each in core.list_namespace().items}
        folder = other.folder
    assert not folder.exists()
    assert core.list_namespace().items


def test_a_flag_that_it_does_not_know_is_quoted(environment: dict[str, str]) -> None:
    with (
        pytest.raises(StartFailed) as caught,
        local_cluster(environment=environment, extra_apiserver_args=["--no-such-flag=1"]),
    ):
        pass
    assert str(caught.value).startswith("kube-apiserver ended with status 1; its last lines:")
    assert "unknown flag: --no-such-flag" in str(caught.value)


def test_a_port_that_somebody_takes_first_is_left_to_them(
    cluster: Cluster, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = int(cluster.url.rpartition(":")[2])
    find, answers = addresses.free_port, [taken, None, taken, None]
    monkeypatch.setattr(addresses, "free_port", lambda at: answers.pop(0) or find(at))
    with local_cluster(environment=environment) as other:
        assert other.url != cluster.url
    assert answers == []


def test_its_steps_are_told(environment: dict[str, str]) -> None:
    steps: list[Step] = []
    with local_cluster(environment=environment, issuer="{url}", progress=steps.append) as cluster:
        assert [step.what for step in steps if step.state == "done"] == [
            "making keys and certificates",
            "starting etcd",
            "starting kube-apiserver",
        ]
        found = cluster.folder
    assert not found.exists()


def test_a_given_cluster_is_used_and_never_stopped(
    cluster: Cluster,
    environment: dict[str, str],
    connect: Callable[[Path], Any],
) -> None:
    lent = {**environment, "AZWI_KUBECONFIG": str(cluster.kubeconfig)}
    del lent["AZWI_CLUSTER_WAY"]
    with local_cluster(environment=lent) as given:
        assert (given.way, given.ours) == ("kubeconfig", False)
        assert (given.url, given.version) == (cluster.url, cluster.version)
        assert given.ca_file.read_bytes() == cluster.ca_file.read_bytes()
        ben: Any = client.AuthenticationV1Api(connect(given.kubeconfig_for("ben", ["ops"])))
        me = ben.create_self_subject_review({}).status.user_info
        assert me.username == "ben"
        assert "ops" in me.groups
        for operation in (given.restart_api_server, given.stop_api_server, given.start_api_server):
            with pytest.raises(NotOurs, match="is used as it is"):
                operation()
    with (
        pytest.raises(NotOurs, match="be started with flags of ours"),
        local_cluster(environment=lent, extra_apiserver_args=["--v=2"]),
    ):
        pass


def test_a_given_cluster_that_does_not_answer_is_one_clear_line(
    cluster: Cluster, environment: dict[str, str], tmp_path: Path
) -> None:
    gone = json.loads(cluster.kubeconfig.read_text())
    gone["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "kubeconfig").write_text(json.dumps(gone))
    lent = {**environment, "AZWI_KUBECONFIG": str(tmp_path / "kubeconfig")}
    del lent["AZWI_CLUSTER_WAY"]
    with (
        pytest.raises(
            StartFailed, match=r"https://127\.0\.0\.1:1 does not answer as an API server"
        ),
        local_cluster(environment=lent),
    ):
        pass


OWNER = """
    import json, sys, time
    from hack.cluster import local_cluster
    from hack.cluster.programs import Program
    with local_cluster() as cluster:
        pids = [Program(cluster.folder, name).process.pid for name in ("etcd", "kube-apiserver")]
        print(json.dumps({"pids": pids, "folder": str(cluster.folder)}), flush=True)
        time.sleep(300)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_however_its_owner_ends(
    environment: dict[str, str], number: signal.Signals
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OWNER)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as owner:
        assert owner.stdout is not None
        facts = json.loads(owner.stdout.readline())
        processes = [Process.of(pid) for pid in facts["pids"]]
        assert all(processes)
        owner.send_signal(number)
    assert all(process.wait(5) for process in processes if process)
    end = time.monotonic() + 5
    while Path(facts["folder"]).exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(facts["folder"]).exists()
    assert Path(facts["folder"]) not in Folders.of(environment).all_temporary()


class Webhook(BaseHTTPRequestHandler):
    """Labels what it is asked about."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        patch = b'[{"op":"add","path":"/data","value":{"seen":"yes"}}]'
        response = {
            "uid": body["request"]["uid"],
            "allowed": True,
            "patchType": "JSONPatch",
            "patch": base64.b64encode(patch).decode(),
        }
        answer = json.dumps({**body, "request": None, "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def webhook(address: str, authority: trustme.CA) -> Iterator[int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("hook.default.svc").configure_cert(context)
    with HTTPServer((address, 0), Webhook) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_a_webhook_on_the_host_address_is_reached_by_its_service_without_a_node(
    cluster: Cluster, core: Any
) -> None:
    try:
        address, authority = cluster.host_address, trustme.CA()
    except NoHostAddress as error:
        skip_or_fail(str(error))
    with webhook(address, authority) as port:
        register(core, address, port, authority)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            made = core.create_namespaced_config_map(
                "default", {"metadata": {"generateName": "c-"}}
            )
            if made.data:
                break
            time.sleep(0.2)
        assert made.data == {"seen": "yes"}
        client.AdmissionregistrationV1Api(core.api_client).delete_mutating_webhook_configuration(
            "hook"
        )


def register(core: Any, address: str, port: int, authority: trustme.CA) -> None:
    core.create_namespaced_service(
        "default", {"metadata": {"name": "hook"}, "spec": {"ports": [{"port": 443}]}}
    )
    discovery: Any = client.DiscoveryV1Api(core.api_client)
    discovery.create_namespaced_endpoint_slice(
        "default",
        {
            "metadata": {"name": "hook", "labels": {"kubernetes.io/service-name": "hook"}},
            "addressType": "IPv4",
            "ports": [{"port": port}],
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        },
    )
    bundle = base64.b64encode(authority.cert_pem.bytes()).decode()
    admission: Any = client.AdmissionregistrationV1Api(core.api_client)
    admission.create_mutating_webhook_configuration(
        {
            "metadata": {"name": "hook"},
            "webhooks": [
                {
                    "name": "hook.example.test",
                    "clientConfig": {
                        "service": {"name": "hook", "namespace": "default"},
                        "caBundle": bundle,
                    },
                    "rules": [
                        {
                            "apiGroups": [""],
                            "apiVersions": ["v1"],
                            "operations": ["CREATE"],
                            "resources": ["configmaps"],
                        }
                    ],
                    "failurePolicy": "Ignore",
                    "sideEffects": "None",
                    "admissionReviewVersions": ["v1"],
                }
            ],
        }
    )
