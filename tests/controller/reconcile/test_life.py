"""What a term is left with after a long life, and a few of its moments."""

import asyncio
import uuid

from controller.lease import NotLeading
from tests.controller.reconcile.stage import Stage

HOUR = 3600.0


async def test_nothing_is_kept_of_what_was_named_once(stage: Stage) -> None:
    """Anybody may name identities, granted or not, there or not, and delete the object again."""
    granted = [stage.services.application(f"app-{number}") for number in range(20)]
    for number, app in enumerate(granted):
        stage.grant(app, f"app-{number}")
    unknown = [str(uuid.uuid4()) for _ in range(20)]
    for number, client_id in enumerate(unknown[:10]):
        stage.grant(client_id, f"no-{number}")
    async with stage.running(resync=180):
        for round_ in range(3):
            for number in range(20):
                stage.write(f"app-{number}", granted[number])
                stage.write(f"no-{number}", unknown[number])
                stage.write(f"poor-{number}", granted[number])
                stage.annotate(f"sa-{round_}-{number}", client_id=unknown[number])
            await asyncio.sleep(200)
            for number in range(20):
                for name in ("app", "no", "poor"):
                    stage.delete(f"{name}-{number}")
                stage.cluster.remove(
                    f"/api/v1/namespaces/shop/serviceaccounts/sa-{round_}-{number}"
                )
                await asyncio.sleep(20)  # so that no brake holds them
            await asyncio.sleep(200)
        await asyncio.sleep(3 * HOUR)
        queues = {name: queue.waiting + queue.delayed for name, queue in stage.queues.items()}
        failures = {name: len(queue._failures) for name, queue in stage.queues.items()}
    assert all(not keeper.credentials for keeper in stage.services.keepers.values())
    assert not [path for path in stage.cluster.objects if "federatedidentity" in path]
    left = {
        "objects": len(stage.objects),
        "accounts": len(stage.accounts),
        "named": len(stage.objects.client_ids()),
        "identities": len(stage.journal.identities),
        "tags": len(stage.parts.tags),
        "bare": len(stage.parts.bare_since),
        "standing": stage.removals.total + len(stage.removals._held),
        "writers": stage.entra.writers.remembered - 1,  # the last one: it is swept by the next
        **{f"failures of {name}": count for name, count in failures.items()},
        **{f"queue of {name}": count for name, count in queues.items()},
    }
    assert not {name: count for name, count in left.items() if count > 0}


async def test_an_application_that_was_made_a_moment_ago_is_ready_soon(stage: Stage) -> None:
    """Graph does not know it everywhere yet."""
    app = stage.services.application("billing")
    principal = stage.services.principals.pop(app.client_id)
    stage.grant(app, "pay")
    async with stage.running(resync=180):
        stage.write("pay", app)
        await asyncio.sleep(5)
        assert stage.condition("pay") == ("False", "IdentityNotFound")
        stage.services.principals[app.client_id] = principal
        await asyncio.sleep(200)
        assert stage.condition("pay") == ("True", "Ready")


async def test_who_may_not_write_for_a_moment_writes_later(stage: Stage) -> None:
    app = stage.services.application("billing")
    stage.grant(app, "pay")
    stage.faulty_writes.extend(NotLeading("the Lease may end") for _ in range(3))
    async with stage.running():
        stage.write("pay", app)
        await asyncio.sleep(1)
        assert stage.subjects(app) == []
        await asyncio.sleep(60)
        assert stage.condition("pay") == ("True", "Ready")
        stage.faulty_writes.extend(NotLeading("the Lease may end") for _ in range(3))
        stage.delete("pay")
        await asyncio.sleep(1)
        assert stage.finalized("pay")
        await asyncio.sleep(60)
    assert stage.subjects(app) == []
    assert stage.body("pay") is None


async def test_a_steady_state_writes_nothing(stage: Stage) -> None:
    identity = stage.services.managed_identity("storage")
    app = stage.services.application("billing")
    stage.grant(identity, "pay")
    stage.grant(app, "other")
    async with stage.running(resync=180):
        stage.annotate("pay", identity_resource_id=str(identity.resource))
        stage.write("other", app)
        stage.write("poor", app)
        await asyncio.sleep(400)
        writes = stage.cluster.count("(PATCH|DELETE|PUT)"), stage.cluster.count("POST .*/shop/")
        entra = stage.services.calls("(POST|PUT|PATCH|DELETE)")
        await asyncio.sleep(5 * HOUR)
        assert entra == stage.services.calls("(POST|PUT|PATCH|DELETE)")
        assert writes == (
            stage.cluster.count("(PATCH|DELETE|PUT)"),
            stage.cluster.count("POST .*/shop/"),
        )
