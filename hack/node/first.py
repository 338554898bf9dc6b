"""The first process inside of a node: makes the place fit for kubelet, then reaps orphans.

    unshare --mount --net --pid --ipc --uts --cgroup --fork --kill-child --mount-proc
        python -I -S first.py FOLDER NAME

It is pid 1 of the namespaces: when it ends, the kernel kills every process in them, and what was
mounted, linked or routed in them is gone. It runs in the node's cgroups already (join.py). The
standard library only.
"""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

READY = "namespaces.ready"

# kubelet insists on these; they have no namespaces. It is shown files with the values that it
# wants, and the machine keeps its own.
_KERNEL_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


def main() -> None:
    """Set up, tell so by a file, stay."""
    folder = Path(sys.argv[1])
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    socket.sethostname(sys.argv[2])
    # unshare(1) cut the mounts off from the machine's; among each other they must spread, as
    # kubelet's do into containers.
    mount("--make-rshared", "/")
    mount_cgroups()
    hide_fixed_paths(folder)
    show_kernel_settings(folder / "sysctl")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    bridged = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if bridged.exists():  # pods behind one bridge meet each other's Services
        bridged.write_text("1")
    (folder / READY).touch()
    while True:
        reap()
        signal.sigwait({signal.SIGCHLD})


def mount(*arguments: str) -> None:
    """Mount as the command of that name does."""
    subprocess.run(["mount", *arguments], check=True)


def mount_cgroups() -> None:
    """Mount the v1 hierarchies anew: seen from this cgroup namespace, ours are their roots."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    hierarchies = [names for _, names, _ in (line.split(":", 2) for line in lines) if names]
    subprocess.run(["umount", "--recursive", "/sys/fs/cgroup"], check=True)
    mount("-t", "tmpfs", "-o", "mode=755", "cgroup", "/sys/fs/cgroup")
    for names in hierarchies:
        place = Path("/sys/fs/cgroup", names.removeprefix("name="))
        place.mkdir()
        options = f"none,{names}" if names.startswith("name=") else names
        mount("-t", "cgroup", "-o", options, "cgroup", str(place))


def hide_fixed_paths(folder: Path) -> None:
    """Lead what is written under fixed paths (/var/lib/kubelet, /run/netns) to the folder."""
    mount("-t", "tmpfs", "-o", "mode=755", "run", "/run")
    Path("/run/lock").mkdir()
    for place in ("lib", "log"):
        mount("--bind", str(folder / f"var-{place}"), f"/var/{place}")
    Path("/var/lib/kubelet").mkdir()


def show_kernel_settings(folder: Path) -> None:
    """Lay files over those of /proc/sys."""
    for name, value in _KERNEL_SETTINGS.items():
        shown = folder / name.replace("/", ".")
        shown.write_text(value + "\n")
        mount("--bind", str(shown), f"/proc/sys/{name}")


def reap() -> None:
    """Take leave of every process that has ended; orphans of the namespaces are our children."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


if __name__ == "__main__":
    main()
