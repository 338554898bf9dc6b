"""Entra ID throttles, refuses, fails, answers late or never: in the end everything is in place."""

import pytest

from tests.cluster.api import Json
from tests.cluster.controller.faults.comparing import compare
from tests.cluster.controller.faults.conftest import Tell
from tests.cluster.controller.faults.hasty import LONGEST_CALL
from tests.cluster.controller.faults.scenario import (
    ANNOTATE,
    CHANGE,
    DELETE,
    UNANNOTATE,
    grant_all,
)
from tests.cluster.controller.faults.world import World
from tests.gateway import Call

pytestmark = pytest.mark.cluster

SHORT = 8.0
"""Seconds that are waited for what is not expected to come."""
LONG = 90.0
CREDENTIALS = "*.credentials.*"
CONCURRENT = "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"
FAULTS: dict[str, Json] = {
    "throttled (429)": {"kind": CREDENTIALS, "status": 429, "retryAfter": 1, "count": 4},
    "concurrent writes (409)": {
        "kind": "arm.credentials.*",
        "status": 409,
        "code": CONCURRENT,
        "count": 2,
    },
    "failing (500)": {"kind": CREDENTIALS, "status": 500, "count": 4},
    "away (503), every other call": {"kind": CREDENTIALS, "share": 0.5, "count": 8},
    "answers lost (503, the work is done)": {"kind": CREDENTIALS, "count": 4, "after": True},
    "time-outs (the work is done)": {
        "kind": CREDENTIALS,
        "count": 2,
        "after": True,
        "delaySeconds": LONGEST_CALL * 1.5,
    },
    "no sign-in (503)": {"kind": "token", "count": 2},
}
CHANGES = (ANNOTATE, CHANGE, ANNOTATE, UNANNOTATE, DELETE)


def writes(call: Call) -> bool:
    return call.gateway == "entra" and call.kind == "write"


@pytest.mark.parametrize("fault", FAULTS)
def test_entra_fails(world: World, tell: Tell, fault: str) -> None:
    """Each change meets the fault anew."""

    def fail(world: World, without: str) -> int:
        grant_all(world)
        world.start_ready(without=without)
        wrong = 0
        for step in CHANGES:
            world.entra.faults({"randomSeed": 17, "failures": [FAULTS[fault]]})
            step.act(world)
            wrong += world.wrong_after(step.wanted, SHORT if without else LONG)
            if wrong:
                return wrong
        return wrong

    compare(
        world,
        tell,
        fail,
        safeguard="retries",
        wrong=f"Entra {fault}: credentials missing or left, and objects that don't say so",
    )


def test_entra_is_away_for_long(world: World, tell: Tell) -> None:
    """All of it, while everything changes; then it is there again."""

    def be_away(world: World, without: str) -> int:
        grant_all(world)
        world.start_ready(without=without)
        ANNOTATE.act(world)
        wrong = world.wrong_after(ANNOTATE.wanted, LONG)
        for step in (CHANGE, ANNOTATE):
            world.entra.faults({"failures": [{"kind": "*", "status": 503, "count": None}]})
            seen = len(world.entra_gate.calls)
            step.act(world)
            if without:
                world.ledger.quiet(1.0, within=LONG)
            else:
                _await_calls(world, seen + 8)
            world.entra.faults({})
            wrong += world.wrong_after(step.wanted, SHORT if without else LONG)
        return wrong

    compare(
        world,
        tell,
        be_away,
        safeguard="retries",
        wrong="Entra away: credentials missing or left, and objects that don't say so",
    )


def _await_calls(world: World, count: int) -> None:
    world.until(lambda: len(world.entra_gate.calls) >= count, "Entra is asked again and again")


def test_reads_are_stale(world: World, tell: Tell) -> None:
    """Every read shows what was there some seconds ago: what was written is not written again."""

    def be_stale(world: World, without: str) -> int:
        grant_all(world)
        world.entra.faults({"staleReadSeconds": 4})
        world.start_ready(without=without)
        needless = 0
        for step, changes in ((ANNOTATE, 2), (CHANGE, 4), (ANNOTATE, 4)):
            world.ledger.forget()
            step.act(world)
            assert world.wrong_after(step.wanted, LONG) == 0
            began = len(world.ledger.calls)
            world.ledger.wait(lambda calls, began=began: _lists(calls[began:]) >= 4)  # type: ignore[misc]
            world.until_settled(step.wanted)
            needless += world.ledger.count(writes) - changes
        return needless

    compare(
        world,
        tell,
        be_stale,
        safeguard="memory_of_writes",
        wrong="reads of Entra 4 s old: needless writes",
    )


def _lists(calls: list[Call]) -> int:
    return sum(
        call.path.lower().endswith("/federatedidentitycredentials")
        for call in calls
        if call.gateway == "entra" and call.method == "GET"
    )


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_entra_s_clock_is_off(world: World, tell: Tell, seconds: int) -> None:
    grant_all(world)
    world.entra.faults({"clockOffsetSeconds": seconds})
    world.start_ready()
    for step in CHANGES:
        step.act(world)
        assert world.wrong_after(step.wanted, LONG) == 0
    tell(f"Entra's clock off by {seconds} s: nothing was lost, nothing left")
