"""Time and chance as arguments."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Seams for tests. Waiting is asyncio's, whose loop has a clock of its own."""

    now: Callable[[], float] = time.time
    """Seconds since 1970: what the dates in certificates are compared with."""
    monotonic: Callable[[], float] = time.monotonic
    """Seconds that never jump: how long something has been so."""
    chance: Callable[[], float] = random.random
    """A number from 0 to 1, evenly spread."""
