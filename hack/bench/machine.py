"""The machine that measures, in words, and which core does what."""

import os
import platform
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BUSY: Final = 0.5
"""Load average above which the machine has something else to do."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a reader needs to know to compare figures."""

    cpu: str
    cores: int
    """Those that this process may use."""
    kernel: str
    python: str
    tls: str
    load: float
    """Load average of the last minute before the first measurement."""

    def lines(self) -> list[str]:
        """Describe the machine; the last line warns of noise, if there is any."""
        told = [
            f"{self.cpu}, {self.cores} core{'' if self.cores == 1 else 's'}, {self.kernel}",
            f"{self.python}, {self.tls}",
        ]
        if self.cores == 1:
            told.append("one core only: server and driver share it, so rates are about half")
        if self.load > BUSY:
            told.append(
                f"busy with something else when this began (load {self.load:.1f}): times and rates"
                " are noisy, CPU per admission less so"
            )
        return told


def this_machine() -> Machine:
    """Look at the machine we run on."""
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text()
    except OSError:
        cpuinfo = ""
    return Machine(
        cpu=cpu_model(cpuinfo) or platform.processor() or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        kernel=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        tls=ssl.OPENSSL_VERSION,
        load=os.getloadavg()[0],
    )


def cpu_model(cpuinfo: str) -> str | None:
    """Find the processor's name in /proc/cpuinfo; some architectures tell none."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else None


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where; the API server runs on whatever is free."""

    all: frozenset[int]
    server: int
    driver: int

    @classmethod
    def of(cls, allowed: set[int]) -> "Cores":
        """Divide the cores; with only one of them it is shared."""
        ordered = sorted(allowed)
        return cls(frozenset(allowed), ordered[0], ordered[min(1, len(ordered) - 1)])


def busy_seconds(stat: str, core: int) -> float:
    """Read out of /proc/stat how long a core has been busy, with whatever, since boot."""
    for line in stat.splitlines():
        name, *fields = line.split()
        if name == f"cpu{core}":
            user, nice, system, _, _, irq, soft, steal = map(int, fields[:8])
            return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")
    raise ValueError(f"no core {core}")


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Run the block on one core; processes that it starts are kept to that core too."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
