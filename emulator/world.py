"""Everything that the routes serve from, put together once."""

from collections.abc import Sequence
from dataclasses import dataclass

from emulator.calls.faults import Settings
from emulator.calls.gate import Gate
from emulator.calls.log import RequestLog
from emulator.clock import Clock
from emulator.directory import Directory
from emulator.tokens.endpoint import TokenEndpoint
from emulator.tokens.exchanges import Exchanges
from emulator.tokens.issuers import Fetch, Issuers, Reach
from emulator.tokens.resources import Resources
from emulator.tokens.signer import Signer


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
        enforce_role_assignments=parts.enforce_role_assignments,
    )
