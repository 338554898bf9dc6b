"""What a machine lacks for a node is named, each with what to do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hack.node.errors import CannotRun
from hack.node.machine import Machine, missing

PROGRAMS = (
    "containerd", "containerd-shim-runc-v2", "ctr", "runc",
    "iptables", "ip", "unshare", "nsenter", "mount",
)  # fmt: skip
ROOT = "Uid:\t0\t0\t0\t0\nCapEff:\t000001fffeffffff\n"
NAMES = ("cpu,cpuacct", "cpuset", "memory", "devices", "freezer", "pids", "name=systemd")
V1 = "".join(f"{number}:{name}:/\n" for number, name in enumerate(NAMES, 1)) + "0::/\n"
FILES = {
    "proc/self/status": ROOT,
    "proc/self/cgroup": V1,
    "proc/filesystems": "nodev\tcgroup\nnodev\toverlay\n\text4\n",
    "proc/sys/net/bridge/bridge-nf-call-iptables": "1\n",
    "usr/lib/cni/bridge": "",
    "usr/lib/cni/host-local": "",
    "usr/lib/cni/loopback": "",
    "usr/lib/cni/portmap": "",
    "sys/fs/cgroup/tasks": "",
    **{f"bin/{program}": "" for program in PROGRAMS},
}

Machines = Callable[..., Machine]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    """A machine that has everything, but for what a test changes; None: not there."""
    monkeypatch.setattr(Machine, "path", lambda self: str(self.root / "bin"))

    def made(changes: dict[str, str | None] | None = None, cache: str = "/home/a") -> Machine:
        for name, content in {**FILES, **(changes or {})}.items():
            if content is not None:
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / name).write_text(content)
                (tmp_path / name).chmod(0o755)
        return Machine({"AZWI_CACHE": cache}, root=tmp_path, linux=True)

    return made


def test_a_machine_with_everything_lacks_nothing(machine: Machines) -> None:
    assert missing(machine()) == []


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("proc/self/status", "Uid:\t1000\t1000\t1000\t1000\n", "root is needed"),
        ("proc/self/status", "Uid:\t0\t0\nCapEff:\t00000000a80425fb\n", "CAP_NET_ADMIN and no CAP"),
        (
            "proc/self/cgroup",
            "0::/\n",
            "cgroups are v2 only, which this node does not support: kin",
        ),
        ("proc/self/cgroup", V1.replace("memory", "misc"), "no cgroup v1 controller memory: kind "),
        ("proc/filesystems", "\text4\n", "modprobe overlay"),
        ("proc/sys/net/bridge/bridge-nf-call-iptables", None, "modprobe br_netfilter"),
        ("bin/runc", None, "no runc: hack/node/install.sh, or apt-get install --no-install-rec"),
        ("usr/lib/cni/portmap", None, "no CNI plugins bridge, host-local, loopback, portmap in "),
    ],
)
def test_what_is_missing_is_one_line(
    machine: Machines, file: str, content: str | None, told: str
) -> None:
    (fault,) = missing(machine({file: content}))
    assert told in fault
    assert "\n" not in fault


def test_the_packages_are_named_once_each(machine: Machines) -> None:
    gone = {"bin/ctr": None, "bin/containerd": None, "bin/nsenter": None}
    (fault,) = missing(machine(gone))
    assert fault.startswith("no containerd; no ctr; no nsenter: ")
    assert fault.endswith("recommends containerd util-linux")


def test_a_cache_that_the_node_would_hide_is_refused(machine: Machines) -> None:
    (fault,) = missing(machine(cache="/var/lib/azwi"))
    assert "is below /var/lib, which a node has of its own: AZWI_CACHE names another" in fault


def test_elsewhere_than_on_linux_kind_is_named() -> None:
    (fault,) = missing(Machine({}, linux=False))
    assert "this is not Linux: kind (https://kind.sigs.k8s.io)" in fault


def test_the_error_lists_all_faults() -> None:
    assert str(CannotRun(["no a: do b", "no c: do d"])).splitlines() == [
        "no node can run on this machine:",
        "  no a: do b",
        "  no c: do d",
    ]
