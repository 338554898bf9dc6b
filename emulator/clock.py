"""Two times: what the emulator says that it is, and what has passed."""

import asyncio
import time
from collections.abc import Awaitable, Callable


class Clock:
    """The time of tokens and answers, which may be off, and the moments between writes and reads.

    A moment is in seconds from an arbitrary start and only ever grows; `offset` does not touch it.
    """

    def __init__(
        self,
        offset: float = 0.0,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.offset = offset
        """Seconds by which the emulator's clock is fast; negative: slow."""
        self._wall = wall
        self._steady = steady
        self.sleep = sleep
        """Waits so many seconds."""

    def now(self) -> float:
        """Return the time that the emulator believes, in seconds since the epoch."""
        return self._wall() + self.offset

    def moment(self) -> float:
        """Return this moment, for what takes a while to be known."""
        return self._steady()
