"""What happens to a controller in its life, step by step; each step ends in a settled state."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from tests.cluster.controller.faults.seed import INVOICES, MAIL, ORDERS, PRINT
from tests.cluster.controller.faults.world import Wanted, World


@dataclass(frozen=True, slots=True)
class Step:
    """Something happens, and these credentials are to stand in the end."""

    name: str
    act: Callable[[World], None]
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class Cycle:
    """Steps that lead back to where they began, so that they can be played again and again."""

    steps: Sequence[Step]
    """Where the controller is killed."""
    first: Sequence[Step] = ()
    """Once, before all."""
    back: Sequence[Step] = ()
    """After each time; nobody is killed in them."""


def grant_all(world: World) -> None:
    """Grant all that is asked for in any step."""
    for account, client_id in (
        ("shop", ORDERS),
        ("shop", INVOICES),
        ("post", MAIL),
        ("post", PRINT),
    ):
        world.shop.grant(account, client_id)


def _start(world: World) -> None:
    world.empty()
    grant_all(world)
    world.start()


def _annotate(shop: str, post: str, world: World) -> None:
    world.shop.annotate("shop", shop)
    world.shop.annotate("post", post)


def _restart(world: World) -> None:
    world.controller.stop()
    world.start()


def _delete(world: World) -> None:
    for account in ("shop", "post"):
        world.shop.delete(account)


BOTH: Final = {ORDERS: ["shop"], MAIL: ["post"]}
START: Final = Step("start", _start, {})
"""With an empty cluster, but for all grants."""
ANNOTATE: Final = Step("annotate", partial(_annotate, ORDERS, MAIL), BOTH)
CHANGE: Final = Step(
    "change", partial(_annotate, INVOICES, PRINT), {INVOICES: ["shop"], PRINT: ["post"]}
)
WITHDRAW: Final = Step(
    "withdraw", lambda world: world.shop.withdraw("post", MAIL), {ORDERS: ["shop"]}
)
BIND: Final = Step("bind", lambda world: world.shop.bind("post", MAIL), BOTH)
RESTART: Final = Step("restart", _restart, BOTH)
UNANNOTATE: Final = Step(
    "unannotate", lambda world: world.shop.annotate("shop", None), {MAIL: ["post"]}
)
DELETE: Final = Step("delete", _delete, {})

LIFE: Final = (START, ANNOTATE, CHANGE, ANNOTATE, WITHDRAW, BIND, RESTART, UNANNOTATE, DELETE)
"""Everything that happens to a controller."""
CYCLES: Final = (
    Cycle([START]),
    Cycle([ANNOTATE, DELETE], first=[START]),
    Cycle([CHANGE], first=[START, ANNOTATE], back=[ANNOTATE]),
    Cycle([WITHDRAW, BIND], first=[START, ANNOTATE]),
    Cycle([UNANNOTATE], first=[START, ANNOTATE], back=[ANNOTATE]),
    Cycle([RESTART], first=[START, ANNOTATE]),
)
"""The same in parts, for whoever plays each of them many times."""


def play(world: World, step: Step) -> None:
    """Let a step happen, and wait until it is over."""
    world.ledger.forget()
    step.act(world)
    settle(world, step)


def settle(world: World, step: Step) -> None:
    """Wait until a step is over: its credentials stand, and no object is left without a reason."""
    world.until_ready()
    if not step.wanted:
        world.until(lambda: not world.shop.objects(), "no object is left")
    world.until_settled(step.wanted)
