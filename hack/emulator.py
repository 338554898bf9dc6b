"""The emulator for tests and tools: a process of its own, as users start it."""

import json
import os
import signal
import ssl
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from hack.cluster import StartFailed
from hack.cluster.programs import Program
from hack.cluster.readiness import wait_until

_ROOT: Final = Path(__file__).parents[1]
_READY_SECONDS: Final = 30.0
_TIMEOUT: Final = 30.0


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where an emulator serves, as it tells."""

    authority: str
    """`https://host:port`; a tenant follows after a slash."""
    graph: str
    arm: str
    imds: str
    """`http://host:port`."""
    admin: str
    ca: Path


@dataclass(slots=True)
class Emulator:
    """One process, on free ports of 127.0.0.1."""

    folder: Path
    """For its log, seed and state; a folder of the caller's, which ends with it."""
    seed: Mapping[str, Any]
    flags: Sequence[str] = ()
    command: Sequence[str] = ("-m", "emulator")
    """What Python runs."""
    program: Program = field(init=False)
    addresses: Addresses = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.program = Program(self.folder, "emulator")

    def start(self) -> None:
        """Start it and wait until it can serve. Raises StartFailed with the end of its log."""
        seed = self.folder / "seed.yaml"
        seed.write_text(yaml.safe_dump(dict(self.seed)))
        self.program.log.unlink(missing_ok=True)  # of an earlier start, with other addresses
        self.program.start(
            [
                *(sys.executable, *self.command),
                *("--port=0", "--imds-port=0", f"--state={self.folder / 'state'}"),
                *(f"--seed={seed}", *self.flags),
            ],
            env={"PATH": os.environ.get("PATH", os.defpath)},
            cwd=_ROOT,
        )
        wait_until(
            lambda: self._told() is not None,
            seconds=_READY_SECONDS,
            what="emulator",
            lost=self._lost,
            tell=lambda _: None,
        )
        told = self._told()
        assert told is not None  # noqa: S101 - waited for
        self.addresses = told

    def stop(self) -> None:
        """End it as a user does."""
        if (process := self.program.process) is not None:
            process.signal(signal.SIGTERM)
        self.program.stop(patience=10.0)

    def log(self) -> str:
        """Return all it said."""
        return self.program.log.read_text(encoding="utf-8", errors="replace")

    def tls(self) -> ssl.SSLContext:
        """Return a context that trusts it."""
        return ssl.create_default_context(cafile=self.addresses.ca)

    def client(self) -> httpx.Client:
        """Return an HTTP client that trusts it and nothing of the environment."""
        return httpx.Client(
            base_url=self.addresses.authority,
            verify=self.tls(),
            trust_env=False,
            timeout=_TIMEOUT,
        )

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the admin API (`/requests`, ...); raises httpx.HTTPStatusError for a refusal."""
        with self.client() as client:
            answer = client.request(method, f"/_admin{path}", json=body)
            answer.raise_for_status()
            return answer.json() if answer.content else None

    def _told(self) -> Addresses | None:
        log = self.log() if self.program.log.exists() else ""
        for line in log.splitlines():
            if line.startswith('{"authority"'):
                told = json.loads(line)
                return Addresses(**told | {"ca": Path(told["ca"])})
        return None

    def _lost(self) -> str | None:
        status = self.program.exit_status()
        return None if status is None else f"ended with status {status}: {self.log()[-2000:]}"


@contextmanager
def running(emulator: Emulator) -> Iterator[Emulator]:
    """Run an emulator for as long as the block does."""
    try:
        emulator.start()
        yield emulator
    finally:
        emulator.program.stop(patience=10.0)


__all__ = ["Addresses", "Emulator", "StartFailed", "running"]
