"""An API server that fails: nothing is lost, nobody waits for another's object, nothing storms."""

import asyncio

import pytest

from controller.kube import Forbidden, Unavailable, Unreachable
from controller.kube.paths import SUBJECT_ACCESS_REVIEWS
from tests.controller.reconcile.stage import Stage

REVIEWS = f"POST {SUBJECT_ACCESS_REVIEWS}"
TOO_LARGE = Unavailable("PATCH: status 500: etcdserver: request is too large")


async def test_an_object_that_cannot_be_told_keeps_nobody_elses_from_going(stage: Stage) -> None:
    """Whoever writes one of 1.5 MiB must not stop what happens to others of the identity."""
    app = stage.services.application("billing")
    for name, namespace in (("pay", "shop"), ("rogue", "evil")):
        stage.grant(app, name, namespace)
    stage.write("rogue", app, "evil")
    stage.write("pay", app)
    async with stage.running():
        await asyncio.sleep(5)
        stage.cluster.fail("PATCH .*/evil/.*/rogue/status", TOO_LARGE, times=1000)
        stage.withdraw(app, "rogue", "evil")
        stage.write("later", app, account="pay2")
        stage.grant(app, "pay2")
        stage.delete("pay")
        await asyncio.sleep(10)
    assert stage.body("pay") is None
    assert stage.condition("later") == ("True", "Ready")


async def test_nor_one_without_any_grant(stage: Stage) -> None:
    """Not even while the identity is nobody's: Entra is not asked then."""
    app = stage.services.application("billing")
    stage.cluster.fail("PATCH .*/evil/.*/rogue/status", TOO_LARGE, times=1000)
    stage.write("rogue", app, "evil")
    stage.write("pay", app, finalized=True)
    stage.write("poor", app)
    stage.delete("pay")
    async with stage.running():
        await asyncio.sleep(5)
    assert stage.body("pay") is None
    assert stage.condition("poor", "Authorized") == ("False", "NotGranted")


async def test_one_that_takes_no_finalizer_gets_nothing_and_holds_nobody_up(stage: Stage) -> None:
    app = stage.services.application("billing")
    for name, namespace in (("pay", "shop"), ("rogue", "evil")):
        stage.grant(app, name, namespace)
    stage.cluster.fail("PATCH .*/evil/.*/rogue$", Forbidden("a policy refuses"), times=1000)
    stage.write("rogue", app, "evil")
    stage.write("pay", app)
    async with stage.running():
        await asyncio.sleep(5)
    assert stage.subjects(app) == ["shop:pay"]
    assert stage.condition("pay") == ("True", "Ready")


async def test_one_whose_finalizer_cannot_be_taken_off_holds_nobody_up(stage: Stage) -> None:
    app = stage.services.application("billing")
    for name, namespace in (("pay", "shop"), ("rogue", "evil")):
        stage.grant(app, name, namespace)
        stage.write(name, app, namespace)
    async with stage.running():
        await asyncio.sleep(5)
        stage.cluster.fail("PATCH .*/evil/.*/rogue$", Forbidden("a policy refuses"), times=10)
        stage.delete("rogue", "evil")
        stage.delete("pay")
        await asyncio.sleep(5)
        assert stage.body("pay") is None
        assert stage.body("rogue", "evil") is not None
        await asyncio.sleep(1000)
        assert stage.body("rogue", "evil") is None


async def test_a_server_that_does_not_answer_is_not_asked_for_each_object(stage: Stage) -> None:
    app = stage.services.application("billing")
    for number in range(20):
        stage.write(f"pay-{number}", app)
    stage.cluster.fail("PATCH", Unreachable("no answer in 10 s"), times=1000)
    async with stage.running():
        await asyncio.sleep(1)
    assert stage.cluster.count("PATCH") < 3


@pytest.mark.parametrize("granted_before", [True, False])
async def test_reviews_that_fail_are_not_asked_in_a_storm(
    stage: Stage, *, granted_before: bool
) -> None:
    """Even with a denial that waits to be confirmed: that was due at once, again and again."""
    app = stage.services.application("billing")
    if granted_before:
        stage.grant(app, "pay")
    stage.write("pay", app)
    async with stage.running():
        await asyncio.sleep(5)
        stage.withdraw(app, "pay")
        stage.all_due()
        await asyncio.sleep(5)
        stage.cluster.fail(REVIEWS, Unavailable("status 500"), times=10**6)
        asked = stage.cluster.count(REVIEWS)
        await asyncio.sleep(600)
    assert stage.cluster.count(REVIEWS) - asked < 60


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
async def test_nor_for_an_object_that_is_to_go(stage: Stage, policy: str) -> None:
    app = stage.services.application("billing")
    stage.grant(app, "pay")
    stage.write("pay", app, deletionPolicy=policy)
    async with stage.running():
        await asyncio.sleep(5)
        stage.cluster.fail(REVIEWS, Unavailable("status 500"), times=10**6)
        await asyncio.sleep(100)
        stage.delete("pay")
        asked = stage.cluster.count(REVIEWS)
        await asyncio.sleep(600)
    assert stage.cluster.count(REVIEWS) - asked < 120


async def test_a_review_that_failed_is_asked_again_soon(stage: Stage) -> None:
    """Not only at the next resync: a new object would wait for three minutes."""
    app = stage.services.application("billing")
    stage.grant(app, "pay")
    stage.cluster.fail(REVIEWS, Unavailable("status 500"))
    stage.write("pay", app)
    async with stage.running():
        await asyncio.sleep(1)
        assert stage.condition("pay") == ("Unknown", "CheckFailed")
        await asyncio.sleep(40)
        assert stage.condition("pay") == ("True", "Ready")


@pytest.mark.parametrize("other", [True, False], ids=["entra asked", "entra not asked"])
async def test_a_review_that_failed_changes_no_word_of_what_was_told(
    stage: Stage, *, other: bool
) -> None:
    app = stage.services.application("billing")
    if other:
        stage.grant(app, "other")
        stage.write("other", app)
    stage.write("pay", app)
    async with stage.running():
        await asyncio.sleep(100)
        before = stage.body("pay")
        assert stage.condition("pay") == ("False", "NotGranted")
        stage.cluster.fail(REVIEWS, Unavailable("status 500"), times=10**6)
        for _ in range(5):
            await asyncio.sleep(61)
            stage.all_due()
        assert stage.body("pay") == before


async def test_reviews_are_asked_a_few_at_a_time(stage: Stage) -> None:
    """Of 10,000 at once most would run into their time limit while they wait for a connection."""
    app = stage.services.application("billing")
    for number in range(200):
        stage.write(f"pay-{number}", app)
    stage.cluster.takes = 0.01
    stage.cluster.most_at_once = 0
    await stage.identities.reconcile(app.client_id)
    assert stage.cluster.most_at_once <= 32


async def test_nor_are_finalizers_taken_off_by_the_thousand(stage: Stage) -> None:
    app = stage.services.application("billing")
    for number in range(200):
        stage.write(f"pay-{number}", app, finalized=True)
        stage.delete(f"pay-{number}")
    stage.cluster.takes = 0.01
    stage.cluster.most_at_once = 0
    await stage.identities.reconcile(app.client_id)
    assert stage.cluster.most_at_once <= 32
    assert stage.body("pay-199") is None


async def test_what_ends_with_an_error_leaves_nothing_running(stage: Stage) -> None:
    app = stage.services.application("billing")
    for number in range(20):
        stage.write(f"pay-{number}", app, finalized=True)
        stage.delete(f"pay-{number}")
    stage.cluster.takes = 1.0
    stage.cluster.fail("PATCH .*/pay-3$", Unreachable("no answer"))
    with pytest.raises(Unreachable):
        await stage.identities.reconcile(app.client_id)
    assert stage.cluster.running == 0
