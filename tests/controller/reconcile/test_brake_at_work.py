"""Removals that are held, and let go again; what fails is no removal."""

import asyncio

from controller.kube import Unavailable
from controller.kube.paths import fic
from controller.names import GROUP
from tests.controller.reconcile.stage import NAMESPACE, Stage
from tests.fakes.entra_services import refusal

OWN = f"/api/v1/namespaces/{NAMESPACE}/configmaps/azwi-controller"


LONGER = 200.0
"""Seconds, than the interval: what was written by then is on somebody's count."""


async def _many(
    stage: Stage, count: int, apart: int = 5, prefix: str = "shop"
) -> list[tuple[str, str]]:
    """Have so many credentials, on an identity each, some in each namespace; return the objects."""
    objects = [(f"pay-{number}", f"{prefix}-{number // apart}") for number in range(count)]
    for name, namespace in objects:
        app = stage.services.application(f"{namespace}-{name}")
        stage.grant(app, name, namespace)
        stage.write(name, app, namespace)
    return objects


def _withdraw(stage: Stage, objects: list[tuple[str, str]]) -> None:
    for name, namespace in objects:
        body = stage.body(name, namespace)
        assert body is not None
        stage.withdraw(body["spec"]["identity"]["clientId"], name, namespace)
        stage.all_due()


def _delete(stage: Stage, objects: list[tuple[str, str]]) -> None:
    for name, namespace in objects:
        stage.delete(name, namespace)


def _left(stage: Stage, objects: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [one for one in objects if stage.body(*one)]


def _standing(stage: Stage) -> int:
    return sum(len(keeper.credentials) for keeper in stage.services.keepers.values())


async def test_a_removal_that_fails_and_is_tried_again_counts_once(stage: Stage) -> None:
    objects = await _many(stage, 15)
    async with stage.running(resync=180):
        await asyncio.sleep(LONGER)
        stage.services.fail("DELETE", refusal(503, "serviceNotAvailable"), times=10**6)
        _delete(stage, objects)
        await asyncio.sleep(900)
        assert stage.removals.held == 0
        stage.services.clear_faults()
        await asyncio.sleep(600)
    assert _standing(stage) == 0


async def test_objects_stay_while_their_removal_is_held_and_go_by_an_admins_word(
    stage: Stage,
) -> None:
    objects = await _many(stage, 30)
    async with stage.running(resync=180):
        await asyncio.sleep(LONGER)
        _delete(stage, objects)
        await asyncio.sleep(60)
        left = _left(stage, objects)
        assert len(left) == 15
        assert stage.condition(left[0][0], "Synced", left[0][1]) == ("False", "RemovalsHeld")
        await asyncio.sleep(600)
        assert _left(stage, objects) == left
        _say(stage, "15")
        await asyncio.sleep(60)
        assert not _left(stage, objects)
        assert stage.removals.held == 0
    assert _standing(stage) == 0


async def test_that_it_is_on_is_noted_though_the_first_note_failed(stage: Stage) -> None:
    """Else a restart would release it."""
    objects = await _many(stage, 30)
    async with stage.running(resync=180):
        await asyncio.sleep(LONGER)
        stage.cluster.fail(f"PATCH {OWN}$", Unavailable("status 500"), times=4)
        _delete(stage, objects)
        await asyncio.sleep(100)
    stage = await stage.restarted()
    assert stage.journal.brakes
    async with stage.running(resync=180):
        await asyncio.sleep(600)
    assert len(_left(stage, objects)) == 15


async def test_an_admins_word_is_looked_for_soon_whatever_else_was_refused(stage: Stage) -> None:
    app = stage.services.application("billing")
    for name in ("a", "b", "c"):
        stage.grant(app, name)
        stage.write(name, app)
    objects = await _many(stage, 16)
    async with stage.running(resync=10**6):
        await asyncio.sleep(LONGER)
        _delete(stage, objects)
        await asyncio.sleep(30)
        stage.services.fail(
            "(POST|PATCH|PUT)", refusal(403, "Authorization_RequestDenied"), times=99
        )
        stage.delete("a")
        stage.grant(app, "new")
        stage.write("new", app)
        await asyncio.sleep(30)
        assert stage.removals.held == 2
        _say(stage, "2")
        await asyncio.sleep(60)
        assert stage.body("a") is None


async def test_a_namespace_that_deletes_much_holds_up_nobody_else(stage: Stage) -> None:
    rogue = await _many(stage, 30, 30, "rogue")
    others = await _many(stage, 5)
    async with stage.running(resync=180):
        await asyncio.sleep(LONGER)
        _delete(stage, rogue)
        await asyncio.sleep(30)
        left = _left(stage, rogue)
        assert len(left) == 20
        assert stage.removals.held_in == {"rogue-0": 20}
        assert stage.condition(left[0][0], "Synced", "rogue-0") == (
            "False",
            "NamespaceRemovalsHeld",
        )
        _delete(stage, others[:2])
        _withdraw(stage, others[2:])
        await asyncio.sleep(150)
        assert not _left(stage, others[:2])
        assert _standing(stage) == 20
        assert stage.removals.held == 0
    stage = await stage.restarted()
    async with stage.running(resync=180):
        await asyncio.sleep(1000)
        assert _left(stage, rogue) == left, "a restart does not release it"
        _say(stage, "rogue-0=20")
        await asyncio.sleep(60)
        assert _standing(stage) == 0
        assert stage.journal.brakes == {}


async def test_what_many_namespaces_delete_holds_up_no_withdrawal(stage: Stage) -> None:
    rogues = await _many(stage, 60, 10, "rogue")
    others = await _many(stage, 5)
    async with stage.running(resync=180):
        await asyncio.sleep(LONGER)
        _delete(stage, rogues)
        _withdraw(stage, others)
        await asyncio.sleep(150)
        assert len(_left(stage, rogues)) == 45
        assert _standing(stage) == 45


async def test_a_withdrawal_is_not_held_by_the_brake_of_its_namespace(stage: Stage) -> None:
    """Deleted, and held; then the grants go, which an object that goes would not show."""
    rogue = await _many(stage, 15, 15, "rogue")
    async with stage.running(resync=180):
        await asyncio.sleep(LONGER)
        _delete(stage, rogue)
        await asyncio.sleep(30)
        held = _left(stage, rogue)
        assert len(held) == 5
        _withdraw(stage, held)
        await asyncio.sleep(150)
        assert _standing(stage) == 0
        assert not _left(stage, rogue)


async def test_nor_where_the_objects_are_gone_with_their_finalizers(stage: Stage) -> None:
    rogue = await _many(stage, 15, 15, "rogue")
    async with stage.running(resync=180):
        await asyncio.sleep(LONGER)
        _delete(stage, rogue)
        await asyncio.sleep(30)
        held = _left(stage, rogue)
        _withdraw(stage, held)
        for name, namespace in held:
            await stage.cluster.merge(fic(namespace, name), {"metadata": {"finalizers": []}})
        assert not _left(stage, rogue)
        await asyncio.sleep(400)
        assert _standing(stage) == 0


async def test_jobs_that_come_and_go_within_an_interval_are_on_no_count(stage: Stage) -> None:
    app = stage.services.application("builds")
    stage.grant(app, "", namespace="builds", verb="federate-external")
    other = await _many(stage, 10, 10, "builds")
    async with stage.running(resync=180):
        await asyncio.sleep(LONGER)
        for number in range(60):
            stage.write(
                f"job-{number}",
                app,
                "builds",
                issuer="https://builds.example/",
                subject=f"job:{number}",
            )
            await asyncio.sleep(2)
            stage.delete(f"job-{number}", "builds")
            await asyncio.sleep(1)
        assert stage.services.there(app) == {}
        _delete(stage, other)
        await asyncio.sleep(30)
        assert _standing(stage) == 0
        assert stage.journal.brakes == {}


async def test_a_withdrawal_counts_however_young_the_credential_is(stage: Stage) -> None:
    objects = await _many(stage, 30)
    async with stage.running(resync=180):
        await asyncio.sleep(5)
        _withdraw(stage, objects)
        await asyncio.sleep(150)
        assert _standing(stage) == 10


async def test_what_is_held_takes_its_namespaces_share_of_the_slots(stage: Stage) -> None:
    """Else a namespace has ten held, writes ten more, and all slots are its own."""
    app = stage.services.application("shared")
    async with stage.running(resync=180):
        for number in range(20):
            stage.grant(app, f"web-{number}", "rogue-0")
        for number in range(10):
            stage.write(f"web-{number}", app, "rogue-0")
        trip = await _many(stage, 11, 11, "rogue")
        await asyncio.sleep(LONGER)
        _delete(stage, trip)
        await asyncio.sleep(30)
        for number in range(10):
            stage.delete(f"web-{number}", "rogue-0")
        for number in range(10, 20):
            stage.write(f"web-{number}", app, "rogue-0")
        await asyncio.sleep(60)
        stage.grant(app, "web")
        stage.write("web", app)
        await asyncio.sleep(60)
        assert stage.condition("web") == ("True", "Ready")
        assert stage.condition("web-10", namespace="rogue-0") == (
            "False",
            "NamespaceRemovalsHeld",
        )
        _say(stage, "rogue-0=99")
        await asyncio.sleep(60)
        assert stage.condition("web-10", namespace="rogue-0") == ("True", "Ready")


async def test_a_namespaces_own_brake_keeps_no_slots_from_older_objects(stage: Stage) -> None:
    app = stage.services.application("shared")
    stage.write("old", app)
    await asyncio.sleep(1)
    for namespace in ("rogue-0", "rogue-1"):
        for number in range(10):
            stage.grant(app, f"web-{number}", namespace)
            stage.write(f"web-{number}", app, namespace)
    trip = await _many(stage, 22, 11, "rogue")
    async with stage.running(resync=180):
        await asyncio.sleep(LONGER)
        _delete(stage, trip[:11])
        await asyncio.sleep(200)
        _delete(stage, trip[11:])
        await asyncio.sleep(200)
        assert stage.removals.held_in == {"rogue-0": 1, "rogue-1": 1}
        stage.grant(app, "old")
        stage.grants.forget()
        stage.all_due()
        await asyncio.sleep(60)
        assert stage.condition("old") == ("True", "Ready")


async def test_while_removals_are_held_the_issuer_may_change_all_the_same(stage: Stage) -> None:
    """Credentials of both issuers stand for a day, and only one of the two has its share."""
    app = stage.services.application("shared")
    for number in range(10):
        stage.grant(app, f"web-{number}", "rogue-0")
        stage.write(f"web-{number}", app, "rogue-0")
    trip = await _many(stage, 11, 11, "rogue")
    async with stage.running(resync=180):
        await asyncio.sleep(LONGER)
        _delete(stage, trip)
        await asyncio.sleep(30)
    stage = await stage.restarted(issuer="https://issuer.example/after")
    async with stage.running(resync=180):
        await asyncio.sleep(60)
        assert stage.journal.brakes
        assert len(stage.services.there(app)) == 20


async def test_an_object_that_was_made_wrong_does_not_count_as_withdrawn(stage: Stage) -> None:
    """Only administrators use up what withdrawals may."""
    rogue = await _many(stage, 30, 30, "rogue")
    async with stage.running(resync=180):
        await asyncio.sleep(LONGER)
        for name, namespace in rogue:
            stage.cluster.put(fic(namespace, name), spec={"audiences": []})
        await asyncio.sleep(60)
        assert _standing(stage) == 20
        assert stage.removals.held == 0


def _say(stage: Stage, word: str) -> None:
    stage.cluster.put(OWN, metadata={"annotations": {f"{GROUP}/allow-removals": word}})
