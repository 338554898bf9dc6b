"""Plans by property: any order of events and crashes ends in the same set of credentials.

`AZWI_HYPOTHESIS_PROFILE=long` takes minutes. What fails prints the smallest example and a
`reproduce_failure` blob, the seed of it.
"""

import os
import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.model import DeletionPolicy
from controller.plan import Standing, plan
from tests.controller.plan.stage import denied, doubted, going, granted, ours, situation, wish
from tests.controller.plan.world import Event, World, events

LONG = os.environ.get("AZWI_HYPOTHESIS_PROFILE") == "long"
MANY = settings(
    max_examples=5_000 if LONG else 250,
    deadline=None,  # a busy machine is no bug
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
DECIDED = st.sampled_from([Standing.GRANTED, Standing.DENIED])


@MANY
@given(events(retaining=False), DECIDED, st.booleans())
def test_any_order_of_events_and_crashes_ends_in_the_same_set(
    history: list[Event], answer: Standing, described: bool
) -> None:
    """The end is what one plan makes of an identity on which nothing of ours stands yet."""
    world = World(described=described)
    for event in history:
        world.happen(event)
    world.decide(answer)
    world.settle()
    at_once = world.afresh()
    at_once.settle()

    assert world.of_ours() == at_once.of_ours()


@MANY
@given(events(retaining=True), st.booleans(), st.booleans())
def test_at_no_moment_of_any_history_a_plan_breaks_a_rule(
    history: list[Event], described: bool, may_retain: bool
) -> None:
    """The rules are those of `world.check`; Entra's own are checked as each step is taken."""
    world = World(described=described, may_retain=may_retain)
    for event in history:
        world.happen(event)
        world.planned()
    world.settle()


@pytest.mark.parametrize("seed", range(10))
def test_in_which_order_many_things_are_told_makes_no_difference(seed: int) -> None:
    """Some of everything that goes, stays and has no slot."""
    withdrawn = [wish(f"withdrawn-{n}") for n in range(3)]
    leaving = [going(wish(f"leaving-{n}"), DeletionPolicy.RETAIN) for n in range(3)]
    kept = [ours(wish(f"kept-{n}")) for n in range(3)]
    full = situation(
        *map(denied, withdrawn),
        *(granted(one, may_retain=True) for one in leaving),
        granted(wish("late")),
        doubted(wish("late", name="doubted")),
        there=(*map(ours, (*withdrawn, *leaving, wish("left-1"), wish("left-2"))), *kept),
        retained={one.name: "shop" for one in kept},
        per_namespace=6,
    )
    shuffled = random.Random(seed)

    other = replace(
        full,
        ruled=tuple(shuffled.sample(full.ruled, len(full.ruled))),
        observed=tuple(shuffled.sample(full.observed, len(full.observed))),
        retained=dict(shuffled.sample(list(full.retained.items()), len(full.retained))),
    )

    assert plan(other) == plan(full)


@MANY
@given(events(retaining=True), st.booleans(), st.integers(0, 2**32 - 1))
def test_in_which_order_things_are_told_makes_no_difference(
    history: list[Event], may_retain: bool, seed: int
) -> None:
    world = World(may_retain=may_retain)
    for event in history:
        world.happen(event)
    at_hand = world.situation()
    shuffled = random.Random(seed)
    other = replace(
        at_hand,
        ruled=tuple(shuffled.sample(at_hand.ruled, len(at_hand.ruled))),
        observed=tuple(shuffled.sample(at_hand.observed, len(at_hand.observed))),
    )

    assert plan(other) == plan(at_hand)


@MANY
@given(events(retaining=True), st.booleans())
def test_while_objects_are_not_all_known_only_what_is_asked_for_goes(
    history: list[Event], may_retain: bool
) -> None:
    world = World(may_retain=may_retain)
    for event in history:
        world.happen(event)

    assert not plan(replace(world.situation(), complete=False)).presumes_absence
