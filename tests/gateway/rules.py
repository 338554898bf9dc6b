"""What may happen to a call on its way: rules that a test sets, and counts."""

import asyncio
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from tests.gateway.calls import Call

_PATIENCE: Final = 30.0


class Drop(Enum):
    """The connection is broken, without a word."""

    DROP = "drop"


DROP: Final = Drop.DROP


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in place of the upstream's."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, status: int, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> "Answer":
        """Write one with a JSON body."""
        head = {"Content-Type": "application/json", **(headers or {})}
        return cls(status, b"" if body is None else json.dumps(body).encode(), head)


Outcome = Answer | Drop | None
"""None: the call goes on."""
Wanted = Callable[[Call], bool]
"""Asked once for each call, in the order of their arrival."""
Callback = Callable[[Call], Outcome]
"""Runs in a thread of its own, and may block; what it returns becomes of the call."""


class Action:
    """What is done to a call; either half may say that it goes no further."""

    async def before(self, call: Call) -> Outcome:
        """Before it is forwarded."""
        return None

    async def after(self, call: Call) -> Outcome:
        """When the upstream has answered, and before that is passed on."""
        return None


@dataclass(frozen=True, slots=True)
class Instead(Action):
    """Answer, or drop, and forward nothing."""

    outcome: Outcome

    async def before(self, call: Call) -> Outcome:
        return self.outcome


@dataclass(frozen=True, slots=True)
class Lost(Action):
    """Forward, and drop the answer."""

    async def after(self, call: Call) -> Outcome:
        return DROP


@dataclass(frozen=True, slots=True)
class Delay(Action):
    """Forward so many seconds later."""

    seconds: float

    async def before(self, call: Call) -> Outcome:
        await asyncio.sleep(self.seconds)
        return None


@dataclass(frozen=True, slots=True)
class Before(Action):
    """Run something before it is forwarded."""

    callback: Callback

    async def before(self, call: Call) -> Outcome:
        return await _in_a_thread(self.callback, call)


@dataclass(frozen=True, slots=True)
class After(Action):
    """Run something when the upstream has answered, before the caller knows."""

    callback: Callback

    async def after(self, call: Call) -> Outcome:
        return await _in_a_thread(self.callback, call)


async def _in_a_thread(callback: Callback, call: Call) -> Outcome:
    """Run it in a thread that ends with it, unlike one of an executor."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Outcome] = loop.create_future()

    def settle(outcome: Outcome, error: Exception | None) -> None:
        if done.cancelled():
            return  # the caller has left
        if error is None:
            done.set_result(outcome)
        else:
            done.set_exception(error)

    def run() -> None:
        outcome, error = None, None
        try:
            outcome = callback(call)
        except Exception as found:  # noqa: BLE001 - passed on to the call
            error = found
        loop.call_soon_threadsafe(settle, outcome, error)

    threading.Thread(target=run, name="callback").start()
    return await done


class Hold(Action):
    """Keep calls, before they are forwarded or after, until they are released."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, answers: bool) -> None:
        self._loop = loop
        self._answers = answers
        self._released = asyncio.Event()
        self._outcome: Outcome = None

    def release(self, outcome: Outcome = None) -> None:
        """Let go all that are held, and all that come later; called from any thread."""
        self._outcome = outcome
        self._loop.call_soon_threadsafe(self._released.set)

    async def before(self, call: Call) -> Outcome:
        return None if self._answers else await self._wait()

    async def after(self, call: Call) -> Outcome:
        return await self._wait() if self._answers else None

    async def _wait(self) -> Outcome:
        await self._released.wait()
        return self._outcome


class Rule:
    """For which calls an action is meant, and which of them have met it."""

    def __init__(self, wanted: Wanted, action: Action, *, nth: int, times: int | None) -> None:
        self._wanted = wanted
        self._nth = nth
        self._times = times
        self._seen = 0
        self._met: list[Call] = []
        self._grown = threading.Condition()
        self._off = False
        self.action = action

    @property
    def met(self) -> list[Call]:
        """The calls that it was applied to."""
        with self._grown:
            return list(self._met)

    def wait_met(self, times: int = 1, seconds: float = _PATIENCE) -> Call:
        """Wait until it was applied so often; return the last of those calls."""
        with self._grown:
            if not self._grown.wait_for(lambda: len(self._met) >= times, seconds):
                name = type(self.action).__name__
                raise AssertionError(f"{name} was met {len(self._met)} times in {seconds:.0f} s")
            return self._met[times - 1]

    def off(self) -> None:
        """Apply it to no further call; what it holds is let go."""
        with self._grown:
            self._off = True
        if isinstance(self.action, Hold):
            self.action.release()

    def takes(self, call: Call) -> bool:
        """Tell whether it applies to this call, which is counted."""
        if not self._wanted(call):
            return False
        with self._grown:
            self._seen += 1
            spent = self._times is not None and len(self._met) >= self._times
            if self._off or self._seen < self._nth or spent:
                return False
            self._met.append(call)
            self._grown.notify_all()
            return True


def fitting(method: str, path: str) -> Wanted:
    """Want calls by regular expressions: the whole method, and the path with `?query` anywhere."""
    methods, paths = re.compile(method), re.compile(path)

    def wanted(call: Call) -> bool:
        query = "&".join(f"{name}={value}" for name, value in call.query.items())
        target = f"{call.path}?{query}" if query else call.path
        return bool(methods.fullmatch(call.method) and paths.search(target))

    return wanted
