"""The limits of federated credentials, which both of their services keep. Pure.

Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from typing import Final

from emulator.directory.model import SLOTS, Credential

LONGEST: Final = 600
"""Characters of an issuer, subject, audience or description."""
NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,119}")


class Broken(Enum):
    """Which rule a credential breaks; each service has words of its own for it."""

    NAME = "name"
    MISSING = "missing"
    LENGTH = "length"
    AUDIENCES = "audiences"
    WILDCARD = "wildcard"
    ISSUER = "issuer"
    PAIR_TAKEN = "pair taken"
    SLOTS = "slots"


@dataclass(frozen=True, slots=True)
class Breach:
    """One broken rule."""

    rule: Broken
    field: str
    """`name`, `issuer`, `subject`, `audiences`, `description`, or empty."""
    words: str


def breach(wanted: Credential, others: Sequence[Credential]) -> Breach | None:
    """Return the first rule that a credential breaks beside the others of its identity.

    `others` are all but the one that it replaces.
    """
    return next(chain(_own(wanted), _beside(wanted, others)), None)


def _own(wanted: Credential) -> Iterator[Breach]:
    if not NAME.fullmatch(wanted.name):
        yield Breach(
            Broken.NAME,
            "name",
            "the name has 3 to 120 characters, letters, digits, - and _, and begins with a letter"
            " or digit",
        )
    for field, value in (("issuer", wanted.issuer), ("subject", wanted.subject)):
        if not value:
            yield Breach(Broken.MISSING, field, f"{field} must have a value")
    if len(wanted.audiences) != 1 or not wanted.audiences[0]:
        yield Breach(Broken.AUDIENCES, "audiences", "exactly one audience is allowed")
    texts = [
        ("issuer", wanted.issuer),
        ("subject", wanted.subject),
        *(("audiences", audience) for audience in wanted.audiences),
        ("description", wanted.description or ""),
    ]
    for field, value in texts:
        if len(value) > LONGEST:
            yield Breach(Broken.LENGTH, field, f"{field} has more than {LONGEST} characters")
    if "*" in wanted.subject:
        yield Breach(Broken.WILDCARD, "subject", "wildcards are not supported in the subject")
    if not _is_https(wanted.issuer):
        yield Breach(Broken.ISSUER, "issuer", "the issuer must be a valid https URL")


def _is_https(issuer: str) -> bool:
    return issuer.lower().startswith("https://") and not any(map(str.isspace, issuer))


def _beside(wanted: Credential, others: Sequence[Credential]) -> Iterator[Breach]:
    for other in others:
        if (other.issuer, other.subject) == (wanted.issuer, wanted.subject):
            yield Breach(
                Broken.PAIR_TAKEN,
                "subject",
                "the combination of issuer and subject is already there under the name"
                f" {other.name}",
            )
    if len(others) >= SLOTS:
        yield Breach(Broken.SLOTS, "", f"at most {SLOTS} federated credentials are allowed")
