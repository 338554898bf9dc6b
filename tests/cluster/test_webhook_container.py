"""The webhook as the chart's Deployment runs it, the original's as well as ours.

Process 1 of its namespace, a user without any capability, a root that can't be written, variables
from a ConfigMap that may be empty, a Secret at /certs, the ServiceAccount's token where pods have
it, and memory far below the limit.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hack.cluster import Cluster
from hack.webhook import TENANT_ID, Webhook, make_certificate
from tests.cluster import contained
from tests.cluster.webhook_release import (
    ACCOUNT,
    CLIENT,
    LEAST,
    SERVICE,
    WEBHOOK,
    Release,
    installed,
    until,
)
from webhook.certificates.configuration import with_bundle
from webhook.certificates.secret import ROTATE

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
LIMIT = 256 * 1024 * 1024
"""Bytes: the chart's limit."""
QUICK = ("--ca-trust-delay=1s", "--ca-adoption-delay=1s", "--cert-jitter=0s")
ARGUMENTS = ("--log-level=info", "--metrics-backend=prometheus", "--tls-min-version=1.3")
CONFIG_MAP = {
    "AZURE_ENVIRONMENT": "AzurePublicCloud",
    "AZURE_TENANT_ID": TENANT_ID,
    **dict.fromkeys(
        [
            "AZURE_KUBERNETES_CA_CONFIGMAP_NAME",
            "AZURE_KUBERNETES_CA_CTB_LABEL_SELECTOR",
            "AZURE_KUBERNETES_CA_CTB_SIGNER_NAME",
            "AZURE_KUBERNETES_CA_DATA",
            "AZURE_KUBERNETES_SNI_NAME",
            "AZURE_KUBERNETES_TOKEN_PROXY",
        ],
        "",
    ),
}
"""As the original's chart writes it where nothing of the custom token endpoint is set."""
_TRIAL = "import subprocess, sys, webhook; subprocess.run([sys.executable, '-V'], check=True)"
TOKEN_FOLDER = "/run/secrets/kubernetes.io/serviceaccount"


@dataclass
class Container:
    """A running container, seen from its node."""

    webhook: Webhook
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pid(self) -> int:
        """Process 1 of the container, by its pid outside."""
        found = _children(self.process.pid)
        return found[0] if found else 0

    def said(self, text: str) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return text in self.log.read_text()

    def status(self, field: str) -> str:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        [value] = [line.partition(":")[2] for line in lines if line.startswith(f"{field}:")]
        return " ".join(value.split())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """For a container, where this machine can run one."""
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("setpriv"):
        pytest.skip("needs root, and unshare and setpriv of util-linux")
    tried = subprocess.run(
        _contained(tmp_path, {}, [sys.executable, "-c", _TRIAL]),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    if tried.returncode:
        pytest.skip(f"user {contained.USER} can't run {sys.executable} here: {tried.stderr!r}")
    return tmp_path


@contextlib.contextmanager
def running(
    release: Release, folder: Path, certificates: Mapping[str, str], arguments: Sequence[str]
) -> Iterator[Container]:
    url = urlsplit(release.cluster.url)
    ports = Webhook(folder, Path())
    log = folder / "log"
    files = {
        "/certs/.keep": "",
        **{f"/certs/{name}": content for name, content in certificates.items()},
        **{f"{TOKEN_FOLDER}/{name}": text for name, text in _token_files(release).items()},
    }
    command = [
        *(sys.executable, "-m", "webhook", *ARGUMENTS, f"--port={ports.port}"),
        f"--health-addr=127.0.0.1:{ports.health_port}",
        f"--metrics-addr=:{ports.metrics_port}",
        *arguments,
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/",
        "PYTHONPATH": str(ROOT),
        "POD_NAMESPACE": release.namespace,
        "KUBERNETES_SERVICE_HOST": url.hostname or "",
        "KUBERNETES_SERVICE_PORT": str(url.port),
        **CONFIG_MAP,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            _contained(folder, files, command), cwd=ROOT, env=environment, stderr=output
        )
    container = Container(ports, process, log)
    try:
        until(lambda: _is_ready(container), "a container that is ready")
        yield container
    finally:
        process.kill()  # and with it, by --kill-child, all that is in the container
        process.wait()


def test_it_serves_and_rotates_as_process_1_without_any_right(
    cluster: Cluster, folder: Path
) -> None:
    with (
        installed(cluster, LEAST, kind="ServiceAccount", name=ACCOUNT, namespace="") as release,
        running(release, folder, {}, QUICK) as container,
    ):
        assert container.status("NSpid") == f"{container.pid} 1"
        assert container.status("Uid") == "65532 65532 65532 65532"
        assert container.status("NoNewPrivs") == "1"
        assert int(container.status("CapBnd"), 16) == 0
        release.serves(container.webhook)
        release.add_account("billing")
        until(lambda: _has_traffic(release), "traffic")
        metrics = container.webhook.metrics()
        assert "azwi_mutation_request_count" in metrics

        # Each step of a rotation is made by a process of its own: none is left behind.
        (old,) = release.published
        release.api.merge(release.secret_path, {"metadata": {"annotations": {ROTATE: "ca"}}})
        until(lambda: old not in release.published and len(release.published) == 1, "a new CA")
        until(lambda: not _children(container.pid), "the end of the process that makes keys")
        assert release.client_id_of_a_pod("billing") == CLIENT
        peak = int(container.status("VmHWM").split()[0]) * 1024
        assert peak < LIMIT / 2, "the process that makes keys needs some of it, too"


def test_sigterm_ends_process_1_in_order(cluster: Cluster, folder: Path) -> None:
    flags = ("--shutdown-delay=3s", "--shutdown-timeout=2s")
    with (
        installed(cluster, LEAST, kind="ServiceAccount", name=ACCOUNT, namespace="") as release,
        running(release, folder, {}, [*QUICK, *flags]) as container,
    ):
        release.serves(container.webhook)
        release.add_account("billing")
        until(lambda: _has_traffic(release), "traffic")
        os.kill(container.pid, signal.SIGTERM)
        until(lambda: container.said("draining"), "the drain")
        assert container.webhook.readiness()[0] == 503
        assert release.client_id_of_a_pod("billing") == CLIENT, "connections are still taken"
        assert container.process.wait(60) == 0
        ended = [json.loads(line) for line in container.log.read_text().splitlines()][-1]
        assert (ended["message"], ended["finished"]) == ("ended", True)


def test_it_serves_a_certificate_of_cert_managers_from_the_folder(
    cluster: Cluster, folder: Path
) -> None:
    rights = LEAST.without("secrets").without("mutatingwebhookconfigurations")
    with installed(cluster, rights, kind="ServiceAccount", name=ACCOUNT, namespace="") as release:
        host = f"{SERVICE}.{release.namespace}.svc"
        made = make_certificate(folder / "made", host)
        certificates = {
            "ca.crt": made.authority.decode(),
            **{name: (made.folder / name).read_text() for name in ("tls.crt", "tls.key")},
        }
        release.configure(lambda found: found.update(with_bundle(found, WEBHOOK, made.authority)))
        release.add_account("billing")
        with running(release, folder, certificates, ["--disable-cert-rotation"]) as container:
            release.serves(container.webhook)
            until(lambda: _has_traffic(release), "traffic")


def _contained(folder: Path, files: Mapping[str, str], command: Sequence[str]) -> list[str]:
    root = folder / "root"
    root.mkdir(exist_ok=True)
    needs = [str(ROOT), *dict.fromkeys([sys.prefix, sys.base_prefix])]
    settings = json.dumps({"root": str(root), "needs": needs, "files": files})
    namespaces = ("--pid", "--fork", "--kill-child", "--mount", "--propagation=private")
    return [
        *("unshare", *namespaces, sys.executable, "-m", "tests.cluster.contained"),
        *(settings, *command),
    ]


def _token_files(release: Release) -> dict[str, str]:
    """What a kubelet projects into every pod."""
    path = f"/api/v1/namespaces/{release.namespace}/serviceaccounts/{ACCOUNT}/token"
    token = release.api.post(path, {"spec": {"expirationSeconds": 3600}})["status"]["token"]
    root = release.api.get(f"/api/v1/namespaces/{release.namespace}/configmaps/kube-root-ca.crt")
    return {
        "token": token,
        "ca.crt": root["data"]["ca.crt"],
        "namespace": release.namespace,
    }


def _is_ready(container: Container) -> bool:
    assert container.process.poll() is None, container.log.read_text()
    return container.webhook.readiness()[0] == 200


def _has_traffic(release: Release) -> bool:
    try:
        return release.client_id_of_a_pod("billing") == CLIENT
    except AssertionError:  # the API server has not learnt of the endpoint, or of the bundle
        return False


def _children(pid: int) -> list[int]:
    """Children of a process, zombies among them."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found
