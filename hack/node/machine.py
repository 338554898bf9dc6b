"""What a machine must have to run a node, and what to do where something is missing."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hack.cluster.folders import Folders
from hack.node.cgroups import ROOT, hierarchies

_PACKAGES = {
    "containerd": "containerd",
    "containerd-shim-runc-v2": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
}
_PLUGINS_PACKAGE = "containernetworking-plugins"
_PLUGINS = ("bridge", "host-local", "loopback", "portmap")
_PLUGIN_FOLDERS = (Path("/opt/cni/bin"), Path("/usr/lib/cni"))
_CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "pids")
_CAPABILITIES = {12: "CAP_NET_ADMIN", 21: "CAP_SYS_ADMIN"}
_HIDDEN = ("/run", "/var/run", "/var/lib", "/var/log", "/sys", "/proc")
KIND = "kind (https://kind.sigs.k8s.io) is the way there: it brings a node of its own"


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine we run on; a test gives one with another root, path and user."""

    environment: Mapping[str, str]
    root: Path = Path("/")
    linux: bool = sys.platform == "linux"

    def path(self) -> str:
        """PATH with the folders of root's programs, which a user's may lack."""
        return f"{self.environment.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"

    def which(self, program: str) -> str | None:
        """Find a program."""
        return shutil.which(program, path=self.path())

    def read(self, path: str) -> str:
        """Read a file of /proc; one that isn't there is empty."""
        try:
            return (self.root / path.lstrip("/")).read_text()
        except OSError:
            return ""

    def status(self, field: str) -> str:
        """Read a field of /proc/self/status: what follows its name."""
        for line in self.read("/proc/self/status").splitlines():
            name, _, value = line.partition(":")
            if name == field:
                return value.strip()
        return ""

    def cni_plugins(self) -> Path | None:
        """Find the folder with all CNI plugins that are needed."""
        for folder in _PLUGIN_FOLDERS:
            here = self.root / folder.relative_to("/")
            if all(os.access(here / plugin, os.X_OK) for plugin in _PLUGINS):
                return folder
        return None


def missing(machine: Machine) -> list[str]:
    """List what is missing, each with what to do; empty where a node can run."""
    if not machine.linux:
        return [f"this is not Linux: {KIND}"]
    return [*_rights(machine), *_cgroups(machine), *_kernel(machine), *_programs(machine),
            *_place(machine)]  # fmt: skip


def _rights(machine: Machine) -> Iterator[str]:
    if machine.status("Uid").split()[1:2] != ["0"]:
        yield "root is needed: namespaces, mounts, links (sudo --preserve-env=AZWI_CACHE,HOME,PATH)"
        return
    held = int(machine.status("CapEff") or "0", 16)
    lacking = [name for bit, name in _CAPABILITIES.items() if not held >> bit & 1]
    if lacking:
        yield f"root has no {' and no '.join(lacking)}: a container without --privileged?"


def _cgroups(machine: Machine) -> Iterator[str]:
    own = hierarchies(machine.read("/proc/self/cgroup"))
    held = {controller for names in own for controller in names.split(",")}
    lacking = [name for name in _CONTROLLERS if name not in held]
    if len(lacking) == len(_CONTROLLERS):
        yield f"cgroups are v2 only, which this node does not support: {KIND}"
    elif lacking:
        yield f"no cgroup v1 controller {' and no '.join(lacking)}: {KIND}"
    elif not os.access(machine.root / ROOT.relative_to("/"), os.W_OK):
        yield f"{ROOT} cannot be written: a container without --privileged?"


def _kernel(machine: Machine) -> Iterator[str]:
    if "overlay" not in machine.read("/proc/filesystems").split():
        yield "the kernel has no overlayfs: modprobe overlay"
    if not machine.read("/proc/sys/net/bridge/bridge-nf-call-iptables"):
        yield "bridged packets do not pass iptables: modprobe br_netfilter"


def _programs(machine: Machine) -> Iterator[str]:
    lacking = {name: package for name, package in _PACKAGES.items() if not machine.which(name)}
    if machine.cni_plugins() is None:
        folders = " or ".join(map(str, _PLUGIN_FOLDERS))
        lacking[f"CNI plugins {', '.join(_PLUGINS)} in {folders}"] = _PLUGINS_PACKAGE
    if lacking:
        packages = " ".join(sorted(set(lacking.values())))
        yield (
            f"no {'; no '.join(lacking)}: hack/node/install.sh, or"
            f" apt-get install --no-install-recommends {packages}"
        )


def _place(machine: Machine) -> Iterator[str]:
    """Paths that a node has of its own hide the machine's."""
    root = Folders.of(machine.environment).root.resolve()
    for folder in _HIDDEN:
        if root.is_relative_to(folder):
            yield (
                f"the cache, {root}, is below {folder}, which a node has of its own:"
                " AZWI_CACHE names another place"
            )
            return
