"""What reconciling stands on, put together once."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from controller.grants import Grants
from controller.journal import Journal
from controller.kube import Kube
from controller.model import ClusterIdentity, Wish
from controller.reconcile.removals import Removals
from controller.reconcile.resources import Resources
from controller.status.conditions import Told
from controller.status.teller import Teller
from controller.store import Accounts, Objects
from entra.client import Entra


@dataclass(frozen=True, slots=True)
class Rules:
    """Settings of reconciling."""

    own_client_id: str | None
    """The identity that the controller signs in as: never touched."""
    per_namespace: int = 10
    known_for: float = 1800.0
    """Seconds for which the credentials of an identity count as known without listing them."""
    refused_again: float = 300.0
    """Seconds after which what Entra refused is asked again: a setting may have changed."""
    held_again: float = 15.0
    """Seconds between looks for an admin's word while removals are held."""
    resolve_resource_ids: bool = False
    """Client ids of identities named by resource id are written to their ServiceAccounts."""


@dataclass(frozen=True, slots=True)
class Parts:
    """One of each, shared by all reconciles."""

    kube: Kube
    entra: Entra
    journal: Journal
    grants: Grants
    removals: Removals
    objects: Objects
    accounts: Accounts
    resources: Resources
    teller: Teller
    cluster: Callable[[], ClusterIdentity]
    confirm: Callable[[], Awaitable[None]]
    """Lists all objects anew, consistently; raises `KubeError`."""
    rules: Rules
    complete: Callable[[Wish, Told], Told] = lambda _wish, told: told
    """Adds what a proof says to what is to be told of an object, and has it proved."""
    removed: Callable[[str], None] = lambda _: None
    """Hears of each credential that was removed: why."""
    slots: Callable[[str, int], None] = lambda _client_id, _used: None
    """Hears how many credentials an identity has, anybody's."""
    no_slots: Callable[[str], None] = lambda _: None
    """Hears of an identity that is none of ours any more."""
    tags: dict[str, frozenset[str]] = field(default_factory=dict)
    """Tags of those of ours, by client id: which issuers of this cluster they are of."""
    bare_since: dict[str, float] = field(default_factory=dict)
    """By client id of those that show nothing of ours, and nobody asks for: since when (`now`)."""
    now: Callable[[], float] = time.monotonic
    """Seconds, of the clock that `Entra` has."""
