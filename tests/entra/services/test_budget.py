"""Calls wait for their turn on this side, so that the service does not have to refuse them."""

import asyncio

import pytest

from entra.budget import Budget
from entra.rates import PUBLISHED, Action, Cost, Limit, Rate, Rates
from tests.fakes.virtual_time import elapsed, virtual_pace

TENANT, SUBSCRIPTION = "tenant", "subscription"


def budget() -> Budget:
    return Budget(virtual_pace())


def write(resource: str, subscription: str = SUBSCRIPTION, factor: float = 1.0) -> Cost:
    return Rates(factor).resource_manager(
        Action.WRITE, TENANT, subscription, f"/subscriptions/{subscription}/{resource}"
    )


async def spend(budget: Budget, *costs: Cost) -> list[float]:
    """Spend all at once, in this order; return when each was let through."""

    async def one(cost: Cost) -> float:
        await budget.spend(cost)
        return elapsed()

    return list(await asyncio.gather(*map(one, costs)))


async def test_a_quiet_identity_takes_four_writes_at_once_and_then_one_in_four_seconds() -> None:
    at = await spend(budget(), *[write("a")] * 7)
    assert at == pytest.approx([0, 0, 0, 0, 4, 8, 12])


async def test_a_subscription_takes_two_writes_a_second() -> None:
    costs = [write(f"identity-{number}") for number in range(40)]
    at = await spend(budget(), *costs)
    assert at[:32] == [0.0] * 32
    assert at[32:] == pytest.approx([0.5 * number for number in range(1, 9)])


async def test_a_tenant_takes_ten_writes_a_second() -> None:
    costs = [write("a", f"subscription-{number}") for number in range(170)]
    at = await spend(budget(), *costs)
    assert at[:160] == [0.0] * 160
    assert at[160:] == pytest.approx([0.1 * number for number in range(1, 11)])


async def test_reads_writes_and_deletes_have_budgets_of_their_own() -> None:
    spent = budget()
    for action in Action:
        cost = PUBLISHED.resource_manager(action, TENANT, SUBSCRIPTION, "/a")
        begun = elapsed()
        assert await spend(spent, *[cost] * 4) == [begun] * 4


async def test_agreed_rates_are_so_many_times_as_high() -> None:
    at = await spend(budget(), *[write("a", factor=10.0)] * 42)
    assert at == pytest.approx([0.0] * 40 + [0.4, 0.8])


async def test_a_small_factor_leaves_one_call_at_once() -> None:
    assert await spend(budget(), *[write("a", factor=0.1)] * 2) == pytest.approx([0, 40])


async def test_first_come_first_served() -> None:
    order: list[int] = []
    spent = budget()

    async def one(number: int) -> None:
        await spent.spend(write("a"))
        order.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(12):
            group.create_task(one(number))
            await asyncio.sleep(0.3)
    assert order == list(range(12))


async def test_who_waits_for_one_identity_keeps_nobody_from_another() -> None:
    at = await spend(budget(), *[write("a")] * 6, write("b"))
    assert at == pytest.approx([0, 0, 0, 0, 4, 8, 0])


async def test_nobody_starves_where_others_keep_coming() -> None:
    """A call that lacks both its own and a shared token is not passed by for ever."""
    spent = budget()
    shared = Limit("shared", Rate(1.0, 1.0))
    rare = Cost("rare", (shared, Limit("own", Rate(0.25, 1.0))))
    often = Cost("often", (shared,))
    await spent.spend(rare)
    crowd = [asyncio.create_task(spent.spend(often)) for _ in range(3)]
    late = asyncio.create_task(spend(spent, rare))
    await asyncio.sleep(0)
    crowd += [asyncio.create_task(spent.spend(often)) for _ in range(30)]
    assert await late == [pytest.approx(4.0)]
    await asyncio.gather(*crowd)
    assert elapsed() == pytest.approx(34.0)


async def test_a_cancelled_call_spends_nothing() -> None:
    spent = budget()
    await spend(spent, *[write("a")] * 4)
    waiting = asyncio.create_task(spent.spend(write("a")))
    behind = asyncio.create_task(spend(spent, write("a")))
    await asyncio.sleep(3.0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await behind == [pytest.approx(8.0)]
    assert spent.waiting == 0
    assert spent.calls == {"arm write": 5}
    # Of the tokens that came in those 8 seconds one was taken: the other is there at once.
    assert await spend(spent, write("a")) == [pytest.approx(8.0)]


async def test_a_call_cancelled_in_the_moment_of_its_turn_gives_its_tokens_back() -> None:
    spent = budget()
    await spend(spent, *[write("a")] * 4)
    first = asyncio.create_task(spent.spend(write("a")))
    second = asyncio.create_task(spent.spend(write("a")))
    await asyncio.sleep(2.0)
    first.cancel()
    await asyncio.wait({first})
    # The token of second 4 goes to `second`, by the hand of one who comes then; it still sleeps.
    await asyncio.sleep(2.0)
    third = asyncio.create_task(spent.spend(write("a")))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait({second})
    await third
    assert elapsed() == pytest.approx(8.0)
    assert spent.waiting == 0
    assert await spend(spent, write("a")) == [pytest.approx(8.0)]


async def test_what_is_idle_is_forgotten() -> None:
    spent = budget()
    for number in range(1000):
        await spent.spend(write(f"identity-{number}", f"subscription-{number}"))
        await asyncio.sleep(10.0)
    assert spent.buckets <= 64 + 3


async def test_forgetting_changes_no_budget() -> None:
    spent = budget()
    await spend(spent, *[write("a")] * 4)
    for number in range(100):
        await spent.spend(write("x", f"subscription-{number}"))
    assert await spend(spent, write("a")) == [pytest.approx(4.0)]


async def test_calls_and_waits_are_counted_by_kind() -> None:
    spent = budget()
    await spend(spent, *[write("a")] * 6)
    await spent.spend(PUBLISHED.graph(Action.LIST, TENANT))
    assert spent.calls == {"arm write": 6, "graph list": 1}
    assert spent.seconds_waited == {"arm write": pytest.approx(12.0), "graph list": 0.0}


async def test_graph_never_gets_more_than_its_writes_in_any_150_seconds() -> None:
    cost = PUBLISHED.graph(Action.WRITE, TENANT)
    at = await spend(budget(), *[cost] * 3600)
    most = max(sum(begin <= other < begin + 150.0 for other in at) for begin in at[::50])
    assert most <= 3000
    assert at[299] == 0.0
    assert at[-1] == pytest.approx(3300 / 18)


async def test_graphs_deletes_are_writes() -> None:
    delete = PUBLISHED.graph(Action.DELETE, TENANT)
    assert delete.limits == PUBLISHED.graph(Action.WRITE, TENANT).limits
    assert PUBLISHED.graph(Action.GET, TENANT).limits == ()


async def test_identities_are_the_same_in_any_letter_case() -> None:
    spent = budget()
    await spend(spent, *[write("IDENTITY")] * 4)
    assert await spend(spent, write("identity")) == [pytest.approx(4.0)]
