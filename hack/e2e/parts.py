"""How long each part took."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Part:
    """One part; it ends with its block, unless something in there is another part."""

    name: str
    started: float
    seconds: float | None = None

    def ends(self) -> None:
        """Note the time, the first time only."""
        if self.seconds is None:
            self.seconds = time.monotonic() - self.started


@dataclass(slots=True)
class Parts:
    """All of them."""

    began: float = field(default_factory=time.monotonic)
    _parts: list[Part] = field(default_factory=list)

    @contextmanager
    def part(self, name: str) -> Iterator[Part]:
        """Time a block."""
        part = Part(name, time.monotonic())
        self._parts.append(part)
        try:
            yield part
        finally:
            part.ends()

    def show(self) -> None:
        """Print a table; what ended what was brought up is in the total only."""
        if not self._parts:
            return
        rows = [(part.name, part.seconds or 0.0) for part in self._parts]
        rows.append(("in all", time.monotonic() - self.began))
        for name, seconds in rows:
            print(f"  {name:20}{seconds:7.1f} s", file=sys.stderr)
