"""Processes that we start, and what they have used: CPU clock and memory."""

import ctypes
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

_CPU_OF_PROCESS: Final = 2
_KIB: Final = 1024
_PR_SET_PDEATHSIG: Final = 1


def prepared(core: int | None = None) -> Callable[[], None]:
    """Return what a new process does first: go to its core, and end if we are killed."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def prepare() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if core is not None:
            os.sched_setaffinity(0, {core})

    return prepare


class Memory(NamedTuple):
    """Bytes in main memory."""

    rss: int
    """All of its pages."""
    pss: int
    """The same with each shared page divided by those who share it."""


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, all threads (ended ones too), user and system.

    The kernel's clock of the process is that of utime and stime in /proc/PID/stat, in nanoseconds
    instead of ticks of 10 ms. Source: clock_getcpuclockid(3), whose formula this is.
    """
    try:
        return time.clock_gettime(~pid << 3 | _CPU_OF_PROCESS)
    except OSError:
        return cpu_ticks(Path(f"/proc/{pid}/stat").read_text()) / os.sysconf("SC_CLK_TCK")


def cpu_ticks(stat: str) -> int:
    """Add utime and stime of a /proc/PID/stat; the program's name in it may hold anything."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def memory(pid: int) -> Memory:
    """Return what a process holds now."""
    return rollup(Path(f"/proc/{pid}/smaps_rollup").read_text())


def rollup(text: str) -> Memory:
    """Read a /proc/PID/smaps_rollup."""
    sizes = {
        name: int(size) for name, size in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)
    }
    return Memory(rss=sizes["Rss"] * _KIB, pss=sizes["Pss"] * _KIB)
