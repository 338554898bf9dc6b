"""What is not seen may be there all the same: an error, or a late service, ends nothing."""

import asyncio

from controller.kube import paths
from tests.controller.reconcile.stage import Stage
from tests.fakes.entra_services import refusal

GONE = refusal(404, "Request_ResourceNotFound", "was not found")
DAY = 24 * 3600.0


async def test_an_identity_that_is_not_found_for_a_moment_is_not_forgotten(stage: Stage) -> None:
    """Graph is behind its time now and then, and an application can be restored for 30 days."""
    app = stage.services.application("billing")
    stage.grant(app, "pay")
    stage.write("pay", app)
    async with stage.running(resync=180):
        await asyncio.sleep(5)
        stage.entra.identities.remembered.forget(app.client_id)
        stage.entra.writers.forget(app)
        stage.services.fail("GET .*", GONE, times=10**6)
        stage.delete("pay")
        await asyncio.sleep(300)
        assert stage.body("pay") is None, "a namespace can be deleted all the same"
        assert stage.subjects(app) == ["shop:pay"]
        stage.services.clear_faults()
        await asyncio.sleep(2000)
    assert stage.subjects(app) == []


async def test_nor_after_a_restart_meanwhile(stage: Stage) -> None:
    app = stage.services.application("billing")
    stage.grant(app, "pay")
    stage.write("pay", app)
    async with stage.running():
        await asyncio.sleep(5)
    stage.entra.identities.remembered.forget(app.client_id)
    stage.services.fail("GET .*", GONE, times=10**6)
    stage.cluster.put(paths.fic("shop", "pay"), metadata={"finalizers": []})
    stage.delete("pay")
    stage = await stage.restarted()
    stage.entra.identities.remembered.forget(app.client_id)
    async with stage.running(resync=180):
        await asyncio.sleep(300)
    stage.services.clear_faults()
    stage = await stage.restarted()
    async with stage.running(resync=180):
        await asyncio.sleep(1000)
    assert stage.subjects(app) == []


async def test_an_identity_that_stays_away_for_a_month_is_forgotten(stage: Stage) -> None:
    app = stage.services.application("billing")
    stage.grant(app, "pay")
    stage.write("pay", app)
    async with stage.running():
        await asyncio.sleep(5)
    stage.services.keepers.clear()
    stage.services.principals.clear()
    stage.delete("pay")
    async with stage.running(resync=3600):
        await asyncio.sleep(29 * DAY)
        assert app.client_id in stage.journal.identities
        await asyncio.sleep(3 * DAY)
        assert app.client_id not in stage.journal.identities


async def test_a_list_behind_its_time_at_the_start_leaves_no_orphan(stage: Stage) -> None:
    """Written a moment ago, then killed: the next one's list does not show it yet."""
    app = stage.services.application("billing")
    stage.grant(app, "pay")
    stage.write("pay", app)
    async with stage.running():
        await asyncio.sleep(5)
    stage.delete("pay")
    stage = await stage.restarted()
    stage.services.stale_reads = 1
    async with stage.running(resync=180):
        await asyncio.sleep(5)
        assert stage.services.stale_reads == 0
        await asyncio.sleep(4000)
    assert stage.subjects(app) == []
    assert app.client_id not in stage.journal.identities


async def test_what_is_let_go_while_entra_is_away_stays_retained(stage: Stage) -> None:
    """Retain says that the credential stays; that its object went without Entra changes nothing."""
    app = stage.services.application("billing")
    stage.grant(app, "pay")
    stage.grant(app, "pay", verb="retain")
    stage.write("pay", app, deletionPolicy="Retain")
    async with stage.running(resync=180):
        await asyncio.sleep(5)
        stage.services.fail(".*", refusal(503, "serviceNotAvailable"), times=10**6)
        stage.entra.writers.forget(app)
        stage.delete("pay")
        await asyncio.sleep(1000)
        assert stage.body("pay") is None
        stage.services.clear_faults()
        await asyncio.sleep(4000)
        assert stage.subjects(app) == ["shop:pay"]
        stage.withdraw(app, "pay", verb="retain")
        await asyncio.sleep(600)
    assert stage.subjects(app) == []


async def test_a_withdrawn_right_to_retain_takes_the_credential_within_five_minutes(
    stage: Stage,
) -> None:
    app = stage.services.application("billing")
    stage.grant(app, "pay")
    stage.grant(app, "pay", verb="retain")
    stage.write("pay", app, deletionPolicy="Retain")
    async with stage.running(resync=180):
        await asyncio.sleep(5)
        stage.delete("pay")
        await asyncio.sleep(10)
        assert stage.subjects(app) == ["shop:pay"]
        stage.withdraw(app, "pay")
        await asyncio.sleep(295)
    assert stage.subjects(app) == []
