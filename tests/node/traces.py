"""What a node leaves on the machine while it runs, to see that nothing of it is left later."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hack.cluster.keeper import listed_cgroups
from hack.cluster.programs import Process
from hack.node.cgroups import pids
from hack.node.networks import Network

SETTINGS = (
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "net/ipv4/ip_forward",
)


@dataclass(frozen=True, slots=True)
class Traces:
    """What of the machine belongs to one node."""

    folder: Path
    link: str
    """With its number: another node may take the name at once."""
    cgroups: tuple[Path, ...]
    processes: tuple[Process, ...]
    """All in its cgroups (programs, shims, pods), and those of the control plane."""

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Note them down while the node runs."""
        network = Network(json.loads((folder / "node.json").read_text())["place"])
        cgroups = tuple(listed_cgroups(folder))
        found = {pid for cgroup in cgroups for pid in pids(cgroup)}
        for file in (folder / "pids").glob("*.json"):
            found |= set(json.loads(file.read_text())["pids"].values())
        processes = tuple(process for pid in found if (process := Process.of(pid)))
        return cls(folder, _numbered(network.interface), cgroups, processes)

    def left(self) -> list[str]:
        """Say what of them is there still."""
        found = [str(path) for path in (self.folder, *self.cgroups) if path.exists()]
        found += [f"pid {process.pid}" for process in self.processes if process.alive]
        if self.link and _numbered(self.link.partition(" ")[0]) == self.link:
            found.append(self.link)
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        return found + [line for line in mounts if str(self.folder) in line]

    def left_after(self, seconds: float) -> list[str]:
        """Say what is there still when so much time has passed; at once when nothing is."""
        end = time.monotonic() + seconds
        while (found := self.left()) and time.monotonic() < end:
            time.sleep(0.05)
        return found


def settings() -> dict[str, str]:
    """Read the machine's settings that kubelet would change."""
    return {name: Path("/proc/sys", name).read_text().strip() for name in SETTINGS}


def _numbered(interface: str) -> str:
    try:
        return f"{interface} {Path('/sys/class/net', interface, 'ifindex').read_text().strip()}"
    except FileNotFoundError:
        return ""
