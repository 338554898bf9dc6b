"""Plans by property: any order of events and crashes ends in the same set of credentials.

`AZWI_HYPOTHESIS_PROFILE=long` takes minutes. What fails prints the smallest example and a
`reproduce_failure` blob, the seed of it.
"""

import os
import random
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.plan import Standing, plan
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


@MANY
@given(events(retaining=True), st.booleans(), st.integers(0, 2**32 - 1))
def test_in_which_order_things_are_told_makes_no_difference(
    history: list[Event], may_retain: bool, seed: int
) -> None:
    world = World(may_retain=may_retain)
    for event in history:
        world.happen(event)
    situation = world.situation()
    shuffled = random.Random(seed)
    other = replace(
        situation,
        ruled=tuple(shuffled.sample(situation.ruled, len(situation.ruled))),
        observed=tuple(shuffled.sample(situation.observed, len(situation.observed))),
    )

    assert plan(other) == plan(situation)


@MANY
@given(events(retaining=True), st.booleans())
def test_while_objects_are_not_all_known_only_what_is_asked_for_goes(
    history: list[Event], may_retain: bool
) -> None:
    world = World(may_retain=may_retain)
    for event in history:
        world.happen(event)

    assert not plan(replace(world.situation(), complete=False)).presumes_absence
