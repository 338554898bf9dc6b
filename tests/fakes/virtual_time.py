"""An event loop whose time goes on only when nobody has anything left to do: waits cost nothing.

For tests without real I/O. `tests/entra/services/conftest.py` shows how a folder of tests gets it.
"""

import asyncio
import random
import selectors
from collections.abc import Callable

from entra.pacing import Pace

BEGINNING = 1000.0


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`loop.time()` jumps to the next timer; a test that nothing would wake fails."""

    def __init__(self) -> None:
        self._virtual = BEGINNING
        super().__init__(_Selector(self.advance))

    def time(self) -> float:
        return self._virtual

    def advance(self, seconds: float) -> None:
        self._virtual += seconds


class _Selector(selectors.SelectSelector):
    def __init__(self, advance: Callable[[float], None]) -> None:
        super().__init__()
        self._advance = advance

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events:
            if timeout is None:
                raise RuntimeError("everybody waits, and for nothing that will come")
            if timeout > 0:
                self._advance(timeout)
        return events


def elapsed() -> float:
    """Return the seconds since the test's loop began."""
    return asyncio.get_running_loop().time() - BEGINNING


def virtual_pace(seed: int = 0, chance: Callable[[], float] | None = None) -> Pace:
    """Return the pace of the running loop; chance is as random as the seed, or what is given."""
    return Pace(
        now=asyncio.get_running_loop().time,
        sleep=asyncio.sleep,
        chance=chance or random.Random(seed).random,
    )
