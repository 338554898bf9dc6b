"""The controller's process as this benchmark looks at it: by its metrics."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from hack.bench.stage import StageFailed
from hack.cluster import StartFailed
from hack.controller import Addresses, Controller
from hack.scale import counts
from hack.scale.fleet import Size
from hack.scale.stage import Stage

PATIENCE: Final = 240.0
"""Seconds that anything is waited for at least."""
_LOOK: Final = 0.5
"""Seconds between looks at what is to be."""
_FAR: Final = 2.0
"""Seconds between looks at the metrics while much is to be done: each takes 10 ms of CPU."""
_NEAR: Final = 0.95
"""The part that is Ready from which on it is looked at more often."""
_TAIL: Final = 4000
"""Characters of a log that are shown where something failed."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One controller."""

    controller: Controller
    size: Size

    def wait_full(self, seconds: float, tell: Callable[[str], None]) -> None:
        """Wait until all is Ready."""

        def full() -> bool:
            found = counts.ready(self._metrics())
            tell(f"{found:,} Ready")
            if found < self.size.accounts * _NEAR:
                time.sleep(_FAR)
            return found >= self.size.accounts

        until(full, seconds, f"{self.size.accounts:,} are Ready")

    def wait_calm(self) -> None:
        """Wait until everything was looked at, and nothing is due."""

        def calm() -> bool:
            text = self._metrics()
            return (
                counts.reconciles(text, "accounts") >= self.size.accounts
                and counts.reconciles(text, "identities") >= self.size.identities
                and not counts.busy(text)
            )

        until(calm, 2 * PATIENCE, "everything was looked at, and nothing is due any more")

    def wait_looked_at(self, identities: int, seconds: float) -> None:
        """Wait until so many identities were reconciled, each as often as it was."""
        until(
            lambda: counts.reconciles(self._metrics(), "identities") >= identities,
            seconds,
            f"identities were reconciled {identities:,} times",
        )

    def looked_at(self) -> int:
        """Tell how often identities were reconciled."""
        return counts.reconciles(self.metrics(), "identities")

    def metrics(self) -> str:
        """Read the metrics; a controller that has much to do is waited for."""
        text = ""

        def answered() -> bool:
            nonlocal text
            text = self._metrics()
            return bool(text)

        until(answered, PATIENCE, "the controller gives its metrics")
        return text

    def _metrics(self) -> str:
        """Read them; empty where nobody answers in time."""
        controller = self.controller
        if (status := controller.program.exit_status()) is not None:
            raise StageFailed(f"the controller ended with status {status}")
        told = Addresses.told_in(controller.log())
        try:
            return told.ask_metrics() if told else ""
        except StartFailed:  # it has too much to do
            return ""


@contextmanager
def running(stage: Stage, factor: float, launcher: tuple[str, ...], name: str) -> Iterator[Subject]:
    """Start one; it ends in order with the block."""
    flags = stage.controllers_flags(factor)
    controller = Controller(stage.folder, flags, name=name, command=launcher)
    try:
        controller.start()
        yield Subject(controller, stage.fleet.size)
    except StageFailed as failed:
        raise StageFailed(f"{failed}; its log ends with\n{controller.log()[-_TAIL:]}") from failed
    finally:
        controller.stop()


def until(reached: Callable[[], bool], seconds: float, what: str) -> None:
    """Look again and again; raises StageFailed when it takes longer."""
    end = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > end:
            raise StageFailed(f"not within {seconds:.0f} s: {what}")
        time.sleep(_LOOK)
