"""Time as the cache sees it: a clock, a way to wait and chance, each to be had from outside."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

_LONGEST_REQUESTED: Final = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Seams for tests; all times are seconds."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    """A number from 0 to 1, evenly spread."""


class Backoff:
    """How long to wait before the next try: twice as long each time, up to a limit, with jitter."""

    def __init__(self, pace: Pace, *, first: float, longest: float) -> None:
        self._chance = pace.chance
        self._first = first
        self._longest = longest
        self._tries = 0

    def next(self, requested: float | None = None) -> float:
        """Return the next wait; never less than the server asked for, a minute at the most."""
        wait = min(self._longest, self._first * 2.0**self._tries)
        if wait < self._longest:
            self._tries += 1
        wait *= 0.5 + 0.5 * self._chance()
        if requested is not None:
            wait = max(wait, min(requested, _LONGEST_REQUESTED) * (1 + 0.1 * self._chance()))
        return wait

    def reset(self) -> None:
        """Start from the first wait: all is well again."""
        self._tries = 0
