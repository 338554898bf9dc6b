"""How long it takes at least: what the services let through, bursts included. Pure.

The bound is the services' own: as the emulator throttles. The controller allows itself a little
less (`entra.rates`), so that what it sends early is not refused; that is told beside it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from emulator.calls import throttle
from entra.rates import Action, Rates
from hack.scale.fleet import CONTROLLER, TENANT, Fleet, Member


class _Rate(Protocol):
    @property
    def per_second(self) -> float: ...
    @property
    def burst(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Need:
    """Calls that share a rate."""

    whose: str
    """`tenant, writes to Graph`, ..."""
    calls: int
    per_second: float
    burst: float
    """Calls that may be made at once, at the beginning."""

    @property
    def seconds(self) -> float:
        """How long they take at least."""
        return max(0.0, self.calls - self.burst) / self.per_second

    def __str__(self) -> str:
        return (
            f"{self.whose}: {self.calls:,} calls, {self.per_second:g} a second and"
            f" {self.burst:,.0f} at once: {self.seconds:.0f} s"
        )


def services_needs(fleet: Fleet, factor: float) -> list[Need]:
    """Return what takes longest of each sort, at the services' rates times `factor`."""
    needs: list[tuple[str, str, int, _Rate]] = []
    for member, writes in _writes(fleet):
        if not member.managed:
            (limit,) = throttle.graph_limits(tenant=TENANT, caller=CONTROLLER)
            needs.append(("tenant, writes to Graph", limit.key, writes, limit.rate))
            continue
        for action, calls in (("write", writes), ("list", 1)):
            limits = throttle.arm_limits(
                action,
                tenant=TENANT,
                subscription=member.subscription,
                resource=member.resource_id,
            )
            needs += [
                (f"{scope}, Resource Manager {action}s", limit.key, calls, limit.rate)
                for scope, limit in zip(_SCOPES, limits, strict=True)
            ]
    return _longest(needs, factor)


def budgets_needs(fleet: Fleet, factor: float) -> list[Need]:
    """Return the same for what the controller allows itself."""
    rates = Rates()
    needs: list[tuple[str, str, int, _Rate]] = []
    for member, writes in _writes(fleet):
        if not member.managed:
            (whole,) = rates.graph(Action.WRITE, TENANT).limits
            needs.append(("tenant, writes to Graph", whole.key, writes, whole.rate))
            continue
        for action, calls in ((Action.WRITE, writes), (Action.LIST, 1)):
            cost = rates.resource_manager(action, TENANT, member.subscription, member.resource_id)
            needs += [
                (f"{scope}, Resource Manager {action.value}s", limit.key, calls, limit.rate)
                for scope, limit in zip(_SCOPES, cost.limits, strict=True)
            ]
    return _longest(needs, factor)


def bound(needs: Iterable[Need]) -> float:
    """Return the seconds of what takes longest."""
    return max((need.seconds for need in needs), default=0.0)


_SCOPES = ("tenant", "subscription", "identity")


def _writes(fleet: Fleet) -> list[tuple[Member, int]]:
    wanted: Mapping[str, int] = fleet.wanted
    return [(member, wanted[member.client_id]) for member in fleet.members]


def _longest(needs: Iterable[tuple[str, str, int, _Rate]], factor: float) -> list[Need]:
    calls: Counter[tuple[str, str]] = Counter()
    rates: dict[tuple[str, str], _Rate] = {}
    for whose, key, count, rate in needs:
        calls[whose, key] += count
        rates[whose, key] = rate
    longest: dict[str, Need] = {}
    for (whose, key), count in calls.items():
        rate = rates[whose, key]
        burst = max(1.0, rate.burst * factor)
        need = Need(whose, count, rate.per_second * factor, burst)
        if whose not in longest or need.seconds > longest[whose].seconds:
            longest[whose] = need
    return sorted(longest.values(), key=lambda need: -need.seconds)
