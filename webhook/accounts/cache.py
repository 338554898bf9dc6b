"""The ServiceAccounts as the webhook needs them: from memory, and live where memory can't say.

| The cache holds | and | `peek` | `get` |
|---|---|---|---|
| nothing | | None | a live read |
| an account with a client id | it is current | it | it |
| an account with a client id | it is not (10 minutes) | None | a live read, else what it holds |
| an account without one | | None | a live read, else what it holds |

The last row is for an account that was annotated just before its pod was created: the watch may be
some milliseconds behind, and a pod without an identity is of no use to anybody. Such a live read is
remembered for five seconds, so that a wrongly written Deployment is no load. An annotation that was
*changed* just before a pod is not noticed, since nothing hints at it: the pod gets the old value.

What a live read brings is not stored beyond that: the watch brings it anyway, in order, and what
was read before a deletion must not come back after it.
"""

import asyncio
from typing import Final

from identity.account import Account
from webhook.accounts.errors import AccountUnreadable
from webhook.accounts.follower import Follower
from webhook.accounts.pacing import Pace
from webhook.accounts.reader import LiveReader
from webhook.accounts.store import is_older
from webhook.kube import KubeClient

STALE_SECONDS: Final = 600.0
"""Without a proof for so long, which is two lives of a watch, something is wrong with it."""
_DEFAULT_SECONDS: Final = 5.0
_DOUBT_SECONDS: Final = 2.0
"""How long to wait for a live read where there is an answer already, if maybe an old one: for one
try on a connection that is dead without a word, and another one."""
_REMEMBER_SECONDS: Final = 5.0
_REMEMBER_MOST: Final = 1024


class AccountCache:
    """All ServiceAccounts of a cluster. `run` has to run for it to be more than live reads."""

    def __init__(self, client: KubeClient, *, pace: Pace | None = None) -> None:
        self._pace = pace or Pace()
        self._follower = Follower(client, self._pace)
        self._reader = LiveReader(client, self._pace)
        self._lately: dict[tuple[str, str], tuple[float, Account]] = {}

    async def run(self) -> None:
        """Keep the cache current until cancelled; trouble with the API server is waited out."""
        await self._follower.run()

    def peek(self, namespace: str, name: str) -> Account | None:
        """Return an account that memory can speak for; None: ask `get`."""
        account = self._follower.store.find(namespace, name)
        if account is None or not account.client_id or not self._is_current:
            return None
        return account

    async def get(self, namespace: str, name: str, *, deadline: float | None = None) -> Account:
        """Return an account, from memory or live; see the table above.

        The deadline is in the event loop's time, five seconds from now by default. Raises
        `AccountNotFound` or `AccountUnreadable`.
        """
        account = self.peek(namespace, name)
        if account is not None:
            return account
        now = asyncio.get_running_loop().time()
        if deadline is None:
            deadline = now + _DEFAULT_SECONDS
        held = self._follower.store.find(namespace, name)
        if held is None:
            account = await self._reader.read(namespace, name, deadline)
            if not account.client_id:
                self._remember(account)
            return account
        read = self._remembered(namespace, name)
        if read is None:
            read = await self._read_again(held, min(deadline, now + _DOUBT_SECONDS))
        held = self._follower.store.find(namespace, name)  # the watch may have brought more
        return held if held is not None and is_older(read, held) else read

    async def wait_synced(self) -> None:
        """Wait until the first whole list is in."""
        await self._follower.synced.wait()

    @property
    def synced(self) -> bool:
        """True from the first whole list on; an API server that goes away does not undo it."""
        return self._follower.synced.is_set()

    @property
    def size(self) -> int:
        """How many accounts are held."""
        return self._follower.store.size

    def age_seconds(self) -> float:
        """Seconds since the last proof that memory is current; infinite before the first list."""
        return self._follower.age_seconds

    @property
    def relists(self) -> int:
        """How often everything was listed again, after the first time."""
        return max(0, self._follower.lists - 1)

    @property
    def watch_errors(self) -> int:
        """How often listing or watching ended with an error."""
        return self._follower.failures

    @property
    def live_reads(self) -> int:
        """How often an account was read from the API server."""
        return self._reader.reads

    @property
    def problem(self) -> str:
        """Why the cache can't be kept current just now, in words; empty if all is well."""
        return self._follower.problem

    @property
    def _is_current(self) -> bool:
        return self._follower.age_seconds <= STALE_SECONDS

    async def _read_again(self, held: Account, deadline: float) -> Account:
        """Ask about an account that is known, but maybe no longer so; what is known stands else."""
        try:
            account = await self._reader.read(held.namespace, held.name, deadline)
        except AccountUnreadable:
            account = held
        self._remember(account)
        return account

    def _remembered(self, namespace: str, name: str) -> Account | None:
        until, account = self._lately.get((namespace, name), (0.0, None))
        return account if self._pace.clock() < until else None

    def _remember(self, account: Account) -> None:
        """Keep a live read for some seconds; the oldest ones go first, and none stays for long."""
        now = self._pace.clock()
        self._lately.pop((account.namespace, account.name), None)
        self._lately[account.namespace, account.name] = (now + _REMEMBER_SECONDS, account)
        while len(self._lately) > 1:
            oldest = next(iter(self._lately))
            if len(self._lately) <= _REMEMBER_MOST and self._lately[oldest][0] > now:
                break
            del self._lately[oldest]
