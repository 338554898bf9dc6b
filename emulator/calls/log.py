"""Everything that was asked, for tests and for the page. Never a token, assertion or secret."""

import fnmatch
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from emulator.calls.faults import Failure
from emulator.calls.refusal import Ids, Surface

LONGEST: Final = 20_000
"""Calls that are kept, in up to 20 MiB; the oldest go first, and the counts go on."""
_LONGEST_PATH: Final = 1000


@dataclass(slots=True)
class Call:
    """One request, filled in as it is understood."""

    number: int
    """From 1; calls to the admin API and the page have 0 and are not kept."""
    surface: Surface
    method: str
    path: str
    """Without the query, which may hold anything."""
    ids: Ids
    began: float
    """Epoch seconds by the emulator's clock."""
    kind: str = "unknown"
    """What it asks for: `token`, `graph.credentials.create`, `arm.credentials.list`, ..."""
    identity: str = ""
    """The client id that it is about, in lower case; empty where it is about none."""
    caller: str = ""
    """The client id that the bearer token names; empty without one."""
    status: int | None = None
    """None: no answer yet, or the caller went away."""
    code: str = ""
    """The service's code of a refusal."""
    seconds: float | None = None
    failing: Failure | None = None
    """A failure that takes the answer's place once the work is done."""


class RequestLog:
    """The latest calls in order, and counts of all. What asks the emulator itself is not in it."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._calls: deque[Call] = deque(maxlen=longest)
        self._dropped = 0
        self._counts: Counter[tuple[str, str]] = Counter()
        self._number = 0

    def begin(self, surface: Surface, method: str, path: str, ids: Ids, now: float) -> Call:
        """Open the record of a request."""
        if surface is Surface.ADMIN:
            return Call(0, surface, method, path[:_LONGEST_PATH], ids, now)
        self._number += 1
        call = Call(self._number, surface, method, path[:_LONGEST_PATH], ids, now)
        if len(self._calls) == self._longest:
            self._dropped += 1
        self._calls.append(call)
        return call

    def understood(self, call: Call) -> None:
        """Count a call, once its kind and identity are known."""
        self._counts[call.kind, call.identity] += 1

    @property
    def dropped(self) -> int:
        """How many calls are no longer kept, since the last `clear`."""
        return self._dropped

    def calls(self, *, kind: str = "*", identity: str = "", after: int = 0) -> list[Call]:
        """Return the kept calls of a kind (a shell pattern) and identity, past a number."""
        return [
            call
            for call in self._calls
            if call.number > after and _fits(call.kind, call.identity, kind, identity)
        ]

    def newest(self) -> Iterator[Call]:
        """Go through the kept calls, the newest first."""
        return reversed(self._calls)

    def counts(self, *, kind: str = "*", identity: str = "") -> dict[tuple[str, str], int]:
        """Return how often each kind was asked about each identity, since the last `clear`."""
        return {key: count for key, count in self._counts.items() if _fits(*key, kind, identity)}

    def clear(self) -> None:
        """Forget all; numbers go on."""
        self._calls.clear()
        self._counts.clear()
        self._dropped = 0


def _fits(kind: str, identity: str, pattern: str, wanted: str) -> bool:
    return fnmatch.fnmatchcase(kind, pattern) and wanted.lower() in {"", identity}
