"""What is to be done, by key: each key once at a time, again if it was added meanwhile.

kopf's own handlers write annotations and swallow errors of `on.event`; this queue does neither. The
work behind it is level-based: it reads anew what is, so that many adds of a key are one run.
"""

import asyncio
import heapq
import itertools
import logging
import traceback
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Generic, Self, TypeVar

from entra.errors import one_line
from entra.pacing import REAL, Pace

K = TypeVar("K", bound=Hashable)

_log = logging.getLogger("azwi.controller.queue")


class Result(Enum):
    """How a run ended."""

    DONE = "done"
    AGAIN = "again"
    """As it wished itself, after so many seconds."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run, for metrics."""

    queue: str
    key: Hashable
    worked: float
    """Seconds that it took."""
    waited: float
    """Seconds from when it was due to when it began."""
    result: Result
    error: str = ""
    """The type of the exception, where it failed."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a key rests after failures in a row: doubled each time, with jitter. Seconds."""

    shortest: float = 1.0
    longest: float = 300.0

    def seconds(self, failures: int, chance: float) -> float:
        """Return the rest after so many failures (1, 2, ...); `chance` is from 0 to 1.

        It is the upper half of the doubled time, so that keys that failed together come apart.
        """
        doubled = self.shortest * 2.0 ** min(failures, 32)
        most = min(self.longest, doubled)
        return max(self.shortest, most * (0.5 + 0.5 * chance))


def tell_nobody(_: Outcome) -> None:
    """Ignore an outcome."""


BACKOFF: Final = Backoff()
_OURS: Final = frozenset({"controller", "entra", "identity"})
"""Packages whose errors have texts that are made for people."""


class WorkQueue(Generic[K]):
    """A queue of keys and the workers at it.

    `work` returns None, or the seconds after which the key is due again. If it raises, that is
    logged, by type and, of our own errors, message, and the key is due again after a rest, which is
    not shorter than the error's own `retry_after`. An add of a key that rests, or is due later,
    brings it forward.
    """

    def __init__(  # noqa: PLR0913  settings of one thing, all but two of them by name
        self,
        name: str,
        work: Callable[[K], Awaitable[float | None]],
        *,
        workers: int,
        backoff: Backoff = BACKOFF,
        pace: Pace = REAL,
        told: Callable[[Outcome], None] = tell_nobody,
    ) -> None:
        self.name = name
        self._work = work
        self._workers = workers
        self._backoff = backoff
        self._pace = pace
        self._told = told
        self._ready: dict[K, float] = {}
        """Keys to be worked on now, first come, first served, with the time that they were due."""
        self._later: dict[K, float] = {}
        """Keys that are due in the future."""
        self._order: list[tuple[float, int, K]] = []
        """A heap of `_later`; entries that are not as in there are out of date."""
        self._count = itertools.count()
        self._running: set[K] = set()
        self._again: dict[K, float] = {}
        """Keys that were added while they are worked on, with the time that they are due."""
        self._failures: dict[K, int] = {}
        self._woken = asyncio.Event()

    def add(self, key: K, after: float = 0.0) -> None:
        """Have a key worked on, in so many seconds; the earliest add counts."""
        due = self._pace.now() + max(0.0, after)
        if key in self._running:
            self._again[key] = min(due, self._again.get(key, due))
        else:
            self._put(key, due)

    @property
    def waiting(self) -> int:
        """How many keys are due, and not worked on yet."""
        self._ripen()
        return len(self._ready)

    @property
    def delayed(self) -> int:
        """How many keys are due in the future: resyncs and rests after failures."""
        self._ripen()
        return len(self._later)

    @property
    def running(self) -> int:
        """How many keys are worked on."""
        return len(self._running)

    def oldest_age(self) -> float:
        """Return the seconds that the key waits that has been due for longest; 0 without one."""
        self._ripen()
        return self._pace.now() - min(self._ready.values(), default=self._pace.now())

    async def run(self) -> None:
        """Work until cancelled; what is under way then is due again should this be run anew."""
        async with asyncio.TaskGroup() as group, _Alarm(self._pace, self._woken) as alarm:
            while True:
                self._woken.clear()
                self._ripen()
                while self._ready and len(self._running) < self._workers:
                    key = next(iter(self._ready))
                    due = self._ready.pop(key)
                    self._running.add(key)
                    group.create_task(self._once(key, due), name=f"{self.name} {key}")
                if self._order:
                    alarm.ring_at(self._order[0][0])
                await self._woken.wait()

    async def _once(self, key: K, due: float) -> None:
        began = self._pace.now()
        try:
            after, result, error = await self._try(key)
        except BaseException:
            self._again[key] = due
            self._finish(key, None)
            raise
        ended = self._pace.now()
        self._finish(key, None if after is None else ended + after)
        self._told(Outcome(self.name, key, ended - began, max(0.0, began - due), result, error))

    async def _try(self, key: K) -> tuple[float | None, Result, str]:
        """Return the seconds until the key is due again, the result, and the error's type."""
        try:
            after = await self._work(key)
        except asyncio.CancelledError as cancelled:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody cancelled us: it is that of something that the work waited for.
            return self._rest(key, cancelled), Result.FAILED, "CancelledError"
        except Exception as error:  # noqa: BLE001  whatever it is, the others' work goes on
            return self._rest(key, error), Result.FAILED, type(error).__name__
        self._failures.pop(key, None)
        if after is None:
            return None, Result.DONE, ""
        return max(0.0, after), Result.AGAIN, ""

    def _rest(self, key: K, error: BaseException) -> float:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        rest = self._backoff.seconds(failures, self._pace.chance())
        asked = getattr(error, "retry_after", None)
        if isinstance(asked, int | float):
            rest = max(rest, asked)
        _log.warning(
            "work failed, it is tried again",
            extra={
                "queue": self.name,
                "key": str(key),
                "error": _words(error),
                "where": _where(error),
                "failures": failures,
                "again_in": round(rest, 1),
            },
        )
        return rest

    def _finish(self, key: K, due: float | None) -> None:
        self._running.discard(key)
        again = self._again.pop(key, None)
        times = [time for time in (due, again) if time is not None]
        if times:
            self._put(key, min(times))
        self._woken.set()

    def _put(self, key: K, due: float) -> None:
        if key in self._ready or self._later.get(key, due + 1.0) <= due:
            return
        if due <= self._pace.now():
            self._later.pop(key, None)
            self._ready[key] = due
        else:
            self._later[key] = due
            heapq.heappush(self._order, (due, next(self._count), key))
        self._woken.set()

    def _ripen(self) -> None:
        """Move what is due by now, in the order in which it was due."""
        now = self._pace.now()
        while self._order:
            due, _, key = self._order[0]
            if self._later.get(key) != due:
                heapq.heappop(self._order)
            elif due <= now:
                heapq.heappop(self._order)
                del self._later[key]
                self._ready[key] = due
            else:
                return


class _Alarm:
    """Sets an event at a time of the pace's clock; one alarm, the earliest."""

    def __init__(self, pace: Pace, event: asyncio.Event) -> None:
        self._pace = pace
        self._event = event
        self._at = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def ring_at(self, at: float) -> None:
        """Ring then; earlier alarms stay, since whoever hears them looks what is due."""
        if self._task is not None and not self._task.done():
            if self._at <= at:
                return
            self._task.cancel()
        self._at = at
        self._task = asyncio.create_task(self._ring())

    async def _ring(self) -> None:
        await self._pace.sleep(max(0.0, self._at - self._pace.now()))
        self._event.set()


def _words(error: BaseException) -> str:
    """Return what may be said of it: texts of others may quote what was being read, a token say."""
    kind = type(error)
    ours = kind.__module__.partition(".")[0] in _OURS
    return f"{kind.__name__}: {one_line(str(error))}" if ours else kind.__name__


def _where(error: BaseException) -> str:
    """Return the place that raised, since a log line with a whole trace is no line."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
