"""The webhook with one safeguard taken out, to show that the tests of this folder can fail.

    python -m tests.cluster.faults.without SAFEGUARD [flags of the webhook]

Each entry of `SAFEGUARDS` changes one thing, in this process only, and runs the webhook as it is.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final
from unittest.mock import patch

from identity.account import Account
from webhook import __main__ as program
from webhook import run as running
from webhook.accounts import AccountCache
from webhook.accounts.errors import AccountNotFound
from webhook.certificates import rotating
from webhook.certificates.plan import Action, Announce, Begin, plan
from webhook.certificates.slot import Slot
from webhook.config.settings import Config
from webhook.server import server
from webhook.server.connection import Limits

IDLE_SECONDS: Final = 0.5


def _swap() -> None:
    """A new certificate is taken by starting anew, in place of a swap in the running process."""
    put = Slot.put
    taken: list[Any] = []

    def start_anew(slot: Slot, context: Any) -> None:
        if taken:
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
        taken.append(context)
        put(slot, context)

    patch.object(Slot, "put", start_anew).start()


def _make_before_break() -> None:
    """A CA is replaced in one step, as by the original (with `--ca-trust-delay=0s`)."""

    def one_step(*seen: Any) -> Action:
        action = plan(*seen)
        return Begin() if isinstance(action, Announce) else action

    patch.object(rotating, "plan", one_step).start()


def _live_reads() -> None:
    """Memory is taken at its word: what the watch has not brought is not there."""

    async def get(cache: AccountCache, namespace: str, name: str) -> Account:
        held = cache._follower.store.find(namespace, name)
        if held is None:
            raise AccountNotFound(namespace, name)
        return held

    patch.object(AccountCache, "get", get).start()


def _standing_readiness() -> None:
    """Readiness falls while the API server can't be followed."""

    def followed(cache: AccountCache) -> bool:
        return cache._follower.synced.is_set() and not cache.problem

    patch.object(AccountCache, "synced", property(followed)).start()


def _idle_limit() -> None:
    """Idle connections end sooner than those who hold them expect."""
    run = running.run

    async def hasty(config: Config, *others: Any) -> bool:
        return await run(
            replace(config, server=replace(config.server, idle_timeout=IDLE_SECONDS)), *others
        )

    patch.object(program, "run", hasty).start()
    # It is looked for often, so that the limit is where it says, and pods can be sent just then.
    patch.object(server, "Limits", partial(Limits, sweep_interval=0.01)).start()


SAFEGUARDS: Final[dict[str, Callable[[], None]]] = {
    "swap": _swap,
    "make-before-break": _make_before_break,
    "live-reads": _live_reads,
    "standing-readiness": _standing_readiness,
    "idle-limit": _idle_limit,
}

if __name__ == "__main__":
    SAFEGUARDS[sys.argv[1]]()
    sys.exit(program.main(sys.argv[2:], os.environ))
