"""How often the services let themselves be called, and what a call counts against. Pure.

Sources: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/known-issues
(rate limits: requests a second for a tenant, a subscription and a resource) and
https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits
(writes: 3,000 in 150 seconds for an application in a tenant).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Action(Enum):
    """What a call does, as the published rates tell calls apart."""

    WRITE = "write"
    DELETE = "delete"
    GET = "get"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls a second in the long run, and so many at once after a pause."""

    per_second: float
    burst: float

    def times(self, factor: float) -> "Rate":
        """Return the same rate, so many times as high."""
        return Rate(self.per_second * factor, max(1.0, self.burst * factor))


@dataclass(frozen=True, slots=True)
class Limit:
    """A rate that all calls with the same key share."""

    key: str
    rate: Rate


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call counts against."""

    kind: str
    """Service and action, `arm write`: what calls are counted by."""
    limits: tuple[Limit, ...]
    """From the widest to the narrowest; empty: this call is not limited."""


_WINDOW: Final = 16.0
"""Seconds of a published rate that may be used at once; at least one call.

Only rates a second are published. Those of the identities themselves are counted in 20 seconds
(https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits
#managed-identity-limits), so we take that to be the window, and a fifth less than it gives: what
was sent a little later and arrives a little earlier is then no call too many. A quiet identity
takes 4 writes at once.
"""


def _rates(tenant: float, subscription: float, resource: float) -> tuple[Rate, Rate, Rate]:
    tenant_rate, subscription_rate, resource_rate = (
        Rate(rate, max(1.0, rate * _WINDOW)) for rate in (tenant, subscription, resource)
    )
    return tenant_rate, subscription_rate, resource_rate


_RESOURCE_MANAGER: Final = {
    Action.WRITE: _rates(10, 2, 0.25),
    Action.DELETE: _rates(10, 2, 0.25),
    Action.GET: _rates(30, 10, 0.5),
    Action.LIST: _rates(15, 5, 0.25),
}

_GRAPH_WRITES: Final = Rate(18.0, 300.0)
"""300 at once and 18 a second are 3,000 in any 150 seconds, and never more."""


@dataclass(frozen=True, slots=True)
class Rates:
    """The published rates, or so many times as much.

    `factor` is for those with agreed higher limits, and for an emulator that is set so.
    """

    factor: float = 1.0

    def resource_manager(
        self, action: Action, tenant: str, subscription: str, resource: str = ""
    ) -> Cost:
        """Return the cost of a call about managed identities; `resource` is a whole id."""
        whole, part, one = (rate.times(self.factor) for rate in _RESOURCE_MANAGER[action])
        stem = f"arm/{action.value}"
        limits = [
            Limit(f"{stem}/{tenant}".lower(), whole),
            Limit(f"{stem}/{tenant}/{subscription}".lower(), part),
        ]
        if resource:
            limits.append(Limit(f"{stem}{resource}".lower(), one))
        return Cost(f"arm {action.value}", tuple(limits))

    def graph(self, action: Action, tenant: str) -> Cost:
        """Return the cost of a call of Graph: reads are let through, at 350 a second and more."""
        kind = f"graph {action.value}"
        if action in {Action.GET, Action.LIST}:
            return Cost(kind, ())
        return Cost(
            kind, (Limit(f"graph/write/{tenant}".lower(), _GRAPH_WRITES.times(self.factor)),)
        )


PUBLISHED: Final = Rates()
