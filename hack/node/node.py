"""A node beside a control plane of our own: started in order, ended at once."""

import datetime
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hack.cluster import pki
from hack.cluster.control_plane import ControlPlane
from hack.cluster.means import Means
from hack.cluster.programs import Program
from hack.cluster.progress import told
from hack.cluster.readiness import AdminClient, wait_until
from hack.cluster.settings import Settings
from hack.node import configuration
from hack.node.configuration import CONTAINERD_SOCKET, Layout
from hack.node.ending import FACTS, end
from hack.node.errors import LoadFailed
from hack.node.image import PAUSE, write_archive
from hack.node.namespaces import Namespaces, ended
from hack.node.wish import Wish

BUILT = ("kube-scheduler", "kubelet", "kube-proxy", "coredns", "pause")
"""What is built for a node, beside the control plane's."""
_CTR = ("ctr", f"--address={CONTAINERD_SOCKET}", "--namespace=k8s.io")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A node that is wanted on a machine that has all it needs."""

    layout: Layout
    wish: Wish
    path: str
    """PATH of the node's programs."""
    detach: bool
    """Whether it outlives the process that starts it."""

    def settings(self) -> Settings:
        """Say what the control plane must be like."""
        layout = self.layout
        return Settings(
            controller_manager=True,
            # Webhooks are called at their pods: no wait until kube-proxy has heard of them.
            aggregator_routing=True,
            issuer=self.wish.issuer,
            bind_address=layout.network.host_address,
            advertise_address=layout.network.host_address,
            service_range=str(layout.network.services),
            kubelets=True,
            extra_apiserver_args=(
                f"--kubelet-certificate-authority={layout.pki('ca.crt')}",
                f"--kubelet-client-certificate={layout.pki('api-server.crt')}",
                f"--kubelet-client-key={layout.pki('api-server.key')}",
                "--kubelet-preferred-address-types=InternalIP",
                *self.wish.extra_apiserver_args,
            ),
        )


class Node:
    """A single-node cluster."""

    def __init__(self, request: Request, means: Means) -> None:
        self._layout = request.layout
        self._detach = request.detach
        self._means = means
        self._namespaces = Namespaces(request.layout.folder, request.path)
        self._programs: dict[str, Program] = {}
        self._asked = request.wish.facts()
        self.name = request.layout.name
        self.cluster = ControlPlane(
            request.layout.folder, request.settings(), means, way="node", detach=request.detach
        )
        """The control plane: `stop_api_server()`, `kubeconfig_for()`, `kubectl()`..."""

    @property
    def kubeconfig(self) -> Path:
        """Of an administrator."""
        return self.cluster.kubeconfig

    @property
    def host_address(self) -> str:
        """This machine, as pods reach it; what listens there is reached by them."""
        return self._layout.network.host_address

    @property
    def hosts_file(self) -> Path:
        """Names for pods that no Service gives, as in /etc/hosts; read anew within a second."""
        return self._layout.file("hosts")

    def load(self, archive: Path) -> None:
        """Load the images of an archive: of `docker save`, `buildah push`, or an OCI layout's."""
        if not archive.is_file():
            raise LoadFailed(f"{archive}: there is no such file")
        with told(self._means.progress, f"loading {archive.name}"):
            load(self._namespaces, archive)

    def occupy(self) -> None:
        """Make the namespaces and the link: from then on the node's addresses are taken."""
        layout = self._layout
        self._note()
        with told(self._means.progress, "making namespaces and a link") as tell:
            holder = self._namespaces.start(layout.name, detach=self._detach, tell=tell)
            self._programs[holder.name] = holder
            self._namespaces.connect(layout.network)

    def up(self) -> None:
        """Start everything; returns when pods can run. `down()` is the caller's to call."""
        paths = {name: self._means.find_program(name) for name in BUILT}
        self._make_keys()
        self._write_files(paths["pause"])
        self._start(
            "containerd", ["containerd", f"--config={self._layout.file('containerd.toml')}"]
        )
        self.cluster.up()
        with told(self._means.progress, "starting the node's programs") as tell:
            self._await_containerd(tell)
            load(self._namespaces, self._layout.file("pause.tar"))
            self._start_programs(paths)
            self._await_all(tell)
        self._note(url=self.cluster.url, version=self.cluster.version)

    def down(self) -> None:
        """End everything at once; nothing is left but the folder, which is the caller's."""
        end(self._layout.folder)
        for program in reversed(self._programs.values()):
            program.stop(patience=0)  # has ended: its keeper is our child, to be waited for
        self.cluster.down()

    def _make_keys(self) -> None:
        """Make an authority for API server and kubelet alone: nobody else can call kubelet."""
        now = datetime.datetime.now(datetime.UTC)
        authority = pki.make_authority("azwi-node", now)
        names = [self._layout.network.node_address, self.name]
        pairs = {
            "ca": authority,
            "kubelet": pki.issue_server(authority, names, now),
            # By the group it may do everything: kubelet asks the API server who may do what.
            "api-server": pki.issue_client(authority, "kube-apiserver", ["system:masters"], now),
        }
        self._layout.pki("").mkdir(mode=0o700)
        for name, pair in pairs.items():
            self._layout.pki(f"{name}.crt").write_bytes(pair.certificate)
            self._layout.pki(f"{name}.key").touch(mode=0o600)
            self._layout.pki(f"{name}.key").write_bytes(pair.key)

    def _write_files(self, pause: Path) -> None:
        for name, content in configuration.files(self._layout).items():
            file = self._layout.file(name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        write_archive(self._layout.file("pause.tar"), PAUSE, pause)

    def _start_programs(self, paths: Mapping[str, Path]) -> None:
        layout = self._layout
        users = {
            "kube-scheduler": ("system:kube-scheduler", []),
            "kubelet": (f"system:node:{self.name}", ["system:nodes"]),
            "kube-proxy": ("system:kube-proxy", []),
            # CoreDNS has no role in a bare cluster, and here no pod that could hold one.
            "coredns": ("coredns", ["system:masters"]),
        }
        for program, (user, groups) in users.items():
            self.cluster.kubeconfig_for(user, groups).rename(layout.kubeconfig(program))
        flags = {
            "kube-scheduler": [
                f"--kubeconfig={layout.kubeconfig('kube-scheduler')}",
                "--leader-elect=false",
                "--secure-port=0",
                "--profiling=false",
            ],
            "kubelet": [
                f"--config={layout.file('kubelet.yaml')}",
                f"--kubeconfig={layout.kubeconfig('kubelet')}",
                "--root-dir=/var/lib/kubelet",
                f"--hostname-override={self.name}",
                f"--node-ip={layout.network.node_address}",
            ],
            "kube-proxy": [f"--config={layout.file('kube-proxy.yaml')}"],
            "coredns": ["-conf", str(layout.file("Corefile"))],
        }
        for program, argv in flags.items():
            self._start(program, [paths[program], *argv])

    def _start(self, name: str, argv: list[str | Path]) -> None:
        program = Program(self._layout.folder, name)
        self._programs[name] = program
        environment = self._namespaces.environment
        program.start(self._namespaces.command(argv), detach=self._detach, env=environment)

    def _await_containerd(self, tell: Callable[[str], None]) -> None:
        root = Path(f"/proc/{self._namespaces.first_process().pid}/root")
        socket_file = root / CONTAINERD_SOCKET.lstrip("/")
        self._await("containerd", socket_file.exists, tell)

    def _await_all(self, tell: Callable[[str], None]) -> None:
        """Wait for each by what it is there for."""
        admin = self._admin()
        self._await("kubelet", lambda: _ready(admin, self.name), tell)
        # The API server by its Service address: our route, kube-proxy's rules, and the way back.
        service = self.cluster.settings.service_address
        self._await("kube-proxy", lambda: _listens(service, 443), tell)
        address = self._layout.network.node_address
        self._await("coredns", lambda: _listens(address, 53), tell)

    def _await(self, name: str, ready: Callable[[], bool], tell: Callable[[str], None]) -> None:
        wait_until(ready, seconds=90, what=name, lost=self._lost, tell=tell)

    def _lost(self) -> str | None:
        for program in self._programs.values():
            if (why := ended(program)) is not None:
                return f"waits in vain: {program.name} {why}"
        return None

    def _admin(self) -> AdminClient:
        certificate, key = (self._layout.folder / "pki" / f"admin.{end}" for end in ("crt", "key"))
        return AdminClient.of(self.cluster.url, self.cluster.ca_file, certificate, key)

    def _note(self, **more: str) -> None:
        """Write down what others need to know, to end the node for one thing."""
        facts = {"place": self._layout.network.place, "asked": self._asked, **more}
        (self._layout.folder / FACTS).write_text(json.dumps(facts, indent=2) + "\n")


def load(namespaces: Namespaces, archive: Path) -> None:
    """Give an archive to containerd. Raises LoadFailed."""
    # From stdin: the file may lie where the node sees a folder of its own (/run, /var/lib).
    with archive.open("rb") as file:
        status, said = namespaces.run([*_CTR, "images", "import", "-"], file, seconds=600)
    if status:
        raise LoadFailed(f"{archive}: containerd does not take it: {said.strip()[-1000:]}")


def _ready(admin: AdminClient, name: str) -> bool:
    answer = admin.get(f"/api/v1/nodes/{name}")
    if answer is None or answer[0] != 200:
        return False
    conditions = json.loads(answer[1]).get("status", {}).get("conditions", [])
    return any((found["type"], found["status"]) == ("Ready", "True") for found in conditions)


def _listens(address: str, port: int) -> bool:
    try:  # nothing refuses a Service's address before kube-proxy knows it: don't wait for that
        socket.create_connection((address, port), timeout=0.2).close()
    except OSError:
        return False
    return True
