"""Writing to identities: one writer at a time for each, which knows what is there."""

import asyncio
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


@dataclass(slots=True)
class _Turn:
    """Whose turn it is at one identity, and what was written to it lately."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    recent: RecentWrites = field(default_factory=RecentWrites)
    users: int = 0


class Writers:
    """Gives each identity one writer at a time; different identities are written in parallel.

    The services refuse two writes to one identity at the same time. Others in the world write too:
    conflicts with them are retried.
    """

    def __init__(
        self, credentials: Credentials, echoes: Policy = ECHOES, pace: Pace = REAL
    ) -> None:
        self._credentials = credentials
        self._echoes = echoes
        self._pace = pace
        self._turns: dict[str, _Turn] = {}

    @property
    def remembered(self) -> int:
        """How many identities have a writer, or had one in the last minutes."""
        return len(self._turns)

    @asynccontextmanager
    async def of(self, identity: Identity) -> AsyncIterator["Writer"]:
        """Wait for the turn, list what is there, and write while the block lasts."""
        turn = self._turns.setdefault(identity.key, _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                writer = Writer(
                    self._credentials, identity, View(turn.recent), self._echoes, self._pace
                )
                await writer.look()
                yield writer
        finally:
            turn.users -= 1
            self._forget()

    def _forget(self) -> None:
        now = self._pace.now()
        for key, turn in list(self._turns.items()):
            if turn.recent.forget(now) and not turn.users:
                del self._turns[key]


class Writer:
    """One turn at one identity, made by `Writers.of`; of no use after its block.

    Credentials are listed once. What is written is known from then on; after a failure that leaves
    open what the service did, the next write lists again.
    """

    def __init__(
        self,
        credentials: Credentials,
        identity: Identity,
        view: View,
        echoes: Policy,
        pace: Pace,
    ) -> None:
        self._credentials = credentials
        self._identity = identity
        self._view = view
        self._echoes = echoes
        self._pace = pace
        self._unsure = True

    @property
    def observed(self) -> tuple[FederatedCredential, ...]:
        """The identity's credentials: as listed, with all that was written since."""
        return self._view.credentials

    async def look(self) -> None:
        """List what is there, anew."""
        listed = await self._credentials.list(self._identity)
        self._view.read(listed, self._pace.now())
        self._unsure = False

    async def create(self, wanted: FederatedCredential) -> FederatedCredential:
        """Write a new credential; return it as the service does.

        The same one, if it is there already under this name, is returned and not written. Raises
        `NameTaken`, `PairTaken`, `LimitReached`, with no call where what was observed says so.
        """
        await self._be_sure()
        there = self._view.named(wanted.name)
        if there and there.says_the_same_as(wanted):
            return there
        self._view.refuse_taken(self._errand("PUT", wanted), wanted, new=True)
        return await self._write(
            wanted, lambda: self._credentials.create(self._identity, wanted), new=True
        )

    async def update(self, wanted: FederatedCredential) -> FederatedCredential:
        """Give the credential of that name another issuer, subject, audience and description.

        What is as wanted already is not written. Raises `NotFound` with no call where nothing of
        that name was observed, and `PairTaken`.
        """
        await self._be_sure()
        there = self._view.named(wanted.name)
        if there is None:
            what = self._errand("PATCH", wanted)
            raise NotFound(f"{what}: no credential of that name is there", advice="create it")
        if self._same(there, wanted):
            return there
        self._view.refuse_taken(self._errand("PATCH", wanted), wanted, new=False)
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
