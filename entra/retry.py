"""The one retry policy: what is asked again, after how long, and for how long at most."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from entra.errors import (
    ConcurrentWrite,
    NotPropagated,
    Throttled,
    Transient,
    Unavailable,
    Unreachable,
)
from entra.pacing import REAL, Pace

Answer = TypeVar("Answer")

_log = logging.getLogger("azwi.entra")


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient a caller is. All times are seconds."""

    retried: tuple[type[Transient], ...]
    """Errors after which it is asked again; any other one ends it at once."""
    attempts: int
    """Calls in all, the first one included."""
    total: float
    """No attempt begins later than this after the first; each has a time limit of its own."""
    first_backoff: float = 0.5
    longest_backoff: float = 20.0
    """The backoff doubles with each attempt up to this; the wait is a random part of it."""
    longest_wait: float = 60.0
    """A service that asks for a longer wait gets none: its error is raised, `retry_after` in it."""

    def wait(self, attempt: int, retry_after: float | None, chance: float) -> float | None:
        """Return how long to wait after that attempt (the first is 1); None: give up.

        Full jitter, from nothing to the whole backoff, spreads those who failed together. Where the
        service says how long, it is that and jitter on top, never less.
        Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        """
        if attempt >= self.attempts:
            return None
        backoff = min(self.longest_backoff, self.first_backoff * 2.0 ** min(attempt - 1, 32))
        if retry_after is None:
            return backoff * chance
        if retry_after > self.longest_wait:
            return None
        return retry_after + self.first_backoff * chance


REQUESTS: Final = Policy(
    retried=(Unreachable, Throttled, Unavailable, ConcurrentWrite), attempts=10, total=120.0
)
"""For calls of Graph and Resource Manager."""

PROPAGATION: Final = replace(
    REQUESTS, retried=(*REQUESTS.retried, NotPropagated), attempts=100, total=300.0
)
"""For what rests on a write of a moment ago: a new credential is known within 5 minutes.

Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
"""

ONCE: Final = Policy(retried=(), attempts=1, total=0.0)
"""For callers who want to hear of the first failure."""


async def retrying(
    attempt: Callable[[], Awaitable[Answer]], policy: Policy = REQUESTS, pace: Pace = REAL
) -> Answer:
    """Call until it succeeds, fails for good or the policy's patience ends.

    Raises what the last attempt raised. A cancellation ends it at once, in a wait or in a call.
    """
    begun = pace.now()
    number = 0
    while True:
        number += 1
        try:
            return await attempt()
        except policy.retried as error:
            wait = policy.wait(number, error.retry_after, pace.chance())
            if wait is None or pace.now() - begun + wait > policy.total:
                raise
            _log.info(
                "asked again",
                extra={"error": str(error), "attempt": number, "wait_seconds": round(wait, 3)},
            )
        await pace.sleep(wait)
