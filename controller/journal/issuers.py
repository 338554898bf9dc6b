"""The cluster's issuer, and those that it had before. Pure.

An issuer changes when a cluster gets another name or is restored elsewhere. Tokens of the old one
go on being valid, so its credentials stay until the longest-lived of them is over.
"""

import json
from dataclasses import dataclass, replace
from typing import Any, Final

from controller.journal.errors import IssuerChanged

TOKEN_LIFE: Final = 24 * 3600.0
"""Seconds: the longest that a projected token is valid for on clusters as they are usually set up.

Source: https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html
"""


@dataclass(frozen=True, slots=True)
class Predecessor:
    """An earlier issuer of this cluster; noted until its credentials are known to be gone."""

    url: str
    until: float
    """Seconds since the epoch: then its last token is over."""


@dataclass(frozen=True, slots=True)
class Issuers:
    """What credentials of this cluster may be for."""

    current: str | None = None
    """Exactly as it stands in tokens; None before the first start."""
    predecessors: tuple[Predecessor, ...] = ()
    """The latest first."""


def settled(noted: Issuers, current: str, until: float, *, accept_change: bool) -> Issuers:
    """Return what is to be noted once `current` is the issuer; raise `IssuerChanged`.

    `until` is when the tokens of the one before will be over.
    """
    if noted.current == current:
        return noted
    if noted.current is None:
        return replace(noted, current=current)
    if not accept_change:
        raise IssuerChanged(noted.current, current)
    before = (old for old in noted.predecessors if old.url not in {current, noted.current})
    return Issuers(current, (Predecessor(noted.current, until), *before))


def without(noted: Issuers, url: str) -> Issuers:
    """Return it without a predecessor."""
    kept = tuple(old for old in noted.predecessors if old.url != url)
    return replace(noted, predecessors=kept)


def text_of_issuers(issuers: Issuers) -> str:
    """Return what stands in the ConfigMap."""
    predecessors = [{"url": old.url, "until": old.until} for old in issuers.predecessors]
    return json.dumps({"current": issuers.current, "predecessors": predecessors})


def issuers_in(text: str) -> Issuers | None:
    """Read it; None if any of it makes no sense: a predecessor overlooked is never cleared up."""
    try:
        document = json.loads(text)
        current, noted = document["current"], document["predecessors"]
        predecessors = tuple(_predecessor(one) for one in noted)
    except (ValueError, TypeError, KeyError):
        return None
    return Issuers(current, predecessors) if isinstance(current, str) and current else None


def _predecessor(noted: Any) -> Predecessor:
    url = noted["url"]
    if not isinstance(url, str) or not url:
        raise TypeError("an issuer is a text")
    return Predecessor(url, float(noted["until"]))
