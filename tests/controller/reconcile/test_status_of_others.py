"""What is told is for the object that it was decided for: not for its successor of that name."""

import asyncio

import pytest

from controller.kube import paths
from entra.errors import Transient
from tests.controller.reconcile.stage import Stage
from tests.fakes.entra_services import refusal


async def test_a_successor_is_not_told_what_became_of_the_one_before(stage: Stage) -> None:
    app, other = stage.services.application("billing"), stage.services.application("other")
    stage.grant(app, "pay")
    stage.write("pay", app)
    stop = stage.cluster.stop("PATCH .*/pay$")
    work = asyncio.create_task(stage.identities.reconcile(app.client_id))
    await stop.reached.wait()
    stop.go_on.set()
    write = stage.cluster.stop("PATCH .*/pay/status")
    del write
    later = stage.services.latency
    stage.services.latency = 1.0
    await asyncio.sleep(0.5)
    body = stage.body("pay")
    assert body is not None
    # Somebody takes the finalizer off, and writes another one of the name.
    stage.cluster.put(paths.fic("shop", "pay"), metadata={"finalizers": []})
    stage.delete("pay")
    stage.write("pay", other)
    stage.cluster._stops.clear()
    await asyncio.gather(work, return_exceptions=True)
    stage.services.latency = later
    assert (stage.body("pay") or {}).get("status") is None


async def test_a_changed_object_is_not_told_what_it_asked_for_before(stage: Stage) -> None:
    app, other = stage.services.application("billing"), stage.services.application("other")
    stage.grant(app, "pay")
    stage.write("pay", app)
    stage.services.latency = 1.0
    work = asyncio.create_task(stage.identities.reconcile(app.client_id))
    await asyncio.sleep(1.5)
    stage.write("pay", other)
    await asyncio.gather(work, return_exceptions=True)
    assert (stage.body("pay") or {}).get("status") is None


async def test_one_that_goes_without_a_grant_learns_nothing_of_the_identity(stage: Stage) -> None:
    """Errors of Entra name its kind and its display name."""
    app = stage.services.application("secret project")
    stage.grant(app, "pay")
    stage.write("pay", app)
    await stage.identities.reconcile(app.client_id)
    for name in ("pay", "rogue"):
        stage.write(name, app, finalized=True)
        stage.delete(name)
    stage.entra.writers.forget(app)
    stage.services.fail(".*", refusal(503, "serviceNotAvailable"), times=10**6)
    with pytest.raises(Transient):
        await stage.identities.reconcile(app.client_id)
    status = (stage.body("rogue") or {})["status"]
    assert "secret" not in str(status)
    assert "application" not in str(status)
    assert "secret project" in str((stage.body("pay") or {})["status"])
