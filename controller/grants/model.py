"""What is asked of RBAC, and how it was decided. Pure."""

from dataclasses import dataclass
from enum import Enum

from identity.account import is_uuid


class Verb(Enum):
    """What one may do with an identity; verbs of our own on `identities` of our API group."""

    FEDERATE = "federate"
    """Be a ServiceAccount whose tokens the identity trusts."""
    FEDERATE_EXTERNAL = "federate-external"
    """Have another issuer's tokens trusted; asked for the namespace, since no account is meant."""
    RETAIN = "retain"
    """Leave a credential behind, or go without Entra being asked."""


class Verdict(Enum):
    """What may rest on the answers so far."""

    GRANTED = "granted"
    DENIED = "denied"
    """Denied twice, far enough apart: only this may remove anything."""
    DOUBTED = "doubted"
    """Denied once: bindings are deleted and made anew; nothing is written, nothing removed."""
    UNKNOWN = "unknown"
    """The check failed: an error is never a denial."""


@dataclass(frozen=True, slots=True)
class Question:
    """Whether a ServiceAccount, or any of a namespace, may do something with an identity."""

    namespace: str
    account: str
    """Empty: the group of all ServiceAccounts of the namespace."""
    verb: Verb
    client_id: str
    """In lower case: RBAC compares names by every letter, so there must be one spelling."""

    def __post_init__(self) -> None:
        """Refuse what would ask for more than one identity: no name at all means all of them."""
        if not self.namespace:
            raise ValueError("a question about grants needs a namespace")
        if not is_uuid(self.client_id) or self.client_id != self.client_id.lower():
            raise ValueError("a question about grants needs a client id in lower case")

    @property
    def user(self) -> str:
        """The user name of the ServiceAccount's tokens; empty for the namespace's group."""
        return f"system:serviceaccount:{self.namespace}:{self.account}" if self.account else ""

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that the API server gives a ServiceAccount's token, or the namespace's own.

        Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/
        #service-account-tokens
        """
        own = f"system:serviceaccounts:{self.namespace}"
        if not self.account:
            return (own,)
        return "system:serviceaccounts", own, "system:authenticated"


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict, and what people may want to know about it."""

    verdict: Verdict
    since: float | None = None
    """Of a denial: when the first answer that denied came (the pace's clock)."""
    error: str = ""
    """Why the check failed, in words; empty unless the verdict is UNKNOWN."""
