"""Writing to identities: one writer at a time for each, which knows what is there."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from entra.credentials import Credentials
from entra.errors import Conflict, Invalid, LimitReached, NotFound, NotPropagated
from entra.model import SLOTS, FederatedCredential, Identity, Kind
from entra.pacing import REAL, Pace
from entra.recent import RecentWrites
from entra.retry import PROPAGATION, Policy, retrying
from entra.view import View
from entra.wire import errand

Answer = TypeVar("Answer")

ECHOES: Final = replace(PROPAGATION, retried=(NotPropagated,))
"""Patience with a conflict that no read shows; whatever else failed was retried already."""

LONGEST_KNOWN: Final = 24 * 3600.0
"""Seconds after which what was listed is forgotten, however long it is wanted."""

_SWEEP: Final = 60.0
"""Seconds between looks at what all identities left behind."""


@dataclass(slots=True)
class _Turn:
    """Whose turn it is at one identity, what was written to it lately, and what is there."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    recent: RecentWrites = field(default_factory=RecentWrites)
    users: int = 0
    view: View | None = None
    """None: nobody wants to know it without listing, or it is not known for sure."""
    known_for: float = 0.0
    """Seconds for which it is of use: the longest that anybody asked for so far."""

    def is_over(self, now: float) -> bool:
        """Tell whether there is nothing left to remember."""
        if self.view is not None and now - self.view.listed_at >= self.known_for:
            self.view = None
        forgotten = self.recent.forget(now)
        return forgotten and self.view is None and not self.users


class Writers:
    """Gives each identity one writer at a time; different identities are written in parallel.

    The services refuse two writes to one identity at the same time. Others in the world write too:
    conflicts with them are retried. What is at an identity can be remembered from one turn to the
    next: what was listed, with all that was written since.
    """

    def __init__(
        self,
        credentials: Credentials,
        echoes: Policy = ECHOES,
        pace: Pace = REAL,
        longest_known: float = LONGEST_KNOWN,
    ) -> None:
        self._credentials = credentials
        self._echoes = echoes
        self._pace = pace
        self._longest_known = longest_known
        self._turns: dict[str, _Turn] = {}
        self._swept_at = pace.now()

    @property
    def remembered(self) -> int:
        """How many identities have a writer, had one in the last minutes, or are known."""
        return len(self._turns)

    @asynccontextmanager
    async def of(self, identity: Identity, known_for: float = 0.0) -> AsyncIterator["Writer"]:
        """Wait for the turn, list what is there, and write while the block lasts.

        Nothing is listed if that was done less than `known_for` seconds ago, by a turn that asked
        for as much: what others changed since is seen that much later. A write that failed or was
        cancelled makes the next turn list in any case.
        """
        turn = self._turns.setdefault(identity.key, _Turn())
        turn.users += 1
        turn.known_for = max(turn.known_for, min(known_for, self._longest_known))
        try:
            async with turn.lock:
                view = self._view(turn, known_for)
                writer = Writer(self._credentials, identity, view, self._echoes, self._pace)
                try:
                    await writer.begin()
                    yield writer
                finally:
                    if not writer.is_sure and turn.view is view:
                        turn.view = None
        finally:
            turn.users -= 1
            self._forget(identity.key)

    def forget(self, identity: Identity) -> None:
        """Drop what is known of an identity: its next turn lists."""
        if turn := self._turns.get(identity.key):
            turn.view = None
            self._forget(identity.key)

    def _view(self, turn: _Turn, known_for: float) -> View:
        """Return what is known, or what a list is to fill."""
        age = math.inf if turn.view is None else self._pace.now() - turn.view.listed_at
        if turn.view is None or age >= min(known_for, turn.known_for):
            turn.view = View(turn.recent)
        return turn.view

    def _forget(self, key: str) -> None:
        """Drop what is too old: of this identity now, of all others every now and then."""
        now = self._pace.now()
        keys = [key]
        if now - self._swept_at >= _SWEEP:
            self._swept_at = now
            keys = list(self._turns)
        for each in keys:
            if (turn := self._turns.get(each)) and turn.is_over(now):
                del self._turns[each]


class Writer:
    """One turn at one identity, made by `Writers.of`; of no use after its block.

    Credentials are listed once. What is written is known from then on; after a failure that leaves
    open what the service did, the next write lists again. Where they were listed by an earlier
    turn, nothing is refused before they are listed in this one.
    """

    def __init__(
        self,
        credentials: Credentials,
        identity: Identity,
        view: View,
        echoes: Policy,
        pace: Pace,
    ) -> None:
        self._view = view
        self._credentials = credentials
        self._identity = identity
        self._echoes = echoes
        self._pace = pace
        self._unsure = view.listed_at == -math.inf
        self._from_memory = not self._unsure

    @property
    def observed(self) -> tuple[FederatedCredential, ...]:
        """The identity's credentials: as listed, with all that was written since."""
        return self._view.credentials

    @property
    def listed_at(self) -> float:
        """When they were listed, in the seconds of the pace: in this turn or before it."""
        return self._view.listed_at

    @property
    def is_sure(self) -> bool:
        """Whether no write since then left open what is there."""
        return not self._unsure

    async def begin(self) -> None:
        """List what is there, unless that is known."""
        await self._be_sure()

    async def look(self) -> None:
        """List what is there, anew."""
        begun = self._pace.now()
        listed = await self._credentials.list(self._identity)
        self._view.read(listed, begun, self._pace.now())
        self._unsure = self._from_memory = False

    async def create(self, wanted: FederatedCredential) -> FederatedCredential:
        """Write a new credential; return it as the service does.

        The same one, if it is there already under this name, is returned and not written. Raises
        `NameTaken`, `PairTaken`, `LimitReached`, with no call where what was observed says so.
        """
        await self._be_sure()
        there = await self._certainly(lambda: self._found_or_free(wanted))
        if there:
            return there
        return await self._write(
            wanted, lambda: self._credentials.create(self._identity, wanted), new=True
        )

    async def update(self, wanted: FederatedCredential) -> FederatedCredential:
        """Give the credential of that name another issuer, subject, audience and description.

        What is as wanted already is not written. Raises `NotFound` with no call where nothing of
        that name was observed, and `PairTaken`.
        """
        await self._be_sure()
        there = await self._certainly(lambda: self._found_or_changeable(wanted))
        if there:
            return there
        return await self._write(
            wanted, lambda: self._credentials.update(self._identity, wanted), new=False
        )

    async def delete(self, name: str) -> bool:
        """Remove a credential; tell whether it was there. Asked for even if it was not observed.

        Where the service does not find what was observed, it is read again: a try whose answer was
        lost may have removed it, or the service may be behind. Raises `NotPropagated` if it is
        shown for minutes.
        """
        was_there = self._view.named(name) is not None

        async def attempt() -> bool:
            if await self._credentials.delete(self._identity, name):
                return True
            if was_there and await self._credentials.get(self._identity, name):
                what = errand("DELETE", name, self._identity)
                raise NotPropagated(
                    f"{what}: the service does not find it, and still shows it",
                    advice="it is asked again",
                )
            return was_there

        removed = await self._surely(retrying(attempt, self._echoes, self._pace))
        self._view.wrote(name, None, self._pace.now())
        return removed

    async def _write(
        self,
        wanted: FederatedCredential,
        write: Callable[[], Awaitable[FederatedCredential]],
        *,
        new: bool,
    ) -> FederatedCredential:
        conflict: Conflict | None = None

        async def attempt() -> FederatedCredential:
            nonlocal conflict
            try:
                return await write()
            except LimitReached as error:
                await self.look()
                conflict = error
            except Conflict as error:
                conflict = error
            except Invalid as error:
                conflict = await self._limit_behind(error, new=new)
            if (there := self._view.named(wanted.name)) and self._same(there, wanted):
                return there
            if not self._view.contradicts(conflict, self._pace.now()):
                raise conflict
            raise NotPropagated(conflict.message, trace=conflict.trace) from conflict

        try:
            written = await self._surely(retrying(attempt, self._echoes, self._pace))
        except NotPropagated:
            if conflict is None:
                raise
            raise conflict from None  # the service has stood by it for minutes
        self._view.wrote(wanted.name, written, self._pace.now())
        return written

    async def _limit_behind(self, error: Invalid, *, new: bool) -> LimitReached:
        """Look again whether it is the number of credentials that the service finds invalid.

        Neither service has a public code for that. Raises the error itself if it is not.
        """
        if not new:
            raise error
        await self.look()
        if self._view.shown < SLOTS:
            raise error
        return LimitReached(error.message, trace=error.trace)

    async def _surely(self, work: Awaitable[Answer]) -> Answer:
        """Wait for a write; if it fails, or is cancelled, what is there has to be listed again."""
        try:
            return await work
        except BaseException:
            self._unsure = True
            raise

    def _found_or_free(self, wanted: FederatedCredential) -> FederatedCredential | None:
        there = self._view.named(wanted.name)
        if there and there.says_the_same_as(wanted):
            return there
        self._view.refuse_taken(self._errand("PUT", wanted), wanted, new=True)
        return None

    def _found_or_changeable(self, wanted: FederatedCredential) -> FederatedCredential | None:
        there = self._view.named(wanted.name)
        if there and self._same(there, wanted):
            return there
        what = self._errand("PATCH", wanted)
        if there is None:
            raise NotFound(f"{what}: no credential of that name is there", advice="create it")
        self._view.refuse_taken(what, wanted, new=False)
        return None

    async def _certainly(self, compare: Callable[[], Answer]) -> Answer:
        """Compare with what is there; refuse only by what this turn has listed."""
        try:
            return compare()
        except (Conflict, NotFound):
            if not self._from_memory:
                raise
        await self.look()
        return compare()

    async def _be_sure(self) -> None:
        if self._unsure:
            await self.look()

    def _same(self, there: FederatedCredential, wanted: FederatedCredential) -> bool:
        """Tell whether nothing is left to write; managed identities have no descriptions."""
        return there.says_the_same_as(wanted) and (
            self._identity.kind is Kind.MANAGED_IDENTITY or there.description == wanted.description
        )

    def _errand(self, method: str, wanted: FederatedCredential) -> str:
        return errand(method, wanted.name, self._identity)
