"""A program of the cluster: started under a keeper, stopped by anybody who knows its folder."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from hack.cluster import keeper
from hack.cluster.errors import StartFailed
from hack.cluster.folders import ALIVE


@dataclass(frozen=True, slots=True)
class Process:
    """A process, known by more than its pid: pids are used again."""

    pid: int
    started: int
    """Clock ticks since boot, field 22 of /proc/PID/stat."""
    boot: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Find the process that has this pid now; none for a zombie."""
        try:
            state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if state in "ZX" else cls(pid, int(fields[18]), _boot())

    @property
    def alive(self) -> bool:
        """Whether it runs still, and is the same."""
        return Process.of(self.pid) == self

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this very process, never to a later one with the same pid."""
        try:
            file = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if self.alive:
                signal.pidfd_send_signal(file, number)
        except ProcessLookupError:
            return
        finally:
            os.close(file)

    def kill_group(self) -> None:
        """Kill it and what it started: a program leads a group of its own."""
        with contextlib.suppress(ProcessLookupError):
            if self.alive:
                os.killpg(self.pid, signal.SIGKILL)

    def wait(self, seconds: float) -> bool:
        """Wait for its end; false if it lives still."""
        end = time.monotonic() + seconds
        while self.alive:
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def memory(self) -> int:
        """Resident memory in bytes, 0 if it is gone."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")


@dataclass(slots=True)
class Program:
    """One program in a cluster's folder, with its log and its pid file."""

    folder: Path
    name: str
    _starter: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def log(self) -> Path:
        """Everything it ever printed."""
        return self.folder / "logs" / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        """Written by the keeper."""
        return self.folder / "pids" / f"{self.name}.json"

    @property
    def process(self) -> Process | None:
        """The program itself, while it runs."""
        return self._process("program")

    def start(
        self,
        argv: Sequence[str | Path],
        *,
        detach: bool = False,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Start it, to live as long as this process, or until it is stopped if `detach`.

        If this process is killed, the folder goes with it.
        """
        for path in (self.log, self.pid_file):
            path.parent.mkdir(mode=0o700, exist_ok=True)
        self.pid_file.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._starter = subprocess.Popen(
                [*self._keeper(detach=detach), "--", *argv],
                cwd=cwd or self.folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the owner, which then ends us in order
            )
        if detach:
            self._starter.wait(30)
            self._starter = None
        self._wait_for_pid_file()

    def _keeper(self, *, detach: bool) -> list[str | Path]:
        command = [sys.executable, "-I", "-S", keeper.__file__, "--pid-file", str(self.pid_file)]
        if (alive := self.folder / ALIVE).exists():
            command += ["--alive", str(alive)]
        if detach:
            return [*command, "--detach"]
        return [*command, "--owner", str(os.getpid()), "--remove", self.folder]

    def _wait_for_pid_file(self) -> None:
        end = time.monotonic() + 30
        while not self.pid_file.exists():
            if (self._starter and self._starter.poll() is not None) or time.monotonic() > end:
                self.stop()
                raise StartFailed(f"{self.name} could not be started{self.tail()}")
            time.sleep(0.005)

    def stop(self, *, patience: float = 15.0) -> None:
        """End it: SIGTERM, `patience` seconds later SIGKILL; with no patience SIGKILL at once."""
        keeping, program = self._process("keeper"), self.process
        if keeping and patience > 0:
            keeping.signal(signal.SIGTERM)
            self._await_keeper(keeping, patience)
        if program:
            program.kill_group()  # its keeper then reaps it, and ends
        if keeping:
            self._await_keeper(keeping, 5)
        if keeping:
            keeping.signal(signal.SIGKILL)
        if self._starter:
            self._starter.kill()
            self._starter.wait()
            self._starter = None
        for process in (program, keeping):
            if process and not process.wait(10):
                raise StartFailed(f"{self.name} (pid {process.pid}) cannot be killed")
        self.pid_file.unlink(missing_ok=True)

    def exit_status(self) -> int | None:
        """Tell what it ended with; none while it runs, or where another process started it."""
        if self._starter and self._started_and_ended():
            self._await_keeper(None, 5)  # which is about to tell
        return self._starter.poll() if self._starter else None

    def _started_and_ended(self) -> bool:
        return self.pid_file.exists() and self.process is None

    def tail(self, lines: int = 15) -> str:
        """Quote the last lines of its log, made to follow a sentence."""
        try:
            text = self.log.read_text(errors="replace").splitlines()[-lines:]
        except FileNotFoundError:
            text = []
        indented = "".join(f"\n    {line[:300]}" for line in text)
        return f"; its last lines:{indented}" if text else "; it printed nothing"

    def _await_keeper(self, keeping: Process | None, seconds: float) -> None:
        if self._starter:
            try:
                self._starter.wait(seconds)
            except subprocess.TimeoutExpired:
                return
        elif keeping:
            keeping.wait(seconds)

    def _process(self, who: str) -> Process | None:
        try:
            facts = json.loads(self.pid_file.read_text())
        except FileNotFoundError:
            return None
        process = Process(facts["pids"][who], facts["started"][who], facts["boot"])
        return process if process.alive else None


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
