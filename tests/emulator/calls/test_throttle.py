"""Throttling at the published rates."""

import math

import pytest

from emulator.calls.throttle import Limit, Rate, Throttle, arm_limits, graph_limits
from tests.emulator.conftest import Hands


@pytest.fixture
def throttle(hands: Hands) -> Throttle:
    return Throttle(lambda: hands.steady)


def taken(throttle: Throttle, limits: list[Limit], factor: float = 1.0) -> int:
    """How many calls get through at once."""
    count = 0
    while not throttle.wait(limits, factor):
        count += 1
    return count


ONE = [Limit("a", Rate(per_second=0.25, burst=5))]


def test_a_burst_goes_through_and_then_the_rate(throttle: Throttle, hands: Hands) -> None:
    assert taken(throttle, ONE) == 5
    assert throttle.wait(ONE, 1) == 4
    hands.advance(3.5)
    assert throttle.wait(ONE, 1) == 1
    hands.advance(0.5)
    assert throttle.wait(ONE, 1) == 0


def test_a_pause_gives_no_more_than_the_burst(throttle: Throttle, hands: Hands) -> None:
    assert taken(throttle, ONE) == 5
    hands.advance(10_000)
    assert taken(throttle, ONE) == 5


def test_the_factor_is_of_the_burst_and_the_rate(throttle: Throttle, hands: Hands) -> None:
    assert taken(throttle, ONE, 2) == 10
    hands.advance(2)
    assert taken(throttle, ONE, 2) == 1


def test_a_factor_near_nothing_lets_one_call_through(throttle: Throttle) -> None:
    assert taken(throttle, ONE, 0.001) == 1
    assert throttle.wait(ONE, 0.001) == 4000


@pytest.mark.parametrize("rate", [0.25, 0.3, 1 / 3, 1 / 161, 1 / 187, 0.7, 1.0, 2.0, 7.3, 20.0])
def test_whoever_waits_as_told_gets_through(hands: Hands, rate: float) -> None:
    throttle = Throttle(lambda: hands.steady)
    limits = [Limit("a", Rate(rate, 1))]
    for _ in range(200):
        wait = throttle.wait(limits, 1)
        if wait:
            assert wait == math.floor(wait)
            hands.advance(wait)
            assert throttle.wait(limits, 1) == 0


def test_a_call_takes_of_all_its_limits_or_of_none(throttle: Throttle) -> None:
    narrow, wide = Limit("narrow", Rate(0.1, 1)), Limit("wide", Rate(1, 3))
    assert taken(throttle, [narrow, wide]) == 1
    assert throttle.wait([narrow, wide], 1) == 10
    assert throttle.left([narrow, wide], 1) == [0, 2]
    assert taken(throttle, [wide]) == 2


def test_clearing_fills_all_up(throttle: Throttle) -> None:
    taken(throttle, ONE)
    throttle.clear()
    assert taken(throttle, ONE) == 5


def test_managed_identities_have_three_limits_for_writes_and_gets() -> None:
    found = arm_limits("write", tenant="T", subscription="S", resource="/R")
    assert [(limit.key, limit.rate.per_second) for limit in found] == [
        ("arm/write/t", 10),
        ("arm/write/t/s", 2),
        ("arm/write//r", 0.25),
    ]
    listed = arm_limits("list", tenant="T", subscription="S", resource="")
    assert [limit.rate.per_second for limit in listed] == [15, 5]


def test_graph_takes_3000_writes_of_an_application_in_150_seconds() -> None:
    (limit,) = graph_limits(tenant="T", caller="C")
    assert limit == Limit("graph/write/t/c", Rate(20, 3000))
