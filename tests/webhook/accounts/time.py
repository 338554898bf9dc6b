"""Time and chance as a test has them."""

import asyncio

from webhook.accounts import Pace


class Time:
    """A clock that a test moves, waits that are noted and last no time, and no chance at all."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []
        self.chance = 1.0

    @property
    def pace(self) -> Pace:
        return Pace(clock=lambda: self.now, sleep=self._sleep, chance=lambda: self.chance)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0.002)
