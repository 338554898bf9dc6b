"""Reading one account from the API server, for those that the cache can't speak for."""

import asyncio
import re
from dataclasses import dataclass
from functools import partial
from typing import Final

from identity.account import Account
from webhook.accounts.errors import AccountNotFound, AccountUnreadable
from webhook.accounts.pacing import Backoff, Pace
from webhook.accounts.store import AccountStore, MalformedAccount
from webhook.kube import (
    METADATA,
    SERVICE_ACCOUNTS,
    KubeClient,
    KubeError,
    NotFound,
    ServerError,
    TooManyRequests,
    Unreachable,
)

_TRIES: Final = (1.0, 2.0, 3.0)
"""How long each may take, in seconds. The first is short: an idle connection that is dead without
a word must leave time for a new one, even where the caller has an answer already (`cache`)."""

# A subdomain of RFC 1123, as Kubernetes names ServiceAccounts. A pod is validated only after its
# webhooks, so that its serviceAccountName may still be anything.
_LABEL = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LONGEST_NAME: Final = 253


@dataclass(slots=True, eq=False)
class _Flight:
    """One read under way, and how many wait for it."""

    key: tuple[str, str]
    number: int
    task: "asyncio.Task[Account | KubeError]"
    waiters: int = 0


class LiveReader:
    """Reads accounts; those who ask for the same one at the same time share one read."""

    def __init__(self, client: KubeClient, pace: Pace) -> None:
        self.reads = 0
        """How many reads were begun, further tries not counted."""
        self._client = client
        self._pace = pace
        self._flights: dict[tuple[str, str], _Flight] = {}

    async def read(self, namespace: str, name: str, deadline: float) -> Account:
        """Read one account before the deadline (in the event loop's time).

        A waiter that is cancelled or late leaves; the read ends early only when all have left.

        A read that was under way already may have seen the account too early: created since, or
        annotated. What it found stands, but what it missed is looked for once more.
        """
        if len(name) > _LONGEST_NAME or _NAME.fullmatch(name) is None:
            raise AccountNotFound(namespace, name)
        begun_before = self.reads
        try:
            async with asyncio.timeout_at(deadline):
                while True:
                    flight = self._flight(namespace, name)
                    answer = await self._join(flight)
                    if flight.number > begun_before or not _missed_something(answer):
                        break
        except TimeoutError:
            raise AccountUnreadable(namespace, name, "no answer in time") from None
        if isinstance(answer, Account):
            return answer
        if isinstance(answer, NotFound):
            raise AccountNotFound(namespace, name)
        raise AccountUnreadable(namespace, name, str(answer))

    def _flight(self, namespace: str, name: str) -> _Flight:
        """Return the read that is under way, or begin one."""
        key = (namespace, name)
        flight = self._flights.get(key)
        if flight is None or flight.task.done():  # done: its end is about to be told
            self.reads += 1
            task = asyncio.create_task(self._fetch(namespace, name), name="read-account")
            flight = self._flights[key] = _Flight(key, self.reads, task)
            task.add_done_callback(partial(self._forget, flight))
        return flight

    async def _join(self, flight: _Flight) -> Account | KubeError:
        flight.waiters += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiters -= 1
            if not flight.waiters:
                flight.task.cancel()
                self._forget(flight)

    def _forget(self, flight: _Flight, _: object = None) -> None:
        """Let whoever asks from now on begin another one."""
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]

    async def _fetch(self, namespace: str, name: str) -> Account | KubeError:
        """Return what the API server says, trying again where that is likely to help."""
        place = SERVICE_ACCOUNTS.named(name, namespace)
        backoff = Backoff(self._pace, first=0.1, longest=1.0)
        for number, seconds in enumerate(_TRIES, 1):
            try:
                async with asyncio.timeout(seconds):
                    found = await self._client.get(place, accept=METADATA)
                return AccountStore().read(found)
            except (Unreachable, ServerError, TooManyRequests) as error:
                failure: KubeError = error
            except TimeoutError:
                failure = Unreachable("the API server did not answer in time")
            except MalformedAccount as error:
                failure = ServerError(f"get {place.path}: {error}")
            except KubeError as error:
                return error
            if number < len(_TRIES):
                await self._pace.sleep(backoff.next(failure.retry_after))
        return failure


def _missed_something(answer: Account | KubeError) -> bool:
    if isinstance(answer, Account):
        return not answer.client_id
    return isinstance(answer, NotFound)
