"""One look-up for all who ask for the same thing at the same time."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

Answer = TypeVar("Answer")
LookUp = Callable[[], Coroutine[Any, Any, Answer]]


@dataclass(slots=True, eq=False)
class _Flight(Generic[Answer]):
    """One look-up under way, and how many wait for it."""

    number: int
    task: "asyncio.Task[Answer]"
    waiters: int = 0


class Flights(Generic[Answer]):
    """Look-ups under way, by what they are for.

    A waiter that is cancelled leaves; the look-up ends early only when all have left.
    """

    def __init__(self) -> None:
        self.begun = 0
        """How many look-ups there were so far."""
        self._flights: dict[Hashable, _Flight[Answer]] = {}

    async def join(
        self,
        key: Hashable,
        look_up: LookUp[Answer],
        is_enough: Callable[[Answer], bool] = lambda _: True,
    ) -> Answer:
        """Return what the look-up under way finds, or one begun now; raise as it does.

        One that was under way already may have looked too early: where its answer is not enough,
        another one is begun.
        """
        begun_before = self.begun
        while True:
            flight = self._flight(key, look_up)
            answer = await self._wait(key, flight)
            if flight.number > begun_before or is_enough(answer):
                return answer

    def _flight(self, key: Hashable, look_up: LookUp[Answer]) -> _Flight[Answer]:
        flight = self._flights.get(key)
        if flight is None or flight.task.done():
            self.begun += 1
            task = asyncio.create_task(look_up(), name="look-up")
            flight = self._flights[key] = _Flight(self.begun, task)
            task.add_done_callback(partial(self._over, key, flight))
        return flight

    async def _wait(self, key: Hashable, flight: _Flight[Answer]) -> Answer:
        flight.waiters += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiters -= 1
            if not flight.waiters and not flight.task.done():
                flight.task.cancel()
                self._forget(key, flight)

    def _over(self, key: Hashable, flight: _Flight[Answer], task: "asyncio.Task[Answer]") -> None:
        if not task.cancelled():
            task.exception()  # told to those who wait; where nobody does, nobody has to hear it
        self._forget(key, flight)

    def _forget(self, key: Hashable, flight: _Flight[Answer]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
