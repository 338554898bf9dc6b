"""Wherever the controller is killed, the next one ends in exactly the right set of credentials."""

import random
import time
from collections.abc import Sequence

import pytest

from tests.cluster.controller.faults.comparing import compare
from tests.cluster.controller.faults.conftest import Tell
from tests.cluster.controller.faults.points import Killed, play_cycle
from tests.cluster.controller.faults.scenario import (
    ANNOTATE,
    CYCLES,
    LIFE,
    Cycle,
    Step,
    grant_all,
    play,
    settle,
)
from tests.cluster.controller.faults.world import World

pytestmark = pytest.mark.cluster

MOMENTS = 50
SEED = 20261
SHORT, LONG = 6.0, 60.0
SELDOM = ("--resync-interval=60s", "--drift-interval=60s")
"""So that a step is made of the same calls each time, and nothing is mended by the next resync."""


@pytest.mark.parametrize("cycle", CYCLES, ids=lambda cycle: cycle.steps[0].name)
def test_killed_before_and_after_every_call(world: World, tell: Tell, cycle: Cycle) -> None:
    """A point is a call by its kind and number; one that did not come again is told."""
    world.flags = SELDOM
    done: list[Killed] = []

    def killed(one: Killed) -> None:
        done.append(one)
        how = "nothing was lost, nothing left" if one.reached else "not called this time"
        tell(f"{one.point}: {how} ({one.seconds:.1f} s)")

    play_cycle(world, cycle, killed)
    missed = sum(not one.reached for one in done)
    tell(f"killed at {len(done) - missed} of {len(done)} points: nothing was lost, nothing left")
    assert missed <= max(2, len(done) * 0.1)


def test_killed_at_random_moments(world: World, tell: Tell) -> None:
    world.flags = SELDOM
    chance = random.Random(SEED)
    lengths = _lengths(world, LIFE)
    killed = 0
    while killed < MOMENTS:
        for step, length in zip(LIFE, lengths, strict=True):
            world.ledger.forget()
            step.act(world)
            time.sleep(chance.uniform(0.0, length))  # which moment it is, is all that is wanted
            world.controller.kill()
            killed += 1
            world.start()
            settle(world, step)
    tell(f"killed at {killed} moments (seed {SEED}): nothing was lost, nothing left")


def test_nobody_is_there_while_all_of_it_goes(world: World, tell: Tell) -> None:
    """Objects go without their finalizer, and with them all trace of what was written."""

    def go(world: World, without: str) -> int:
        grant_all(world)
        world.start_ready(without=without)
        play(world, ANNOTATE)
        world.controller.kill()
        world.shop.clear()
        world.start_ready(without=without)
        return world.wrong_after({}, SHORT if without else LONG)

    compare(
        world,
        tell,
        go,
        safeguard="the_journal",
        wrong="objects and grants gone while no controller ran: credentials left",
    )


def _lengths(world: World, steps: Sequence[Step]) -> list[float]:
    """How long each step takes when nobody is killed."""
    found = []
    for step in steps:
        began = time.monotonic()
        play(world, step)
        found.append(time.monotonic() - began)
    return found
