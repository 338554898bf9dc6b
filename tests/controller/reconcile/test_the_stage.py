"""The stage itself: what everything else here stands on works from end to end."""

import asyncio

from tests.controller.reconcile.stage import Stage


async def test_an_object_becomes_a_credential_and_goes_with_it(stage: Stage) -> None:
    app = stage.services.application("billing")
    stage.grant(app, "pay")
    async with stage.running():
        stage.write("pay", app)
        await asyncio.sleep(5)
        assert stage.subjects(app) == ["shop:pay"]
        assert stage.condition("pay") == ("True", "Ready")
        assert stage.finalized("pay")
        stage.delete("pay")
        await asyncio.sleep(5)
    assert stage.subjects(app) == []
    assert stage.body("pay") is None


async def test_an_annotated_account_leads_to_an_object_and_a_credential(stage: Stage) -> None:
    app = stage.services.application("billing")
    stage.grant(app, "pay")
    async with stage.running():
        stage.annotate("pay", client_id=app.client_id)
        await asyncio.sleep(5)
        assert stage.subjects(app) == ["shop:pay"]
        stage.annotate("pay", client_id=None)
        await asyncio.sleep(5)
    assert stage.subjects(app) == []


async def test_an_identity_by_resource_id_is_found_and_written_back(stage: Stage) -> None:
    identity = stage.services.managed_identity("billing")
    stage.grant(identity, "pay")
    async with stage.running():
        stage.annotate("pay", identity_resource_id=str(identity.resource))
        await asyncio.sleep(5)
        assert stage.subjects(identity) == ["shop:pay"]
    account = stage.cluster.objects["/api/v1/namespaces/shop/serviceaccounts/pay"]
    assert (
        account["metadata"]["annotations"]["azure.workload.identity/client-id"]
        == identity.client_id
    )


async def test_a_withdrawn_grant_takes_the_credential(stage: Stage) -> None:
    app = stage.services.application("billing")
    stage.grant(app, "pay")
    stage.write("pay", app)
    async with stage.running(resync=180):
        await asyncio.sleep(5)
        assert stage.subjects(app) == ["shop:pay"]
        stage.withdraw(app, "pay")
        await asyncio.sleep(300)
    assert stage.subjects(app) == []
    assert stage.condition("pay", "Authorized") == ("False", "NotGranted")
