"""What was measured, and what it is measured against."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from hack.bench.figures import median, spread

Better = Literal["more", "less"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    key: str
    label: str
    unit: str
    digits: int
    original: str = ""
    """What the original's webhook 1.6 did on a machine of this kind, +-20 %."""
    target: float | None = None
    better: Better = "less"


ROWS: Final = (
    Row("rate", "saturated, 8 connections: requests", "/s", 0, "427", 2600, "more"),
    Row("cpu", "saturated: CPU per admission", "ms", 3, "2.0-2.3", 0.38),
    Row("p50", "saturated: p50", "ms", 2),
    Row("p99", "saturated: p99", "ms", 2, "48", 10),
    Row("low.p50", "20 per second, 1 connection: p50", "ms", 2, "3.1", 1.2),
    Row("low.p99", "20 per second: p99", "ms", 2, "9.9", 4),
    Row("low.cpu", "20 per second: CPU per admission", "ms", 2, "3.4", 1.2),
    Row("fresh.rsa", "a new connection each, RSA: CPU", "ms", 2, "6.8", 3),
    Row("fresh.p256", "a new connection each, P-256: CPU", "ms", 2, "4", 3),
    Row("rss.few", "memory, 1 ServiceAccount: RSS", "MiB", 1, "37", 62),
    Row("pss.few", "memory, 1 ServiceAccount: PSS", "MiB", 1),
    Row("rss.many", "memory, {accounts} ServiceAccounts: RSS", "MiB", 1, "68", 68),
    Row("pss.many", "memory, {accounts} ServiceAccounts: PSS", "MiB", 1),
    Row("rss.loaded", "... and after {admissions} admissions: RSS", "MiB", 1, "75", 70),
    Row("pss.loaded", "... and after {admissions} admissions: PSS", "MiB", 1),
    Row("start.few", "start to first good answer, 1 account", "s", 2, "0.2", 0.9),
    Row("start.many", "start to first good answer, {accounts}", "s", 2, "0.7", 1.5),
    Row("start.cpu", "start to first good answer, 1 account: CPU", "s", 2),
    Row("burst", "100 at once for accounts not there: all", "s", 3, "3.5", 0.5),
    Row("pod.without", "pod creation without the webhook", "ms", 2, "4.5"),
    Row("pod.with", "pod creation with the webhook", "ms", 2, "9.0", 6.5),
    Row("exchange.rate", "emulator, 8 connections: exchanges", "/s", 0, better="more"),
    Row("exchange.floor", "... an RSA signature and a check alone", "/s", 0, better="more"),
    Row("exchange.cpu", "emulator: CPU per exchange", "ms", 3),
    Row("exchange.p99", "emulator, saturated: p99", "ms", 2),
    Row("exchange.start", "emulator: start to ready", "s", 2),
    Row("exchange.rss.few", "emulator: memory, 500 exchanges: RSS", "MiB", 1),
    Row("exchange.rss.loaded", "... and after {exchanges} more: RSS", "MiB", 1),
)
"""The targets are those that this project has set itself."""


@dataclass(frozen=True, slots=True)
class Import:
    """What importing a module costs a fresh interpreter, over what is imported before it."""

    module: str
    over: tuple[str, ...]
    mib: float
    ms: float
    loaded: bool
    """Whether the webhook's process has it."""


@dataclass(slots=True)
class Book:
    """Samples by subject and row, in the order in which they were taken."""

    samples: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    imports: list[Import] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, subject: str, key: str, value: float) -> None:
        """Note one sample."""
        self.samples.setdefault((subject, key), []).append(value)

    def value(self, subject: str, key: str) -> float | None:
        """Return the median of a row; none if it was not measured."""
        found = self.samples.get((subject, key))
        return median(found) if found else None

    def spread(self, subject: str, key: str) -> float | None:
        """Return how far its samples lie apart; none if there is nothing to tell."""
        return spread(self.samples.get((subject, key), ()) or (0.0,))

    def rows(self) -> Iterator[Row]:
        """Return the rows that were measured."""
        measured = {key for _, key in self.samples}
        return (row for row in ROWS if row.key in measured)


def verdict(row: Row, value: float) -> str:
    """Say whether a figure is what it should be, and by how much it is not."""
    if row.target is None:
        return ""
    kept = value >= row.target if row.better == "more" else value <= row.target
    if kept:
        return "kept"
    return f"missed by {abs(value / row.target - 1):.0%}"
