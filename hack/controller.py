"""The controller for tests and tools: a process of its own, as in a cluster."""

import http.client
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from hack.cluster import StartFailed
from hack.cluster.programs import Program
from hack.cluster.readiness import wait_until

_ROOT: Final = Path(__file__).parents[1]
_READY_SECONDS: Final = 30.0
LISTENING: Final = ("--health-addr=127.0.0.1:0", "--metrics-addr=127.0.0.1:0")
"""Flags: it takes free ports, and tells which."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a controller answers, as its first line on standard output tells."""

    health: str
    """`http://host:port` of /healthz and /readyz."""
    metrics: str | None
    """... and of /metrics; None where it serves none."""

    @classmethod
    def told_in(cls, log: str) -> Self | None:
        """Find them in all that a controller said; none while it has not told."""
        for line in log.splitlines():
            if line.startswith('{"health"'):
                told = json.loads(line)
                return cls(told["health"], told.get("metrics"))
        return None

    def readiness(self) -> tuple[int, str]:
        """Ask `/readyz?verbose`; status 0 where nobody answers."""
        return _get(self.health, "/readyz?verbose")

    def liveness(self) -> tuple[int, str]:
        """Ask `/healthz?verbose`; status 0 where nobody answers."""
        return _get(self.health, "/healthz?verbose")

    def ask_metrics(self) -> str:
        """Ask `/metrics`; raises StartFailed where none are given."""
        status, text = _get(self.metrics, "/metrics") if self.metrics else (0, "none are served")
        if status != http.client.OK:
            raise StartFailed(f"the controller gives no metrics: {text}")
        return text


@dataclass(slots=True)
class Controller:
    """One process, health and metrics on free ports of 127.0.0.1."""

    folder: Path
    """For its log; a folder of the caller's, which ends with it."""
    flags: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    name: str = "controller"
    command: Sequence[str] = ("-m", "controller")
    """What Python runs."""
    program: Program = field(init=False)

    def __post_init__(self) -> None:
        self.program = Program(self.folder, self.name)

    def start(self) -> None:
        """Start it; it ends with this process in any case."""
        self.program.log.unlink(missing_ok=True)  # of an earlier start, with other addresses
        self.program.start(
            [sys.executable, *self.command, *LISTENING, *self.flags],
            # Nothing of the user's: AZURE_CLIENT_ID and the like stand in for flags.
            env={"PATH": os.environ.get("PATH", os.defpath), **self.environment},
            cwd=_ROOT,
        )

    @property
    def addresses(self) -> Addresses:
        """Where it answers; raises StartFailed while it has not told."""
        if (told := Addresses.told_in(self.log())) is None:
            raise StartFailed(f"{self.name} has not told its addresses{self.program.tail()}")
        return told

    def await_ready(self, seconds: float = _READY_SECONDS) -> None:
        """Wait until it is ready; raises StartFailed with the end of its log."""
        wait_until(
            self._ready, seconds=seconds, what=self.name, lost=self._lost, tell=lambda _: None
        )

    def terminate(self) -> None:
        """Ask it to end in order, as a kubelet does; returns at once."""
        self._signal(signal.SIGTERM)

    def stop(self, *, patience: float = 10.0) -> None:
        """End it in order; after `patience` seconds without a farewell."""
        self.program.stop(patience=patience)

    def kill(self) -> None:
        """End it as `kill -9` does; returns when it is gone."""
        self.program.stop(patience=0.0)

    def pause(self) -> None:
        """Let it do nothing any more (SIGSTOP), as on a machine that hangs."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on where it was."""
        self._signal(signal.SIGCONT)

    def log(self) -> str:
        """Return all it said since it was started."""
        try:
            return self.program.log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def _signal(self, number: signal.Signals) -> None:
        if (process := self.program.process) is not None:
            process.signal(number)

    def _ready(self) -> bool:
        told = Addresses.told_in(self.log())
        return told is not None and told.readiness()[0] == http.client.OK

    def _lost(self) -> str | None:
        status = self.program.exit_status()
        return None if status is None else f"ended with status {status}{self.program.tail()}"


@contextmanager
def running(controller: Controller, *, patience: float = 10.0) -> Iterator[Controller]:
    """Run a controller, ready from the start, for as long as the block does."""
    try:
        controller.start()
        controller.await_ready()
        yield controller
    finally:
        controller.resume()  # one that is paused could not end in order
        controller.program.stop(patience=patience)


def _get(url: str, path: str) -> tuple[int, str]:
    address: Any = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()
