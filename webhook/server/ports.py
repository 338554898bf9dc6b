"""What the server needs of other parts, as shapes."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, Protocol, TypeAlias

from identity.account import Account
from webhook.mutation.outcome import Injected, Refused

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI application: https://asgi.readthedocs.io/en/latest/specs/www.html"""
MORE_TIME: Final = "azwi.more_time"
"""Key of a scope: a function to call when a body that had to wait for us is read on."""


class Accounts(Protocol):
    """Where ServiceAccounts are looked up."""

    def peek(self, namespace: str, name: str) -> Account | None:
        """Return what is known without asking anybody; None: unknown, or not to be relied on."""

    async def get(self, namespace: str, name: str) -> Account:
        """Ask the API server; raises AccountNotFound or AccountUnreadable."""


class Decide(Protocol):
    """The decision: `webhook.mutation.mutate` with its configuration filled in."""

    def __call__(self, pod: dict[str, Any], namespace: str, account: Account) -> Injected | Refused:
        """Decide what a pod gets."""
