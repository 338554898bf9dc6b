"""One fault, with all safeguards and with one taken out."""

from collections.abc import Callable

from tests.cluster.controller.faults.conftest import Tell
from tests.cluster.controller.faults.world import World

Scene = Callable[[World, str], int]
"""Plays a fault in an empty world, without the safeguard that is named (empty: with all of them);
returns how much went wrong."""


def compare(world: World, tell: Tell, scene: Scene, *, safeguard: str, wrong: str) -> None:
    """Play it twice; nothing may go wrong, and something has to once the safeguard is off."""
    found = scene(world, "")
    world.fresh()
    found_without = scene(world, safeguard)
    words = safeguard.replace("_", " ")
    tell(f"{wrong}: {found}; without '{words}': {found_without}")
    assert found == 0
    assert found_without > 0, f"it would not be seen if '{words}' were missing"
