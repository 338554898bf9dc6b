"""Everything about identities and their credentials in one tenant, put together."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import httpx

from entra.arm import ResourceManagerCredentials
from entra.budget import Budget
from entra.credentials import ByKind, Credentials
from entra.directory import Directory
from entra.endpoints import Endpoints
from entra.errors import Invalid
from entra.graph import GraphCredentials
from entra.http import Http, TimeLimits, Told, unheard
from entra.managed import ManagedIdentities
from entra.model import Kind
from entra.pacing import REAL, Pace
from entra.rates import PUBLISHED, Rates
from entra.remembered import Remembered
from entra.resolve import Resolver, Sources
from entra.retry import REQUESTS, Policy
from entra.service import GRAPH_DIALECT, RESOURCE_MANAGER_DIALECT, Means, Service
from entra.tokens import TokenSource
from entra.writer import ECHOES, LONGEST_KNOWN, Writers
from identity.account import is_uuid
from identity.faults import quoted


@dataclass(frozen=True, slots=True)
class Settings:
    """What a program knows of the tenant that it works in."""

    tenant_id: str
    endpoints: Endpoints
    subscriptions: tuple[str, ...] = ()
    """Whose managed identities are searched for what Graph does not find."""
    limits: TimeLimits = field(default_factory=TimeLimits)
    policy: Policy = REQUESTS
    echoes: Policy = ECHOES
    """Patience with conflicts that no read shows (`entra.writer`)."""
    longest_known: float = LONGEST_KNOWN
    """Seconds for which at most `Writers.of` goes by what it listed before, whoever asks."""
    rates: Rates = PUBLISHED

    def __post_init__(self) -> None:
        for name in (self.tenant_id, *self.subscriptions):
            if not is_uuid(name):
                raise Invalid(f"{quoted(name)} is no UUID of a tenant or subscription")


@dataclass(frozen=True, slots=True)
class Seams:
    """What a program, or a test, may put in place of the real thing."""

    pace: Pace = REAL
    clock: Callable[[], float] = time.time
    """Seconds since the epoch, for what is remembered over restarts."""
    before_write: Callable[[], None] = lambda: None
    """See `entra.service.Means`."""
    told: Told = unheard
    """Hears how each call of Graph and Resource Manager ended. Those of the token endpoint are told
    by the `Http` that the program makes for its sign-in."""


class Entra:
    """Identities and credentials of one tenant. An async context manager that closes it all.

    `async with entra.writers.of(identity) as writer:` is how to write.
    """

    def __init__(
        self,
        settings: Settings,
        transport: httpx.AsyncBaseTransport,
        tokens: TokenSource,
        *,
        remembered: Remembered | None = None,
        seams: Seams | None = None,
    ) -> None:
        seams = seams or Seams()
        self._http = Http(transport, settings.limits, seams.told)
        self.budget = Budget(seams.pace)
        """What was spent, by kind of call, and who waits."""
        means = Means(
            self._http, tokens, self.budget, settings.policy, seams.pace, seams.before_write
        )
        endpoints, rates = settings.endpoints, settings.rates
        arm = Service(
            RESOURCE_MANAGER_DIALECT,
            endpoints.resource_manager,
            endpoints.resource_manager_scope,
            means,
        )
        backends: dict[Kind, Credentials] = {
            Kind.MANAGED_IDENTITY: ResourceManagerCredentials(arm, rates)
        }
        directory = None
        if endpoints.graph is not None:
            graph = Service(GRAPH_DIALECT, endpoints.graph, endpoints.graph_scope, means)
            backends[Kind.APPLICATION] = GraphCredentials(graph, rates)
            directory = Directory(graph, settings.tenant_id, rates)
        self.credentials: Credentials = ByKind(backends)
        """Reads; writes are for `writers`."""
        self.writers = Writers(
            self.credentials, settings.echoes, seams.pace, settings.longest_known
        )
        self.identities = Resolver(
            Sources(
                directory,
                ManagedIdentities(arm, settings.tenant_id, rates),
                settings.subscriptions,
            ),
            remembered,
            seams.clock,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()
