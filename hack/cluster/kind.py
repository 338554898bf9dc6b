"""A cluster in Docker, made by kind (https://kind.sigs.k8s.io)."""

import base64
import datetime
import json
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from hack.cluster import kubeconfig, pki
from hack.cluster.cluster import Cluster
from hack.cluster.errors import BadSetting, NoHostAddress, StartFailed
from hack.cluster.means import Means
from hack.cluster.progress import told
from hack.cluster.readiness import AdminClient, wait_until
from hack.cluster.settings import ISSUER, Settings
from hack.cluster.ways import KindWay

_MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"
_ASIDE = "/etc/kubernetes/kube-apiserver.yaml"


class KindCluster(Cluster):
    """One control plane node in one container, with everything that a real cluster has."""

    way = "kind"
    ours = True

    def __init__(
        self,
        name: str,
        folder: Path,
        settings: Settings,
        tools: KindWay,
        means: Means,
    ) -> None:
        if settings.bind_address != "127.0.0.1" or settings.advertise_address:
            raise BadSetting("with kind the API server's addresses are kind's to choose")
        self.folder = folder
        self.kubeconfig = folder / "admin.kubeconfig"
        self.ca_file = folder / "ca.crt"
        self._name = name
        self._node = f"{name}-control-plane"
        self._settings = settings
        self._tools = tools
        self._means = means

    def up(self) -> None:
        """Create the cluster; returns when it is ready."""
        if "{url}" in self._settings.issuer:
            raise BadSetting("with kind the API server's address is not known ahead: no {url}")
        config = self.folder / "kind.json"
        config.write_text(json.dumps(kind_config(self._settings), indent=2) + "\n")
        command = [self._tools.kind, "create", "cluster", "--name", self._name]
        command += ["--config", str(config), "--kubeconfig", str(self.kubeconfig)]
        command += [
            "--wait",
            "180s",
            *(["--image", self._tools.image] if self._tools.image else []),
        ]
        with told(self._means.progress, "creating a cluster with kind (minutes the first time)"):
            _run(command)
            self.attach()

    def attach(self) -> None:
        """Read what kind wrote of a cluster that is there."""
        config = yaml.safe_load(self.kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.url = cluster["server"]
        self.ca_file.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
        pair = (self.folder / "admin.crt", self.folder / "admin.key")
        pair[0].write_bytes(base64.b64decode(user["client-certificate-data"]))
        pair[1].touch(mode=0o600)
        pair[1].write_bytes(base64.b64decode(user["client-key-data"]))
        self._admin = AdminClient.of(self.url, self.ca_file, *pair)
        self.version = self._admin.get_json("/version")["gitVersion"]

    def down(self) -> None:
        """Delete the cluster."""
        delete(self._tools, self._name)

    @property
    def host_address(self) -> str:
        """AZWI_HOST_ADDRESS, else the gateway of the node's network: the machine itself."""
        if self._means.host_address:
            return self._means.host_address
        form = "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}"
        found = _run([self._tools.docker, "container", "inspect", "-f", form, self._node]).strip()
        if not found:
            raise NoHostAddress("kind's network has no IPv4 gateway: set AZWI_HOST_ADDRESS")
        return found

    def kubeconfig_for(self, user: str, groups: Iterable[str] = ()) -> Path:
        """Return a kubeconfig of somebody, signed with the cluster's own authority."""
        groups = list(groups)
        pair = ("/etc/kubernetes/pki/ca.crt", "/etc/kubernetes/pki/ca.key")
        authority = pki.Pair(*(self._in_node("cat", file).encode() for file in pair))
        client = pki.issue_client(authority, user, groups, datetime.datetime.now(datetime.UTC))
        path = self.folder / "users" / kubeconfig.file_name(user, groups)
        return kubeconfig.write(path, url=self.url, authority=authority.certificate, client=client)

    def kubectl(self) -> Path:
        """Return a kubectl that fits; it may have to be built first."""
        return self._means.find_program("kubectl")

    def stop_api_server(self, *, kill: bool = False) -> None:
        """Take its static pod away: kubelet then stops it."""
        self._in_node("mv", _MANIFEST, _ASIDE)
        if kill:
            self._in_node("pkill", "-KILL", "kube-apiserver")
        end = time.monotonic() + 120
        while self._admin.get("/livez") is not None:
            if time.monotonic() > end:
                raise StartFailed("kube-apiserver did not stop within 120 s")
            time.sleep(0.2)

    def start_api_server(self) -> None:
        """Give kubelet its static pod back; returns when it is ready."""
        self._in_node("mv", _ASIDE, _MANIFEST)
        wait_until(
            lambda: self._admin.answers("/readyz"),
            seconds=120,
            what="kube-apiserver",
            lost=lambda: None,
            tell=lambda _: None,
        )

    def _in_node(self, *command: str) -> str:
        return _run([self._tools.docker, "exec", self._node, *command])


def kind_config(settings: Settings) -> dict[str, Any]:
    """Write kind's configuration; flags as kubeadm takes them, in its old form and its new one.

    kubeadm's v1beta3 (Kubernetes before 1.36 in kind) has a map of flags, v1beta4 a list; a patch
    that names its version is left out where the other one is in use (kind pull request 4173).
    """
    flags = dict(
        arg.removeprefix("--").partition("=")[::2] for arg in settings.extra_apiserver_args
    )
    if settings.issuer != ISSUER:
        flags.setdefault("service-account-issuer", settings.issuer)
    if settings.aggregator_routing:
        flags.setdefault("enable-aggregator-routing", "true")
    forms: dict[str, Any] = {
        "v1beta3": flags,
        "v1beta4": [{"name": name, "value": value} for name, value in flags.items()],
    }
    patches = [
        {
            "apiVersion": f"kubeadm.k8s.io/{version}",
            "kind": "ClusterConfiguration",
            "apiServer": {"extraArgs": form},
        }
        for version, form in forms.items()
    ]
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "nodes": [{"role": "control-plane"}],
        "kubeadmConfigPatches": [json.dumps(patch) for patch in patches] if flags else [],
    }


def existing(tools: KindWay) -> list[str]:
    """List the names of all clusters that kind knows of."""
    return _run([tools.kind, "get", "clusters"]).split()


def delete(tools: KindWay, name: str) -> None:
    """Delete a cluster."""
    _run([tools.kind, "delete", "cluster", "--name", name])


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = "".join(f"\n    {line}" for line in done.stderr.splitlines()[-15:])
        raise StartFailed(f"`{' '.join(command[:3])}` failed; its last lines:{last}")
    return done.stdout
