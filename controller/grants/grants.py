"""Asks the API server who may do what, remembers it for a moment, and doubts a first denial."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from controller.grants.model import Question, Ruling, Verdict
from controller.grants.review import answer_in, review_of
from controller.kube.errors import KubeError
from controller.kube.paths import SUBJECT_ACCESS_REVIEWS
from entra.flights import Flights
from entra.pacing import REAL, Pace

UNASKED: Final = 3600.0
"""Seconds after which a question that nobody asks any more is forgotten."""
AT_ONCE: Final = 16
"""Questions that the API server is asked at once. Who waits for a place has not asked yet, so that
its time limit has not begun: of 10,000 at once most would run into it."""
LAPSED: Final = 600.0
"""Seconds for which a first denial waits to be confirmed: one of yesterday proves nothing."""


class Creates(Protocol):
    """What is needed of the API server."""

    async def create(self, path: str, body: dict[str, Any]) -> Mapping[str, Any]:
        """Create an object; return it as the API server does; raise `KubeError`."""


@dataclass(slots=True)
class _Known:
    """What was answered about a question."""

    allowed: bool | None = None
    """The last answer; None before the first one."""
    asked: float = 0.0
    """When that was asked: the answer may be as old as this."""
    outdated: bool = False
    """Grants have changed since."""
    denied: float | None = None
    """When the first denial after the last grant was answered."""
    confirmed: bool = False
    """Another one followed, asked late enough."""
    wanted: float = 0.0
    """When somebody last wanted to know."""

    def ruling(self) -> Ruling:
        """Return what may rest on the last answer."""
        if self.allowed:
            return Ruling(Verdict.GRANTED)
        return Ruling(Verdict.DENIED if self.confirmed else Verdict.DOUBTED, self.denied)


class Grants:
    """Answers questions; never raises because the API server can't.

    Its memory holds what was asked within the last hour, so no more than there are objects to ask
    for. There is no other bound on it: whoever could push others' denials out of it could keep
    what was withdrawn.
    """

    def __init__(
        self,
        kube: Creates,
        *,
        kept: float = 60.0,
        apart: float = 60.0,
        pace: Pace = REAL,
        told: Callable[[Verdict], None] = lambda _: None,
    ) -> None:
        """Take what hears of each answer of the API server, or that there was none."""
        self._told = told
        self._kube = kube
        self._kept = kept
        self._apart = apart
        self._pace = pace
        self._known: OrderedDict[Question, _Known] = OrderedDict()
        self._flights: Flights[Ruling] = Flights()
        self._generation = 0
        self._places = asyncio.Semaphore(AT_ONCE)

    def __len__(self) -> int:
        """Return how many questions are remembered."""
        return len(self._known)

    async def check(self, question: Question) -> Ruling:
        """Return what may rest on the answers so far; ask where none is fresh.

        Those who ask the same at the same time share one request, and its failure.
        """
        known = self._wanted(question)
        if self._is_fresh(known):
            return known.ruling()
        generation = self._generation
        return await self._flights.join(
            (generation, question), partial(self._ask, question, generation)
        )

    def again_in(self, question: Question) -> float | None:
        """Return the seconds until a first denial may be confirmed; None if nothing is doubted."""
        known = self._known.get(question)
        if known is None or known.denied is None or known.confirmed:
            return None
        return max(0.0, known.denied + self._apart - self._pace.now())

    def forget(self) -> None:
        """Ask everything anew: what grants has changed. First denials stay."""
        self._generation += 1
        for known in self._known.values():
            known.outdated = True

    def drop(self, client_id: str) -> None:
        """Forget an identity altogether: nobody wants it any more."""
        for question in [found for found in self._known if found.client_id == client_id]:
            del self._known[question]

    def _wanted(self, question: Question) -> _Known:
        now = self._pace.now()
        known = self._known.setdefault(question, _Known())
        known.wanted = now
        self._known.move_to_end(question)
        while next(iter(self._known.values())).wanted < now - UNASKED:
            self._known.popitem(last=False)
        return known

    def _is_fresh(self, known: _Known) -> bool:
        now = self._pace.now()
        if known.allowed is None or known.outdated or now - known.asked >= self._kept:
            return False
        return known.denied is None or known.confirmed or now < known.denied + self._apart

    async def _ask(self, question: Question, generation: int) -> Ruling:
        async with self._places:
            ruling = await self._review(question, generation)
        self._told(ruling.verdict)
        return ruling

    async def _review(self, question: Question, generation: int) -> Ruling:
        asked = self._pace.now()
        try:
            review = await self._kube.create(SUBJECT_ACCESS_REVIEWS, review_of(question))
        except KubeError as error:
            return Ruling(Verdict.UNKNOWN, error=str(error))
        answer = answer_in(review)
        if answer.allowed is None:
            return Ruling(Verdict.UNKNOWN, error=answer.error)
        known = self._wanted(question)
        if known.allowed is None or asked >= known.asked:  # a later question may be answered first
            self._learn(known, allowed=answer.allowed, asked=asked)
            known.outdated = generation != self._generation
        return known.ruling()

    def _learn(self, known: _Known, *, allowed: bool, asked: float) -> None:
        known.allowed, known.asked = allowed, asked
        if allowed:
            known.denied, known.confirmed = None, False
            return
        first = known.denied
        if first is None or (not known.confirmed and asked > first + self._apart + LAPSED):
            known.denied = self._pace.now()
        elif asked >= first + self._apart:
            known.confirmed = True
