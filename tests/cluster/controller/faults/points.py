"""Where a controller may be killed: before and after each call that it made in a recorded run."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from tests.cluster.controller.faults.scenario import Cycle, Step, play, settle
from tests.cluster.controller.faults.world import World
from tests.gateway import DROP, After, Before, Call
from tests.gateway.rules import Drop

MOMENTS: Final = ("before", "after")


@dataclass(frozen=True, slots=True)
class Point:
    """One moment of one step: at its `nth` call of a kind."""

    step: str
    call: str
    """As `Call` shows itself: without names."""
    nth: int
    moment: str

    def __str__(self) -> str:
        """Return it as a line for people."""
        return f"{self.step}: {self.moment} {self.call} ({self.nth})"


def points_of(step: Step, calls: Iterable[Call]) -> list[Point]:
    """List both moments of every call that was recorded."""
    seen: Counter[str] = Counter()
    found = []
    for call in calls:
        seen[str(call)] += 1
        found += [Point(step.name, str(call), seen[str(call)], moment) for moment in MOMENTS]
    return found


@dataclass(frozen=True, slots=True)
class Killed:
    """How a step went in which the controller was killed."""

    point: Point
    reached: bool
    """Whether that call was made this time; else nobody was killed."""
    seconds: float
    """Until everything was right again."""


def play_killed_at(world: World, step: Step, point: Point) -> Killed:
    """Let a step happen, kill the controller at a point of it, start another, wait for the end."""
    world.ledger.forget()
    began = time.monotonic()
    killing, killed = threading.Event(), threading.Event()

    def kill(_: Call) -> Drop:
        killing.set()
        world.controller.kill()
        killed.set()
        return DROP

    action = Before(kill) if point.moment == "before" else After(kill)
    gate = world.kube if point.call.startswith("kube ") else world.entra_gate
    rule = gate.rule(lambda call: str(call) == point.call, action, nth=point.nth, times=1)
    step.act(world)
    renewal = point.call.startswith("kube PUT") and "/leases/" in point.call  # which comes in time
    world.until(
        lambda: killing.is_set() or (not renewal and _over(world, step)), f"the end, or {point}"
    )
    rule.off()
    if killing.is_set():
        assert killed.wait(30)
        world.start()
    settle(world, step)
    return Killed(point, killing.is_set(), time.monotonic() - began)


def play_cycle(world: World, cycle: Cycle, tell: Callable[[Killed], None]) -> None:
    """Play it until the controller was killed at every point of its steps, one a step and round.

    Calls that a controller makes only once in its life are met in a world that begins anew.
    """
    for step in cycle.first:
        play(world, step)
    points = []
    for step in cycle.steps:
        play(world, step)
        points.append(points_of(step, world.ledger.calls))
    missed: list[tuple[int, Point]] = []
    for round_ in itertools.zip_longest(*points):
        for step in cycle.back:
            play(world, step)
        for number, (step, point) in enumerate(zip(cycle.steps, round_, strict=True)):
            if point is None:
                play(world, step)
                continue
            killed = play_killed_at(world, step, point)
            if killed.reached:
                tell(killed)
            else:
                missed.append((number, point))
    for number, point in missed:
        for step in (*cycle.first, *cycle.steps[:number]):
            play(world, step)
        tell(play_killed_at(world, cycle.steps[number], point))


def _over(world: World, step: Step) -> bool:
    """Whether a step seems to be over, though nobody was killed."""
    if not world.is_ready() or world.entra.credentials() != world.subjects(step.wanted):
        return False
    try:
        world.ledger.quiet(0.3, within=0.35)
    except AssertionError:
        return False
    return True
