"""The process that is measured: our webhook, and the original's if somebody has its binary."""

import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from hack.bench import answers
from hack.bench.driver import Connection, Target
from hack.bench.process import Memory, cpu_seconds, memory, prepared
from hack.cluster.addresses import free_port

ROOT: Final = Path(__file__).resolve().parents[2]
TENANT: Final = "72f988bf-86f1-41af-91ab-2d7cd011db47"
ORIGINALS_PORT: Final = 9443
_START_PATIENCE: Final = 60.0
_END_PATIENCE: Final = 5.0
_PAUSE: Final = 0.002


class ServerFailed(Exception):  # noqa: N818 - named like those of hack.cluster
    """The webhook did not start, or ended on the way; the message has the end of its log."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a webhook is started with."""

    kubeconfig: Path
    certificates: Path
    """Folder of tls.crt and tls.key."""
    authority: Path
    """What its clients trust."""
    folder: Path
    """For its log."""
    host: str = "127.0.0.1"
    """Where clients ask it."""


class Subject(Protocol):
    """Something that can be started as a webhook."""

    @property
    def name(self) -> str:
        """What it is called in the table."""
        ...

    def port(self) -> int:
        """Choose the port of the webhook."""
        ...

    def command(self, around: Surroundings, port: int, health: int, metrics: int, /) -> list[str]:
        """Return the command line."""
        ...


@dataclass(frozen=True, slots=True)
class Ours:
    """`python -m webhook`, as in the image."""

    name: str = "ours"
    launcher: tuple[str, ...] = ("-m", "webhook")
    """What Python runs."""

    def port(self) -> int:
        """Choose the port of the webhook."""
        return free_port("127.0.0.1")

    def command(self, around: Surroundings, port: int, health: int, metrics: int) -> list[str]:
        """Return the command line."""
        return [
            *(sys.executable, *self.launcher),
            *_common_flags(around, health, metrics),
            f"--port={port}",
            "--shutdown-delay=0s",
            "--shutdown-timeout=1s",
        ]


@dataclass(frozen=True, slots=True)
class Original:
    """A binary of azure-workload-identity's webhook; its port is fixed."""

    binary: Path
    name: str = "original"

    def port(self) -> int:
        """Choose the port of the webhook."""
        return ORIGINALS_PORT

    def command(self, around: Surroundings, _: int, health: int, metrics: int) -> list[str]:
        """Return the command line."""
        return [str(self.binary), *_common_flags(around, health, metrics)]


def _common_flags(around: Surroundings, health: int, metrics: int) -> list[str]:
    return [
        f"--kubeconfig={around.kubeconfig}",
        "--disable-cert-rotation",
        f"--webhook-cert-dir={around.certificates}",
        f"--health-addr=127.0.0.1:{health}",
        f"--metrics-addr=127.0.0.1:{metrics}",
    ]


@dataclass(slots=True)
class Server:
    """A webhook that runs."""

    process: "subprocess.Popen[bytes]"
    target: Target
    log: Path
    started: float
    """On the clock of time.perf_counter()."""
    health_port: int

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used."""
        return cpu_seconds(self.process.pid)

    def memory(self) -> Memory:
        """Return what it holds."""
        return memory(self.process.pid)

    def first_good_answer(self, request: bytes) -> float:
        """Ask until it answers with a mutation; return the seconds since its start."""
        deadline = self.started + _START_PATIENCE
        last = "it never took a connection"
        while time.perf_counter() < deadline:
            self._still_runs()
            try:
                with closing(Connection(self.target)) as connection:
                    answer = connection.ask(request)
                if answers.holds(answer, answers.ALLOWED_WITH_PATCH):
                    return time.perf_counter() - self.started
                last = f"its last answer was {bytes(answer[-300:])!r}"
            except OSError as error:
                last = str(error)
            time.sleep(_PAUSE)
        raise ServerFailed(f"no good answer within {_START_PATIENCE:.0f} s: {last}{self._tail()}")

    def _still_runs(self) -> None:
        if (status := self.process.poll()) is not None:
            raise ServerFailed(f"the webhook ended with status {status}{self._tail()}")

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-12:]
        return "".join(f"\n    {line[:300]}" for line in lines)


@contextmanager
def running(subject: Subject, around: Surroundings, *, core: int | None = None) -> Iterator[Server]:
    """Run a webhook for as long as the block does, on one core if given."""
    port = subject.port()
    health, metrics = free_port("127.0.0.1"), free_port("127.0.0.1")
    tls = ssl.create_default_context(cafile=around.authority)
    log = around.folder / f"{subject.name}.log"
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            subject.command(around, port, health, metrics),
            cwd=ROOT,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us; we end it
            preexec_fn=prepared(core),  # noqa: PLW1509 - no other thread runs
        )
    try:
        yield Server(process, Target(around.host, port, tls), log, started, health)
    finally:
        end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process that we started: SIGTERM, then SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        process.send_signal(number)
        try:
            process.wait(_END_PATIENCE)
        except subprocess.TimeoutExpired:
            continue
        return


def _environment() -> dict[str, str]:
    """Return little of our own, and whatever tunes Python or the allocator."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR")
    tuning = ("PYTHON", "MALLOC_", "OPENSSL_", "GO")
    environment = {
        name: value for name, value in os.environ.items() if name in kept or name.startswith(tuning)
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an image has bytecode, and so must we
    return {**environment, "AZURE_TENANT_ID": TENANT}


def subjects(original: Path | None) -> Sequence[Subject]:
    """Return what is to be measured."""
    ours: list[Subject] = [Ours()]
    return ours if original is None else [*ours, Original(original)]
