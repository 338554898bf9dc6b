"""What processes and the machine have used."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hack.bench.machine import busy_seconds
from hack.bench.process import cpu_seconds, memory
from hack.cluster.programs import Program

MIB: Final = 1024 * 1024
OTHERS: Final = "others"
"""Whatever else ran: this benchmark too, which takes about 3 %."""
_NOISE: Final = 0.1
"""The part of the machine that others may have without a word."""
_KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB in main memory."""

    now: float
    peak: float


def memory_of(program: Program) -> Memory:
    """Read what a program holds, and held at most since it was started."""
    pid = _pid(program)
    return Memory(memory(pid).rss / MIB, peak_in(Path(f"/proc/{pid}/status").read_text()) / MIB)


def peak_in(status: str) -> int:
    """Read the high-water mark of a /proc/PID/status, in bytes."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * _KIB if found else 0


def cpu_of(program: Program) -> float:
    """Read the CPU seconds of a program, all threads."""
    return cpu_seconds(_pid(program))


@dataclass(frozen=True, slots=True)
class Shares:
    """CPU seconds of a while."""

    seconds: float
    """How long it was."""
    cores: int
    by: dict[str, float]
    """Of programs, by name, and of whatever else ran: `OTHERS`."""

    @property
    def warning(self) -> str:
        """Say that the machine had something else to do, if that was enough to matter."""
        part = self.by.get(OTHERS, 0.0) / (self.seconds * self.cores)
        if part <= _NOISE:
            return ""
        return (
            f"other programs had {part:.0%} of the machine meanwhile: its times are theirs as well"
        )

    def __str__(self) -> str:
        whole = self.seconds * self.cores
        told = ", ".join(f"{name} {used:.0f} s" for name, used in self.by.items())
        return (
            f"CPU {told}: {sum(self.by.values()) / whole:.0%} of {self.cores} cores"
            f" for {self.seconds:.0f} s"
        )


class Watched:
    """Programs whose CPU time is noted; `shares` says what they used since the beginning."""

    def __init__(self, programs: dict[str, Program], clock: float) -> None:
        self._programs = programs
        self._clock = clock
        self._before = {name: cpu_of(program) for name, program in programs.items()}
        self._busy = _busy()

    def shares(self, clock: float) -> Shares:
        """Return what was used until now."""
        by = {
            name: cpu_of(program) - self._before[name]
            for name, program in self._programs.items()
            if program.process
        }
        others = max(0.0, _busy() - self._busy - sum(by.values()))
        cores = len(os.sched_getaffinity(0))
        return Shares(clock - self._clock, cores, {**by, OTHERS: others})


def _busy() -> float:
    stat = Path("/proc/stat").read_text()
    return sum(busy_seconds(stat, core) for core in os.sched_getaffinity(0))


def _pid(program: Program) -> int:
    process = program.process
    if process is None:
        raise RuntimeError(f"{program.name} is not running")
    return process.pid
