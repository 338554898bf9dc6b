"""Runs one program and sees to it that the program ends with its owner, whatever way that ends.

    python -I -S keeper.py --pid-file FILE [--alive FILE]
        (--owner PID --remove FOLDER | --detach) -- PROGRAM...

A process of its own, because nothing inside the owner outlives `kill -9`:
- the owner dies: the keeper sees it by a pidfd (which tells of the process, not of the thread that
  forked, as PR_SET_PDEATHSIG would), kills the program and removes the owner's folder;
- the keeper is killed: the kernel kills the program (PR_SET_PDEATHSIG; the keeper has one thread);
- the keeper gets SIGTERM: it passes it on, and ends when the program has ended.
With --detach there is no owner: the program runs until somebody ends it.

The standard library only, and few modules of it: there is one keeper per program.
"""

import argparse
import contextlib
import ctypes
import fcntl
import json
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Collection
from pathlib import Path

_PR_SET_PDEATHSIG = 1
CGROUPS = "cgroups"
"""A file in the folder of a node: the cgroups that go with the folder, a path a line."""


def main() -> int:
    """Keep one program; the exit status is the program's."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pid-file", type=Path, required=True)
    parser.add_argument("--alive", type=Path)
    parser.add_argument("--owner", type=int)
    parser.add_argument("--remove", type=Path)
    parser.add_argument("--detach", action="store_true")
    parser.add_argument("program", nargs="+")
    options = parser.parse_args()
    owner = None if options.detach else _watch(options.owner)
    if owner is None and not options.detach:
        _remove(options.remove)
        return 1
    if options.detach and os.fork():
        return 0
    if options.alive:  # never closed: the lock lives as long as this process
        fcntl.flock(os.open(options.alive, os.O_RDWR), fcntl.LOCK_SH)
    child = _start(options.program)
    _write_pids(options.pid_file, child)
    if _ended(child, owner):
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    _remove(options.remove)
    return 1


def _watch(owner: int) -> int | None:
    """Open the owner's pidfd; none if it is gone already."""
    try:
        file = os.pidfd_open(owner)
    except ProcessLookupError:
        return None
    return file if os.getppid() == owner else None


def _start(program: list[str]) -> int:
    """Fork and exec the program in a process group of its own."""
    libc = ctypes.CDLL(None)
    keeper = os.getpid()
    child = os.fork()
    if child:
        # A handler, not SIG_IGN: an ignored signal would stay ignored in the program.
        signal.signal(signal.SIGTERM, lambda *_: _pass_on(child))
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGHUP, lambda *_: None)
        return child
    try:
        os.setpgid(0, 0)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == keeper:
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.execv(program[0], program)  # noqa: S606 - no shell is the point
    except OSError as error:
        sys.stderr.write(f"{program[0]}: {error.strerror}\n")
        sys.stderr.flush()
    os._exit(127)


def _pass_on(child: int) -> None:
    try:
        os.killpg(child, signal.SIGTERM)
    except ProcessLookupError:
        return


def _ended(child: int, owner: int | None) -> bool:
    """Wait until the program has ended (true) or its owner is gone (false)."""
    program = os.pidfd_open(child)
    poller = select.poll()
    poller.register(program, select.POLLIN)
    if owner is not None:
        poller.register(owner, select.POLLIN)
    return any(file == program for file, _ in poller.poll())


def _write_pids(path: Path, child: int) -> None:
    pids = {"keeper": os.getpid(), "program": child}
    started = {
        who: int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
        for who, pid in pids.items()
    }
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"boot": boot, "pids": pids, "started": started}))
    part.rename(path)


def _remove(folder: Path) -> None:
    """Remove the folder, although other programs in it may be dying still."""
    cgroups = listed_cgroups(folder)
    for _ in range(100):
        shutil.rmtree(folder, ignore_errors=True)
        if remove_cgroups(cgroups) and not folder.exists():
            return
        time.sleep(0.05)


def listed_cgroups(folder: Path) -> list[Path]:
    """List the cgroups that go with a folder; none for a cluster without a node."""
    try:
        return [Path(line) for line in (folder / CGROUPS).read_text().splitlines()]
    except FileNotFoundError:
        return []


def remove_cgroups(cgroups: Collection[Path]) -> bool:
    """Remove cgroups with all below them; false if processes live in some of them still."""
    for cgroup in cgroups:
        for path, _, _ in os.walk(cgroup, topdown=False):
            with contextlib.suppress(OSError):
                Path(path).rmdir()
    return not any(cgroup.exists() for cgroup in cgroups)


if __name__ == "__main__":
    sys.exit(main())
