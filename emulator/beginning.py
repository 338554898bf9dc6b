"""Back to what an emulator began with; and what it is told of issuers on the way."""

from collections.abc import Iterable

from emulator.seed.plant import PLANTED, begin
from emulator.tokens.issuers import Reach
from emulator.world import World

_ISSUERS = "issuers"


def begin_again(world: World) -> None:
    """Be as after the start from the seed and the flags alone; calls that are on go on."""
    beginning, storage = world.beginning, world.storage
    world.directory.forget()
    storage.forget(PLANTED)
    storage.forget(_ISSUERS)
    begin(beginning.seed, world.directory, storage)
    world.issuers.replace(beginning.reaches)
    world.gate.set(beginning.settings)
    world.log.clear()
    world.exchanges.clear()


def take_issuers(world: World, reaches: Iterable[Reach]) -> None:
    """Take ways to issuers, in the place of those that were known, and keep them."""
    for reach in reaches:
        world.issuers.add(reach)
        world.storage.keep(_ISSUERS, reach.issuer, reach)
