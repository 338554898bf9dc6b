"""Errors of Entra as reasons of conditions: the one place where they become words for users."""

from collections.abc import Mapping
from typing import Final

from controller.status.conditions import SYNCED, Condition
from entra.errors import (
    ConcurrentWrite,
    Conflict,
    Denied,
    EntraError,
    Invalid,
    LimitReached,
    Misconfigured,
    NameTaken,
    NotFound,
    NotPropagated,
    PairTaken,
    Refused,
    Throttled,
    Transient,
    Unauthenticated,
    Unavailable,
    Unreachable,
    Unsupported,
)

REASONS: Final[Mapping[type[EntraError], str]] = {
    Unreachable: "EntraUnreachable",
    Throttled: "EntraThrottled",
    Unavailable: "EntraUnavailable",
    ConcurrentWrite: "ConcurrentWrite",
    NotPropagated: "NotPropagated",
    Transient: "EntraUnavailable",
    NotFound: "IdentityNotFound",
    NameTaken: "NameTaken",
    PairTaken: "PairTaken",
    LimitReached: "NoSlot",
    Conflict: "Conflict",
    Denied: "ControllerDenied",
    Unauthenticated: "ControllerUnauthenticated",
    Misconfigured: "Misconfigured",
    Unsupported: "Unsupported",
    Invalid: "RefusedByEntra",
    Refused: "RefusedByEntra",
    EntraError: "EntraError",
}
"""The reason of each class; of one that is not here, its nearest ancestor's."""


def condition_from(error: EntraError) -> Condition:
    """Return `Synced` as an error leaves it."""
    reason = next(REASONS[kind] for kind in type(error).__mro__ if kind in REASONS)
    # Without request ids: they differ with every try, and a status is written when it changes.
    advice = f"; {error.advice}" if error.advice and error.advice not in error.message else ""
    return Condition(SYNCED, "False", reason, f"{error.message}{advice}")
