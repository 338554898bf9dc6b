"""Everything that was asked, for tests and for the page. Never a token, assertion or secret."""

import fnmatch
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from emulator.calls.refusal import Ids, Surface

LONGEST: Final = 100_000
"""Calls that are kept; the oldest go first, and the counts go on."""


@dataclass(slots=True)
class Call:
    """One request, filled in as it is understood."""

    number: int
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
    failing: object | None = None
    """A failure that takes the answer's place once the work is done."""


class RequestLog:
    """The latest calls in order, and counts of all."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._calls: deque[Call] = deque(maxlen=longest)
        self._counts: Counter[tuple[str, str]] = Counter()
        self._number = 0

    def begin(self, surface: Surface, method: str, path: str, ids: Ids, now: float) -> Call:
        """Open the record of a request."""
        self._number += 1
        call = Call(self._number, surface, method, path, ids, now)
        self._calls.append(call)
        return call

    def understood(self, call: Call) -> None:
        """Count a call, once its kind and identity are known."""
        self._counts[call.kind, call.identity] += 1

    def calls(self, *, kind: str = "*", identity: str = "", after: int = 0) -> list[Call]:
        """Return the kept calls of a kind (a shell pattern) and identity, past a number."""
        return [
            call
            for call in self._calls
            if call.number > after
            and fnmatch.fnmatchcase(call.kind, kind)
            and identity.lower() in {"", call.identity}
        ]

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how often each kind was asked about each identity, since the last `clear`."""
        return dict(self._counts)

    def clear(self) -> None:
        """Forget all; numbers go on."""
        self._calls.clear()
        self._counts.clear()


def told(calls: Iterable[Call]) -> list[dict[str, object]]:
    """Return calls as the admin API tells them."""
    return [
        {
            "number": call.number,
            "service": call.surface.value,
            "kind": call.kind,
            "identity": call.identity,
            "caller": call.caller,
            "method": call.method,
            "path": call.path,
            "status": call.status,
            "code": call.code,
            "requestId": call.ids.request,
            "clientRequestId": call.ids.client,
            "began": call.began,
            "seconds": call.seconds,
        }
        for call in calls
    ]
