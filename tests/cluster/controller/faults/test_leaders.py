"""Two controllers: one writes, one waits; neither a pause nor a clock makes both of them write."""

import pytest

from tests.cluster.controller.faults import without as safeguards
from tests.cluster.controller.faults.comparing import compare
from tests.cluster.controller.faults.conftest import Tell
from tests.cluster.controller.faults.scenario import ANNOTATE, BOTH, CHANGE, grant_all, play
from tests.cluster.controller.faults.seed import INVOICES, ORDERS
from tests.cluster.controller.faults.world import World
from tests.gateway import Call
from tests.gateway.nursery import Child

pytestmark = pytest.mark.cluster

FAST = f"{safeguards.__name__}:{safeguards.fast_clock.__name__}"
SLOW = f"{safeguards.__name__}:{safeguards.slow_clock.__name__}"
RETRY_AFTER = 2
"""Seconds that a refused write has to wait; the leader may read of it only when it goes on."""
LOOKS = 3 * RETRY_AFTER
"""At the Lease, about one a second: by then the write was tried again if it ever is."""
RENEWALS = 10
"""Of one a second, the Lease being good for six."""


def looks_at_the_lease(call: Call) -> bool:
    return call.gateway == "kube-two" and "/leases/" in call.path


def takes_the_lease(call: Call) -> bool:
    return looks_at_the_lease(call) and call.method == "PUT" and call.status == 200


def writes_to_entra(call: Call) -> bool:
    return call.gateway == "entra" and call.kind == "write"


def stand_by(world: World, *, first: tuple[str, ...] = (), without: str = "") -> Child:
    """Have another controller wait for the Lease."""
    child = world.start("two", first=first, without=without)
    world.ledger.wait(lambda calls: any(map(looks_at_the_lease, calls)))
    return child


def test_the_leader_stops_another_writes_and_it_goes_on(world: World, tell: Tell) -> None:
    """It is stopped between two tries of a write, which is wrong by the time that it goes on."""

    def stop(world: World, without: str) -> int:
        grant_all(world)
        leader = world.start_ready("one", without=without)
        stand_by(world)
        refused = world.entra_gate.answer(
            "POST",
            "/federatedIdentityCredentials$",
            429,
            {},
            {"Retry-After": str(RETRY_AFTER)},
            times=1,
        )
        world.shop.annotate("shop", ORDERS)
        refused.wait_met()
        leader.pause()
        world.until_credentials({ORDERS: ["shop"]})
        world.shop.annotate("shop", INVOICES)
        world.until_credentials({INVOICES: ["shop"]})
        written = world.ledger.count(writes_to_entra)
        leader.resume()
        world.ledger.wait(lambda calls: _looks_since(calls, refused.met[0]) >= LOOKS)
        world.ledger.quiet(0.5, within=30)
        needless = world.ledger.count(writes_to_entra) - written
        world.until_credentials({INVOICES: ["shop"]})
        return needless

    compare(
        world,
        tell,
        stop,
        safeguard="the_lease_before_each_write",
        wrong="leader stopped, standby writing, leader continued: writes of the former leader",
    )


def _looks_since(calls: list[Call], since: Call) -> int:
    """How often the former leader has asked for the Lease after it went on."""
    takeover = next((call.at for call in calls if takes_the_lease(call)), None)
    if takeover is None:
        return 0
    return sum(
        call.gateway == "kube" and "/leases/" in call.path and call.at > max(takeover, since.at)
        for call in calls
    )


@pytest.mark.parametrize(("leader", "standby"), [(SLOW, FAST), (FAST, SLOW)])
def test_clocks_are_hours_apart(world: World, tell: Tell, leader: str, standby: str) -> None:
    """The standby waits as long as the leader renews its Lease, whatever the time is."""

    def be_apart(world: World, without: str) -> int:
        grant_all(world)
        world.start("one", first=[leader])
        world.until_ready()
        play(world, ANNOTATE)
        stand_by(world, first=(standby,), without=without)
        world.ledger.wait(
            lambda calls: _renewals(calls) >= RENEWALS or any(map(takes_the_lease, calls))
        )
        return world.ledger.count(takes_the_lease)

    if leader == SLOW:
        compare(
            world,
            tell,
            be_apart,
            safeguard="own_clock_only",
            wrong="the standby's clock two hours ahead: Leases taken from a living leader",
        )
    else:
        assert be_apart(world, "") == 0
        tell("the standby's clock two hours behind: no Lease taken from a living leader")
    world.controllers[0].kill()
    CHANGE.act(world)
    world.until_credentials(CHANGE.wanted)


def _renewals(calls: list[Call]) -> int:
    return sum(
        call.gateway == "kube" and call.method == "PUT" and "/leases/" in call.path
        for call in calls
    )


@pytest.mark.parametrize("kill", [False, True])
def test_the_standby_takes_over(world: World, tell: Tell, kill: bool) -> None:
    grant_all(world)
    leader = world.start_ready("one")
    play(world, ANNOTATE)
    standby = stand_by(world)
    leader.kill() if kill else leader.stop()
    CHANGE.act(world)
    world.until_settled(CHANGE.wanted)
    assert standby.running
    ANNOTATE.act(world)
    world.until_settled(BOTH)
    how = "killed" if kill else "ended in order"
    tell(f"leader {how}, standby took over: nothing was lost, nothing left")
