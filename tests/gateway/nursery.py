"""Children of a process that has imported a program already: `tests.gateway.prefork`, from here."""

import contextlib
import itertools
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

_ROOT: Final = Path(__file__).parents[2]
_PATIENCE: Final = 30.0


@dataclass(slots=True)
class Child:
    """One process; used from any thread."""

    pid: int
    log: Path
    _reap: Callable[[int], int] = field(repr=False)
    _pidfd: int = field(repr=False)
    _status: int | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet; a stopped one has not."""
        with self._lock:
            return self._status is None and not self._ended(0.0)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens where it has ended."""
        with self._lock:
            if self._status is None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._pidfd, number)

    def kill(self) -> int:
        """End it as `kill -9` does; returns its status (-9) when it is gone."""
        self.signal(signal.SIGKILL)
        return self.wait()

    def pause(self) -> None:
        """Let it do nothing any more (SIGSTOP)."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on where it was."""
        self.signal(signal.SIGCONT)

    def stop(self) -> int:
        """Ask it to end in order, wait for it, and return its status."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self, seconds: float = _PATIENCE) -> int:
        """Wait for its end; return its status, negative for a signal."""
        with self._lock:
            if self._status is None:
                if not self._ended(seconds):
                    raise AssertionError(
                        f"{self.log.name} has not ended in {seconds:.0f} s: {self.tail()}"
                    )
                self._status = self._reap(self.pid)
                os.close(self._pidfd)
            return self._status

    def said(self) -> str:
        """Return all it said."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def tail(self, lines: int = 15) -> str:
        """Return the end of that."""
        return "\n".join(self.said().splitlines()[-lines:])

    def wait_said(self, found: Callable[[str], Any], seconds: float = _PATIENCE) -> Any:
        """Wait until something is found in what it said, and return that."""
        end = time.monotonic() + seconds
        while not (result := found(self.said())):
            if not self.running:
                raise AssertionError(f"{self.log.name} ended with {self.wait()}: {self.tail()}")
            if time.monotonic() > end:
                raise AssertionError(f"not said in {seconds:.0f} s: {self.tail()}")
            time.sleep(0.005)
        return result

    def _ended(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(seconds * 1000))


class Nursery:
    """Starts children; used from any thread."""

    def __init__(self, orders: IO[str], answers: IO[str], folder: Path) -> None:
        self._orders = orders
        self._answers = answers
        self._folder = folder
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._children: list[Child] = []

    def start(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        name: str = "child",
        first: Sequence[str] = (),
    ) -> Child:
        """Start one; `first` names functions (`module:name`) that are called in it before all."""
        log = self._folder / f"{name}-{next(self._numbers)}.log"
        start = {
            "log": str(log),
            "arguments": list(arguments),
            "environment": {"PATH": os.environ.get("PATH", os.defpath), **(environment or {})},
            "first": list(first),
        }
        pid = int(self._ask({"start": start})["pid"])
        child = Child(pid, log, self._reap, os.pidfd_open(pid))
        self._children.append(child)
        return child

    def _reap(self, pid: int) -> int:
        return int(self._ask({"reap": pid})["status"])

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self._orders.write(json.dumps(order) + "\n")
            self._orders.flush()
            line = self._answers.readline()
        if not line:
            raise AssertionError("the parent of all children has ended; see its standard error")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _close(self) -> None:
        for child in self._children:
            child.kill()


@contextmanager
def nursery(module: str, folder: Path) -> Iterator[Nursery]:
    """Have `module` imported, and children of it for as long as the block runs.

    `folder` is for their logs.
    """
    parent = subprocess.Popen(
        [sys.executable, "-m", "tests.gateway.prefork", module],
        cwd=_ROOT,
        env={"PATH": os.environ.get("PATH", os.defpath)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the tests, which then end it in order
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    made = Nursery(parent.stdin, parent.stdout, folder)
    try:
        yield made
    finally:
        try:
            made._close()
        finally:
            parent.stdin.close()  # which ends it, and what is left of its children
            parent.wait(_PATIENCE)
            parent.stdout.close()
