"""Graph's refusals in its own words.

Source: https://learn.microsoft.com/graph/errors
"""

from collections.abc import Mapping
from typing import Final

from emulator.bearer import Flaw
from emulator.calls.refusal import Refusal

LONGEST: Final = 200
"""Characters of a caller's own text that a message repeats."""

FLAWS: Final[Mapping[Flaw, tuple[str, str]]] = {
    Flaw.MISSING: ("InvalidAuthenticationToken", "Access token is empty."),
    Flaw.MALFORMED: (
        "InvalidAuthenticationToken",
        "Access token validation failure: it is no token that this emulator has signed.",
    ),
    Flaw.EXPIRED: (
        "InvalidAuthenticationToken",
        "Lifetime validation failed, the token is expired.",
    ),
    Flaw.EARLY: (
        "InvalidAuthenticationToken",
        "Lifetime validation failed, the token is not yet valid.",
    ),
    Flaw.AUDIENCE: (
        "InvalidAuthenticationToken",
        "Access token validation failure. Invalid audience.",
    ),
}


def bad(message: str) -> Refusal:
    """Return the refusal of a request that can't be right."""
    return Refusal(400, "Request_BadRequest", message)


def unsupported(message: str) -> Refusal:
    """Return the refusal of a query that the service does not answer."""
    return Refusal(400, "Request_UnsupportedQuery", message)


def not_found(name: str) -> Refusal:
    """Return the refusal for what is not there, or is another tenant's."""
    return Refusal(
        404,
        "Request_ResourceNotFound",
        f"Resource '{name[:LONGEST]}' does not exist or one of its queried reference-property"
        " objects are not present.",
    )


def denied() -> Refusal:
    """Return the refusal for want of a permission, or of being an owner."""
    return Refusal(
        403,
        "Authorization_RequestDenied",
        "Insufficient privileges to complete the operation.",
    )


def taken(message: str) -> Refusal:
    """Return the refusal of a second object under the same key."""
    return Refusal(409, "Request_MultipleObjectsWithSameKeyValue", message)
