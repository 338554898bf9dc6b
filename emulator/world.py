"""Everything that the routes serve from, put together once."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from emulator.calls.faults import Settings
from emulator.calls.gate import Gate
from emulator.calls.log import RequestLog
from emulator.clock import Clock
from emulator.directory import Directory
from emulator.seed.schema import Seed
from emulator.storage import InMemory, Storage
from emulator.tokens.endpoint import TokenEndpoint
from emulator.tokens.exchanges import Exchanges
from emulator.tokens.issuers import Fetch, Issuers, Reach
from emulator.tokens.resources import Resources
from emulator.tokens.signer import Signer


@dataclass(frozen=True, slots=True)
class Beginning:
    """What an emulator started with, and goes back to when it is asked to."""

    seed: Seed
    settings: Settings
    reaches: tuple[Reach, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an emulator is found, besides its origin; for its page and against strangers' pages."""

    imds: str = ""
    """`http://host:port`; empty: not known."""
    ca: str = ""
    """The file of its CA; empty: not known."""
    hosts: frozenset[str] = frozenset()
    """Names that it goes by, in lower case; addresses and localhost go without saying."""


@dataclass(frozen=True, slots=True)
class World:
    """One emulator: what it holds and what it does."""

    origin: str
    """`https://host:port`, as callers reach it; no slash at the end."""
    clock: Clock
    directory: Directory
    log: RequestLog
    gate: Gate
    signer: Signer
    issuers: Issuers
    resources: Resources
    tokens: TokenEndpoint
    exchanges: Exchanges
    beginning: Beginning
    began: float
    """The moment at which it was put together."""
    place: Place
    storage: Storage
    enforce_role_assignments: bool = False
    """Whether callers of Resource Manager need a role there, or only a token for it."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a world is made of."""

    origin: str
    clock: Clock
    directory: Directory
    settings: Settings
    signer: Signer
    reaches: Sequence[Reach]
    fetch: Fetch
    enforce_role_assignments: bool = False
    seed: Seed = field(default_factory=Seed)
    place: Place = Place()
    storage: Storage = field(default_factory=InMemory)


def made_of(parts: Parts) -> World:
    """Put a world together."""
    log = RequestLog()
    gate = Gate(parts.clock, log, parts.settings)
    resources = Resources(parts.directory, parts.origin)
    issuers = Issuers(parts.reaches, parts.fetch, parts.clock.moment)
    tokens = TokenEndpoint(
        directory=parts.directory,
        resources=resources,
        issuers=issuers,
        signer=parts.signer,
        clock=parts.clock,
        gate=gate,
        authority=parts.origin,
    )
    name = (urlsplit(parts.origin).hostname or "").lower()
    return World(
        origin=parts.origin,
        clock=parts.clock,
        directory=parts.directory,
        log=log,
        gate=gate,
        signer=parts.signer,
        issuers=issuers,
        resources=resources,
        tokens=tokens,
        exchanges=Exchanges(),
        beginning=Beginning(parts.seed, parts.settings.model_copy(deep=True), tuple(parts.reaches)),
        began=parts.clock.moment(),
        place=replace(parts.place, hosts=parts.place.hosts | {name}),
        storage=parts.storage,
        enforce_role_assignments=parts.enforce_role_assignments,
    )
