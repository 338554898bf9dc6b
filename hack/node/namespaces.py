"""The namespaces that a node lives in, and the link between them and this machine."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hack.cluster.errors import StartFailed
from hack.cluster.keeper import CGROUPS
from hack.cluster.programs import Process, Program
from hack.cluster.readiness import wait_until
from hack.node import cgroups, first, join
from hack.node.networks import Network

FIRST = "first-process"
_SPACES = ("--mount", "--net", "--pid", "--ipc", "--uts", "--cgroup")


@dataclass(frozen=True, slots=True)
class Namespaces:
    """A place on this machine that ends with its first process."""

    folder: Path
    path: str
    """PATH of the programs inside: nothing else of the user's environment reaches them."""

    @property
    def holder(self) -> Program:
        """unshare(1), whose child is the first process."""
        return Program(self.folder, FIRST)

    def start(self, name: str, *, detach: bool, tell: Callable[[str], None]) -> Program:
        """Make them; returns when they are fit for programs, without a network yet."""
        cgroups.make(self.folder)
        for name_of_folder in ("var-lib", "var-log", "sysctl"):
            (self.folder / name_of_folder).mkdir()
        holder = self.holder
        inside = [sys.executable, "-I", "-S", first.__file__, str(self.folder), name]
        unshare = ["unshare", *_SPACES, "--fork", "--kill-child", "--mount-proc", *inside]
        holder.start(self._joined(unshare), detach=detach, env=self.environment)
        wait_until(
            (self.folder / first.READY).exists,
            seconds=30,
            what="the node's first process",
            lost=lambda: ended(holder),
            tell=tell,
        )
        return holder

    def connect(self, network: Network) -> None:
        """Link them to this machine, and lead pods' and Services' addresses there."""
        outside, node, host = network.interface, network.node_address, network.host_address
        prefix = network.link.prefixlen
        first_pid = str(self.first_process().pid)
        _ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", first_pid)
        _ip("addr", "add", f"{host}/{prefix}", "dev", outside)
        _ip("link", "set", outside, "up")
        inside: tuple[tuple[str, ...], ...] = (
            ("link", "set", "lo", "up"),
            ("addr", "add", f"{node}/{prefix}", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("route", "add", "default", "via", host),
        )
        for arguments in inside:
            _run(["nsenter", f"--net=/proc/{first_pid}/ns/net", "ip", *arguments])
        for addresses in (network.pods, network.services):
            _ip("route", "add", str(addresses), "via", node, "dev", outside)

    def first_process(self) -> Process:
        """Find pid 1 of the namespaces, as this machine counts processes."""
        holder = self.holder.process
        if holder and (process := child(holder)):
            return process
        raise StartFailed(f"the node's first process {ended(self.holder) or 'is gone'}")

    @property
    def environment(self) -> dict[str, str]:
        """Of programs inside."""
        return {"PATH": self.path, "HOME": "/root"}

    def command(self, argv: Sequence[str | Path]) -> list[str]:
        """Say how to run a program inside, in the cgroups too."""
        entering = ["nsenter", f"--target={self.first_process().pid}", *_SPACES, "--"]
        return self._joined([*entering, *map(str, argv)])

    def run(self, argv: Sequence[str], stdin: BinaryIO, seconds: float) -> tuple[int, str]:
        """Run a program inside to its end: its exit status, and what it printed."""
        done = subprocess.run(
            self.command(argv),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.environment,
            timeout=seconds,
            check=False,
        )
        return done.returncode, done.stdout.decode(errors="replace")

    def _joined(self, argv: list[str]) -> list[str]:
        return [sys.executable, "-I", "-S", join.__file__, str(self.folder / CGROUPS), *argv]


def child(parent: Process) -> Process | None:
    """Find the first child: unshare(1) and nsenter(1) stay, and wait for what they started."""
    try:
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Process.of(int(children[0])) if children else None


def disconnect(network: Network) -> None:
    """Take the link away, and with it its routes; the kernel would, too, but in its own time."""
    argv = ["ip", "link", "delete", network.interface]
    subprocess.run(argv, capture_output=True, env=_plain(), check=False)


def ended(program: Program) -> str | None:
    """Say that a program has ended, with its last words; none while it runs."""
    if program.process is not None:
        return None
    status = program.exit_status()
    return f"ended{'' if status is None else f' with status {status}'}{program.tail()}"


def _ip(*arguments: str) -> None:
    _run(["ip", *arguments])


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, env=_plain(), check=False)
    if done.returncode:
        raise StartFailed(f"`{' '.join(argv)}` failed: {done.stderr.strip()}")


def _plain() -> dict[str, str]:
    return {**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"}
