"""Keeping the store true to the API server: list, watch, resume, and list anew where it must be.

A list reads pages of metadata only and is swapped in whole: until then, the old content is served,
and after it, accounts that vanished are gone. The watch goes on from there; bookmarks carry its
place forward, so that a new watch resumes where the last one ended.
"""

import asyncio
import logging
import math
from contextlib import aclosing
from typing import Any, Final

from identity.account import Account
from webhook.accounts.pacing import Backoff, Pace
from webhook.accounts.store import AccountStore, MalformedAccount
from webhook.kube import (
    METADATA,
    METADATA_LIST,
    SERVICE_ACCOUNTS,
    Forbidden,
    Gone,
    Json,
    KubeClient,
    KubeError,
    ServerError,
)

_ALL: Final = SERVICE_ACCOUNTS.all()
_PAGE_SIZE: Final = 200
"""A page and what is parsed of it are in memory at once: 2 MiB with the annotations of kubectl.

Measured with 10,000 accounts: pages of 500 leave 3 MiB more behind and save a tenth of the time.
"""
_WATCH_SECONDS: Final = 240
"""A watch ends after this and up to a minute more, so that replicas don't come back together."""
_STEADY_SECONDS: Final = 5.0
"""A watch that lived for less was none: the next one waits, however it ended."""
_EXPIRED_PAGES: Final = 3
"""After so many lists that outlived their pages, ask for all in one answer, which can't expire."""

_log = logging.getLogger("azwi.webhook.accounts")


class Follower:
    """Follows all ServiceAccounts of a cluster into a store."""

    def __init__(self, client: KubeClient, pace: Pace) -> None:
        self.store = AccountStore()
        self.synced = asyncio.Event()
        """Set by the first whole list, for good: what is known stands while nobody answers."""
        self.lists = 0
        self.failures = 0
        """How often listing or watching ended with an error."""
        self.problem = ""
        """Why the store can't be kept up to date just now, in words; empty if all is well."""
        self._client = client
        self._pace = pace
        self._backoff = Backoff(pace, first=0.2, longest=30.0)
        self._version: str | None = None
        """Where the next watch goes on; None: list first."""
        self._proven_at = -math.inf
        self._doubted = False
        self._restored = False
        """The API server's history went backwards: equal versions need not be equal objects."""
        self._expired_lists = 0
        self._told: tuple[type[KubeError], int | None, str] | None = None

    @property
    def age_seconds(self) -> float:
        """Seconds since the last proof of being current.

        That is a list, an event, a bookmark (each minute, if anything happens in the cluster) or
        the end of a watch that lived out its time (each five minutes at the most).
        """
        return self._pace.clock() - self._proven_at

    async def run(self) -> None:
        """Follow until cancelled; trouble with the API server is waited out."""
        while True:
            began = self._pace.clock()
            failure: KubeError | None = None
            try:
                if self._doubted:
                    await self._check_history()
                version = self._version or await self._list()
                began = self._pace.clock()
                await self._watch(version)
            except KubeError as error:
                failure = error
                self._failed(error)
            if self._pace.clock() - began >= _STEADY_SECONDS:
                self._backoff.reset()
                if failure is None:
                    self._proven()
                    continue
            await self._pace.sleep(self._backoff.next(failure.retry_after if failure else None))

    async def _list(self) -> str:
        """Read everything; returns the version that a watch goes on from."""
        fresh = AccountStore(before=None if self._restored else self.store)
        version = ""
        limit = _PAGE_SIZE if self._expired_lists < _EXPIRED_PAGES else None
        pages = self._client.pages(_ALL, limit=limit, accept=METADATA_LIST)
        try:
            async with aclosing(pages):
                async for page in pages:
                    version = version or _version_of(page, "list")
                    _take_in(fresh, page)
        except Gone:
            self._expired_lists += 1
            raise
        self._expired_lists = 0
        fresh.complete()
        self.store = fresh
        self._restored = False
        self.lists += 1
        self._version = version
        self._proven()
        self.synced.set()
        return version

    async def _watch(self, version: str) -> None:
        """Take events in until the server ends the watch."""
        seconds = _WATCH_SECONDS + int(60 * self._pace.chance())
        try:
            async with self._client.watch(
                _ALL, resource_version=version, timeout_seconds=seconds, accept=METADATA
            ) as events:
                async for kind, found in events:
                    self._version = self._take(kind, found)
                    self._proven()
        except Gone:
            self._version = None
            raise

    def _take(self, kind: str, found: dict[str, Any]) -> str:
        if kind in {"ADDED", "MODIFIED", "DELETED"}:
            account = _read(self.store, found, "watch")
            if kind == "DELETED":
                self.store.remove(account)
            else:
                self.store.put(account)
            return account.resource_version
        return _version_of(found, "watch")

    async def _check_history(self) -> None:
        """List anew if the API server's versions are behind ours: its data is an older backup.

        A watch from a version of the future would stay silent until the present gets there. This is
        asked once after each time that the API server was away, since restoring takes it away.
        """
        if self._version is None:
            return
        page = await self._client.list_page(_ALL, limit=1, accept=METADATA_LIST)
        now = _version_of(page, "list")
        self._doubted = False
        if now.isdecimal() and self._version.isdecimal() and int(now) < int(self._version):
            _log.warning(
                "the API server's history went backwards, listing anew",
                extra={"resourceVersion": now, "known": self._version},
            )
            self._version = None
            self._restored = True

    def _failed(self, error: KubeError) -> None:
        """Count it, and say it once: the same trouble again is no news."""
        self.failures += 1
        if isinstance(error, Gone):
            _log.info("listing ServiceAccounts anew", extra={"error": str(error)})
            return
        self._doubted = self._version is not None
        self.problem = str(error)
        kind = (type(error), error.status, error.reason)  # a text may differ each time
        if kind != self._told:
            self._told = kind
            _log.warning(
                "ServiceAccounts can't be followed, %s",
                "the last known stand" if self.synced.is_set() else "each is read when needed",
                extra={"error": self.problem, **_rule_of(error)},
            )

    def _proven(self) -> None:
        """Note that what is known is what is."""
        self._proven_at = self._pace.clock()
        if self.problem:
            self.problem = ""
            self._told = None
            _log.info("ServiceAccounts are followed again", extra={"accounts": self.store.size})


def _take_in(store: AccountStore, page: Json) -> None:
    """Read a page's objects; apart, so that no name outlives it and holds the page in memory."""
    for found in page.pop("items", None) or ():
        store.put(_read(store, found, "list"))


def _read(store: AccountStore, found: Json, verb: str) -> Account:
    try:
        return store.read(found)
    except MalformedAccount as error:
        raise ServerError(f"{verb} {_ALL.path}: {error}") from None


def _version_of(found: Json, verb: str) -> str:
    metadata = found.get("metadata")
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    if not isinstance(version, str) or not version:
        raise ServerError(f"{verb} {_ALL.path}: an answer without a resourceVersion")
    return version


def _rule_of(error: KubeError) -> dict[str, str]:
    return {"rule": error.rule} if isinstance(error, Forbidden) else {}
