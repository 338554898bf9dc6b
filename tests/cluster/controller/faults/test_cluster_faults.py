"""The API server fails, forbids, forgets: no credential is lost by it, none is left."""

import itertools
from collections.abc import Callable

import pytest

from hack.cluster import Cluster
from tests.cluster.controller.faults.comparing import compare
from tests.cluster.controller.faults.conftest import Tell
from tests.cluster.controller.faults.scenario import ANNOTATE, BOTH, CHANGE, grant_all, play
from tests.cluster.controller.faults.seed import INVOICES, MAIL, ORDERS, PRINT
from tests.cluster.controller.faults.world import WATCHES, World
from tests.gateway import Call, Rule

pytestmark = pytest.mark.cluster

SHORT = 6.0
"""Seconds that are waited for what is not expected to come: three resyncs."""


def in_place(world: World, without: str, *flags: str) -> None:
    """Have two credentials in place."""
    grant_all(world)
    world.start_ready("one", *flags, without=without)
    play(world, ANNOTATE)
    world.ledger.forget()


def removals(world: World) -> int:
    """How many credentials were removed."""
    return world.ledger.count(lambda call: call.gateway == "entra" and call.method == "DELETE")


def asked_for_grants(call: Call) -> bool:
    return call.path.endswith("/subjectaccessreviews")


def stir_until(world: World, enough: Callable[[], bool]) -> None:
    """Have grants asked for anew, again and again: a role of our API group comes and goes."""
    for number in itertools.count():
        if enough():
            return
        seen = world.ledger.count(asked_for_grants)
        world.shop.stir(f"stirred-{number}")
        world.until(
            lambda seen=seen: world.ledger.count(asked_for_grants) > seen or enough(),  # type: ignore[misc]
            "grants are asked for",
        )


def test_subject_access_reviews_fail(world: World, tell: Tell) -> None:
    def fail(world: World, without: str) -> int:
        in_place(world, without)
        rule = world.kube.answer("POST", "/subjectaccessreviews$", 500)
        stir_until(world, lambda: _met_for(rule, 1.5) or removals(world) > 0)
        rule.off()
        world.until_credentials(BOTH)
        return removals(world)

    compare(
        world,
        tell,
        fail,
        safeguard="errors_are_no_denials",
        wrong="SubjectAccessReviews answered 500: credentials removed",
    )


def _met_for(rule: Rule, seconds: float) -> bool:
    """Whether a rule has been met over such a time: more than denials must be apart."""
    met = rule.met
    return bool(met) and met[-1].at - met[0].at > seconds


def test_bindings_are_deleted_and_made_anew(world: World, tell: Tell) -> None:
    """As by GitOps: each time the controller sees that the grant is gone."""

    def make_anew(world: World, without: str) -> int:
        in_place(world, without, "--denial-interval=3s")
        for _ in range(5):
            seen = world.ledger.count(asked_for_grants)
            world.shop.withdraw("shop", ORDERS)
            world.until(
                lambda seen=seen: world.ledger.count(asked_for_grants) > seen,  # type: ignore[misc]
                "the grant is asked for",
            )
            world.ledger.quiet(0.2, within=30)
            world.shop.bind("shop", ORDERS)
            world.ledger.quiet(0.3, within=30)
        world.until_settled(BOTH)
        return removals(world)

    compare(
        world,
        tell,
        make_anew,
        safeguard="second_denial",
        wrong="bindings deleted and made anew five times: credentials removed",
    )


@pytest.mark.parametrize(
    ("what", "safeguard"),
    [
        ("serviceaccounts", "confirmed_absences"),
        ("federatedidentitycredentials", "failed_lists_are_not_empty"),
    ],
)
def test_lists_are_forbidden(world: World, tell: Tell, what: str, safeguard: str) -> None:
    """While it works, and at its start."""

    def forbid(world: World, without: str) -> int:
        in_place(world, without)
        body = {"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403}
        rule = world.kube.answer("GET", f"/{what}(\\?|$)", 403, body)
        world.kube.cut(lambda call: call.kind == "watch")
        rule.wait_met(8)
        world.controller.kill()
        world.start(without=without)
        rule.wait_met(len(rule.met) + 3)
        world.until(lambda: _met_for(rule, SHORT) or removals(world) > 0, "it was asked for long")
        rule.off()
        world.until_ready()
        world.until_settled(BOTH)
        return removals(world)

    compare(
        world,
        tell,
        forbid,
        safeguard=safeguard,
        wrong=f"lists of {what} forbidden: credentials removed",
    )


def test_watches_break_and_fall_silent(world: World, tell: Tell) -> None:
    """First they are cut; then they hang, as behind a firewall that forgets its connections."""

    def break_them(world: World, without: str) -> int:
        in_place(world, without)
        watches = world.kube.cut(lambda call: call.kind == "watch")
        assert watches == WATCHES
        world.shop.annotate("shop", INVOICES)
        world.until_settled({INVOICES: ["shop"], MAIL: ["post"]})
        world.kube.stall()
        world.shop.annotate("post", PRINT)
        wanted = {INVOICES: ["shop"], PRINT: ["post"]}
        return world.wrong_after(wanted, SHORT if without else 30.0)

    compare(
        world,
        tell,
        break_them,
        safeguard="resync",
        wrong="watches cut, then silent: credentials missing and left",
    )


def test_the_api_server_is_restarted(own_cluster: Cluster, world: World, tell: Tell) -> None:
    """And killed, while things change."""
    in_place(world, "")
    for kill in (False, True):
        world.shop.annotate("shop", INVOICES)
        own_cluster.restart_api_server(kill=kill)
        world.until_settled({INVOICES: ["shop"], MAIL: ["post"]}, 90)
        world.shop.annotate("shop", ORDERS)
        world.until_settled(BOTH, 90)
    play(world, CHANGE)
    tell("API server restarted, and killed: nothing was lost, nothing left")
