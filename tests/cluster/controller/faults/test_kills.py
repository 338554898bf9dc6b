"""Wherever the controller is killed, the next one ends in exactly the right set of credentials."""

import itertools
import random
import time
from collections.abc import Sequence

import pytest

from tests.cluster.controller.faults.conftest import Tell
from tests.cluster.controller.faults.points import Killed, play_killed_at, record
from tests.cluster.controller.faults.scenario import STEPS, Step, play, settle
from tests.cluster.controller.faults.world import World

pytestmark = pytest.mark.cluster

MOMENTS = 50
SEED = 20261


def test_killed_before_and_after_every_call(world: World, tell: Tell) -> None:
    """In each round, one point of each step; every step ends settled, so that none knows another.

    A point is a call by its kind and number: one that another order of events did without is told.
    """
    points = record(world, STEPS)
    tell(
        f"{sum(map(len, points))} points: "
        + ", ".join(
            f"{step.name} {len(of_step)}" for step, of_step in zip(STEPS, points, strict=True)
        )
    )
    done: list[Killed] = []
    began = time.monotonic()
    for round_ in itertools.zip_longest(*points):
        world.fresh()
        for step, point in zip(STEPS, round_, strict=True):
            if point is None:
                play(world, step)
            else:
                done.append(play_killed_at(world, step, point))
    took = time.monotonic() - began
    missed = [str(one.point) for one in done if not one.reached]
    tell(
        f"killed at {len(done) - len(missed)} points, {took / len(done):.1f} s each;"
        f" each time nothing was lost and nothing left"
    )
    for line in missed:
        tell(f"not called this time: {line}")
    assert len(missed) <= len(done) * 0.1


def test_killed_at_random_moments(world: World, tell: Tell) -> None:
    chance = random.Random(SEED)
    tell(f"seed {SEED}")
    lengths = _lengths(world, STEPS)
    killed = 0
    while killed < MOMENTS:
        world.fresh()
        for step, length in zip(STEPS, lengths, strict=True):
            world.ledger.forget()
            step.act(world)
            _pass(chance.uniform(0.0, length))
            world.controller.kill()
            killed += 1
            world.start()
            settle(world, step)
    tell(f"killed at {killed} moments: nothing was lost and nothing left")


def _lengths(world: World, steps: Sequence[Step]) -> list[float]:
    """How long each step takes when nobody is killed."""
    found = []
    for step in steps:
        began = time.monotonic()
        play(world, step)
        found.append(time.monotonic() - began)
    return found


def _pass(seconds: float) -> None:
    """Let a moment go by: which one it is, is all that is wanted of it."""
    time.sleep(seconds)
