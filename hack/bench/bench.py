"""What every part of the benchmark works with."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from hack.bench.book import Book
from hack.bench.certificates import KEYS
from hack.bench.machine import Cores, busy_seconds
from hack.bench.reviews import AccountName, bodies_for, request_for
from hack.bench.stage import Stage
from hack.bench.subject import Server, Subject, Surroundings, running
from hack.cluster import Progress
from hack.cluster.progress import told

_NOISE: Final = 0.05
"""Share of the webhook's core that others may have before it is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is done of everything."""

    runs: int = 3
    seconds: int = 10
    """Of one run at saturation."""
    paced: int = 600
    fresh: int = 800
    bursts: int = 5
    pods: int = 200
    starts: int = 5
    accounts: int = 10_000
    load: int = 100_000


QUICK = Scale(
    runs=3, seconds=3, paced=160, fresh=200, bursts=3, pods=60, starts=3, accounts=2000, load=10_000
)


class SaturatingDriver(Protocol):
    """Whoever keeps a server busy: wrk or ourselves."""

    name: str

    def saturate(self, server: Server, requests: list[bytes], seconds: int) -> "Saturated":
        """Send the next review on each of 8 connections as soon as its answer is there."""
        ...


@dataclass(frozen=True, slots=True)
class Saturated:
    """What a run at saturation came to."""

    count: int
    rate: float
    p50_ms: float
    p99_ms: float


@dataclass(slots=True)
class Bench:
    """One run of the benchmark."""

    stage: Stage
    folder: Path
    cores: Cores
    scale: Scale
    book: Book
    driver: SaturatingDriver
    progress: Progress
    host: str
    """Where the API server, and everybody else here, reaches the webhook."""
    _many: list[AccountName] | None = None

    @contextmanager
    def step(self, what: str) -> Iterator[Callable[[str], None]]:
        """Tell of a step; yields a function that tells how far it is."""
        with told(self.progress, what) as tell:
            yield tell

    @contextmanager
    def running(
        self, subject: Subject, *, key: str = KEYS[0], pinned: bool = True
    ) -> Iterator[Server]:
        """Run a webhook, with a certificate of that kind."""
        around = Surroundings(
            kubeconfig=self.stage.kubeconfig,
            certificates=self.folder / key,
            authority=self.folder / "ca.crt",
            folder=self.folder,
            host=self.host,
        )
        with running(subject, around, core=self.cores.server if pinned else None) as server:
            yield server

    @contextmanager
    def watched(self, server: Server, what: str) -> Iterator[None]:
        """Note how much of the webhook's core others had, if it was enough to matter."""
        before = self._others(server), time.monotonic()
        yield
        others, passed = self._others(server) - before[0], time.monotonic() - before[1]
        if others / passed > _NOISE:
            self.book.notes.append(
                f"{what}: other processes had {others / passed:.0%} of the webhook's core"
            )

    def _others(self, server: Server) -> float:
        busy = busy_seconds(Path("/proc/stat").read_text(), self.cores.server)
        return busy - server.cpu()

    def requests(self, accounts: list[AccountName]) -> list[bytes]:
        """Return one request for each of these ServiceAccounts."""
        return [request_for(body, self.host) for body in bodies_for(accounts)]

    def many(self) -> list[AccountName]:
        """Return the many ServiceAccounts; the first call makes them."""
        if self._many is None:
            wanted = self.scale.accounts
            with self.step(f"making {wanted:,} ServiceAccounts") as tell:
                self._many = self.stage.many(wanted, lambda made: tell(f"{made:,}"))
        return self._many
