"""The cgroups of a node: one in every v1 hierarchy, below the cgroup that this process is in.

Inside the node they look like the roots of their hierarchies, so that kubelet and containerd find
what they expect and see nothing of the machine's.
"""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hack.cluster.errors import StartFailed
from hack.cluster.keeper import CGROUPS, listed_cgroups, remove_cgroups

ROOT = Path("/sys/fs/cgroup")
_PREFIX = "azwi-node."


@contextmanager
def alone() -> Iterator[None]:
    """Be the only one on this machine that starts a node, whoever else does it from other folders.

    The lock is on a folder that every node of the machine needs: it leaves no file behind.
    """
    root = os.open(ROOT, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(root, fcntl.LOCK_EX)
        yield
    finally:
        os.close(root)


def make(folder: Path) -> None:
    """Make the cgroups of a node; the folder's list of them stands before the first is made."""
    name = f"{_PREFIX}{folder.name}.{secrets.token_hex(4)}"
    wanted = [parent / name for parent in _own()]
    (folder / CGROUPS).write_text("".join(f"{path}\n" for path in wanted))
    for path in wanted:
        path.mkdir(exist_ok=True)
        # A new cpuset has neither processors nor memory, and takes no process.
        for name in ("cpuset.cpus", "cpuset.mems"):
            if (path.parent / name).exists():
                (path / name).write_text((path.parent / name).read_text())


def remove(folder: Path, *, seconds: float = 10.0) -> None:
    """Remove the cgroups of a node whose programs have been killed."""
    cgroups = listed_cgroups(folder)
    end = time.monotonic() + seconds
    while not remove_cgroups(cgroups):
        if time.monotonic() > end:
            left = [str(path) for path in cgroups if path.exists()]
            raise StartFailed(f"processes of the node live still, in {', '.join(left)}")
        time.sleep(0.02)


def sweep() -> None:
    """Remove what killed runs left: cgroups of nodes with no process in them.

    Only `alone()`: those of a node that starts are empty at first.
    """
    for parent in _own():
        remove_cgroups([path for path in parent.glob(f"{_PREFIX}*") if not pids(path)])


def hierarchies(own: str) -> dict[str, str]:
    """Parse /proc/self/cgroup: v1 hierarchies, by their folder below /sys/fs/cgroup, to our cgroup.

    cgroups(7): hierarchy-ID:controller-list:cgroup-path; no controllers: the v2 hierarchy.
    """
    lines = [line.split(":", 2) for line in own.splitlines()]
    return {names.removeprefix("name="): path for _, names, path in lines if names}


def _own() -> Iterator[Path]:
    for name, path in hierarchies(Path("/proc/self/cgroup").read_text()).items():
        mounted = ROOT / name
        if mounted.is_dir():
            yield mounted / path.strip("/")


def pids(cgroup: Path) -> set[int]:
    """List the processes in a cgroup and below it; what is just being removed has none."""
    found: set[int] = set()
    for folder, _, _ in os.walk(cgroup):
        with suppress(OSError):  # ENOENT, or ENODEV for a file that was open already
            found.update(map(int, Path(folder, "cgroup.procs").read_text().split()))
    return found
