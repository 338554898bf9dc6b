"""Removals that are held, and let go again; what fails is no removal."""

import asyncio

from controller.kube import Unavailable
from controller.names import GROUP
from tests.controller.reconcile.stage import NAMESPACE, Stage
from tests.fakes.entra_services import refusal

OWN = f"/api/v1/namespaces/{NAMESPACE}/configmaps/azwi-controller"


async def _many(stage: Stage, count: int) -> list[object]:
    """Have so many credentials, on an identity each."""
    apps = [stage.services.application(f"app-{number}") for number in range(count)]
    for number, app in enumerate(apps):
        stage.grant(app, f"pay-{number}")
        stage.write(f"pay-{number}", app)
    return list(apps)


async def test_a_removal_that_fails_and_is_tried_again_counts_once(stage: Stage) -> None:
    await _many(stage, 15)
    async with stage.running(resync=180):
        await asyncio.sleep(5)
        stage.services.fail("DELETE", refusal(503, "serviceNotAvailable"), times=10**6)
        for number in range(15):
            stage.delete(f"pay-{number}")
        await asyncio.sleep(900)
        assert stage.removals.held == 0
        stage.services.clear_faults()
        await asyncio.sleep(600)
    assert all(not keeper.credentials for keeper in stage.services.keepers.values())


async def test_objects_stay_while_their_removal_is_held_and_go_by_an_admins_word(
    stage: Stage,
) -> None:
    await _many(stage, 30)
    async with stage.running(resync=180):
        await asyncio.sleep(5)
        for number in range(30):
            stage.delete(f"pay-{number}")
        await asyncio.sleep(60)
        left = [number for number in range(30) if stage.body(f"pay-{number}")]
        assert len(left) == 10
        assert stage.condition(f"pay-{left[0]}", "Synced") == ("False", "RemovalsHeld")
        await asyncio.sleep(600)
        assert len([number for number in range(30) if stage.body(f"pay-{number}")]) == 10
        stage.cluster.put(OWN, metadata={"annotations": {f"{GROUP}/allow-removals": "10"}})
        await asyncio.sleep(60)
        assert not [number for number in range(30) if stage.body(f"pay-{number}")]
        assert stage.removals.held == 0
    assert all(not keeper.credentials for keeper in stage.services.keepers.values())


async def test_that_it_is_on_is_noted_though_the_first_note_failed(stage: Stage) -> None:
    """Else a restart would release it."""
    await _many(stage, 30)
    async with stage.running(resync=180):
        await asyncio.sleep(5)
        stage.cluster.fail(f"PATCH {OWN}$", Unavailable("status 500"), times=4)
        for number in range(30):
            stage.delete(f"pay-{number}")
        await asyncio.sleep(100)
    stage = await stage.restarted()
    assert stage.journal.brake is not None
    async with stage.running(resync=180):
        await asyncio.sleep(600)
    assert len([number for number in range(30) if stage.body(f"pay-{number}")]) == 10


async def test_an_admins_word_is_looked_for_soon_whatever_else_was_refused(stage: Stage) -> None:
    app = stage.services.application("billing")
    for name in ("a", "b", "c"):
        stage.grant(app, name)
        stage.write(name, app)
    await _many(stage, 21)
    async with stage.running(resync=10**6):
        await asyncio.sleep(5)
        for number in range(21):
            stage.delete(f"pay-{number}")
        await asyncio.sleep(30)
        stage.services.fail(
            "(POST|PATCH|PUT)", refusal(403, "Authorization_RequestDenied"), times=99
        )
        stage.delete("a")
        stage.grant(app, "new")
        stage.write("new", app)
        await asyncio.sleep(30)
        assert stage.removals.held == 2
        stage.cluster.put(OWN, metadata={"annotations": {f"{GROUP}/allow-removals": "2"}})
        await asyncio.sleep(60)
        assert stage.body("a") is None
