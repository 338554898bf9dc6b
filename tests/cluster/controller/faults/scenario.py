"""What happens to a controller in its life, step by step; each step ends in a settled state."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.cluster.controller.faults.seed import INVOICES, MAIL, ORDERS, PRINT
from tests.cluster.controller.faults.world import Wanted, World


@dataclass(frozen=True, slots=True)
class Step:
    """Something happens, and these credentials are to stand in the end."""

    name: str
    act: Callable[[World], None]
    wanted: Wanted


def _start(world: World) -> None:
    world.shop.grant("shop", ORDERS)
    world.shop.grant("shop", INVOICES)
    world.shop.grant("post", MAIL)
    world.shop.grant("post", PRINT)
    world.start()


def _annotate(world: World) -> None:
    world.shop.annotate("shop", ORDERS)
    world.shop.annotate("post", MAIL)


def _change(world: World) -> None:
    world.shop.annotate("shop", INVOICES)
    world.shop.annotate("post", PRINT)


def _restart(world: World) -> None:
    world.controller.stop()
    world.start()


STEPS: Final = (
    Step("start", _start, {}),
    Step("annotate", _annotate, {ORDERS: ["shop"], MAIL: ["post"]}),
    Step("change", _change, {INVOICES: ["shop"], PRINT: ["post"]}),
    Step("withdraw", lambda world: world.shop.withdraw("post", PRINT), {INVOICES: ["shop"]}),
    Step(
        "bind", lambda world: world.shop.bind("post", PRINT), {INVOICES: ["shop"], PRINT: ["post"]}
    ),
    Step("restart", _restart, {INVOICES: ["shop"], PRINT: ["post"]}),
    Step("unannotate", lambda world: world.shop.annotate("shop", None), {PRINT: ["post"]}),
    Step("delete", lambda world: world.shop.delete("post"), {}),
)
"""A controller is started, people and admins do all that they do, and it is restarted."""


def play(world: World, step: Step) -> None:
    """Let a step happen, and wait until it is over."""
    world.ledger.forget()
    step.act(world)
    settle(world, step)


def settle(world: World, step: Step) -> None:
    """Wait until a step is over: its credentials stand, and no object is left without a reason."""
    world.until_ready()
    world.until_settled(step.wanted)
    if not step.wanted:
        world.until(lambda: not world.shop.objects(), "no object is left")
        world.ledger.quiet(0.05, within=30)
