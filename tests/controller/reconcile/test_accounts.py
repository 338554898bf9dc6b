"""Objects made for ServiceAccounts: nobody's are touched, and no error is taken for an absence."""

import asyncio

import pytest

from controller.kube import Forbidden, KubeError, Unavailable, Unreachable, paths
from controller.names import API_VERSION, KIND
from identity.credential_names import object_name
from tests.controller.reconcile.stage import Stage

FICS = "/federatedidentitycredentials"


async def test_an_object_written_by_hand_meanwhile_is_not_changed(stage: Stage) -> None:
    """The one of the controller was deleted, which nobody has told it yet."""
    app = stage.services.application("billing")
    name = object_name("pay", app.client_id)
    async with stage.running():
        stage.annotate("pay", client_id=app.client_id)
        await asyncio.sleep(5)
        stage.watching = False
        stage.cluster.put(paths.fic("shop", name), metadata={"finalizers": []})
        stage.delete(name)
        by_hand = stage.cluster.put(
            paths.fic("shop", name),
            apiVersion=API_VERSION,
            kind=KIND,
            spec={"serviceAccountName": "other", "identity": {"clientId": app.client_id}},
        )
        stage.watching = True
        stage.annotate("pay", deletion_policy="Delete")
        await asyncio.sleep(20)
        there = stage.body(name)
    assert there is not None
    assert there["spec"] == by_hand["spec"]


async def test_an_object_that_is_gone_is_made_anew(stage: Stage) -> None:
    app = stage.services.application("billing")
    name = object_name("pay", app.client_id)
    async with stage.running():
        stage.annotate("pay", client_id=app.client_id)
        await asyncio.sleep(5)
        stage.watching = False
        stage.cluster.put(paths.fic("shop", name), metadata={"finalizers": []})
        stage.delete(name)
        stage.watching = True
        stage.annotate("pay", deletion_policy="Delete")
        await asyncio.sleep(20)
        there = stage.body(name)
    assert there is not None
    assert there["spec"]["deletionPolicy"] == "Delete"


async def test_a_name_that_somebody_has_is_not_asked_for_again_and_again(stage: Stage) -> None:
    app = stage.services.application("billing")
    name = object_name("pay", app.client_id)
    stage.write(name, app, account="other")
    async with stage.running():
        stage.annotate("pay", client_id=app.client_id)
        await asyncio.sleep(5)
        calls = stage.cluster.count(f"(POST|GET) .*{FICS}")
        await asyncio.sleep(3600)
        assert stage.cluster.count(f"(POST|GET) .*{FICS}") == calls
        assert stage.cluster.count("POST .*/events") == 2  # of the account, and of the object
        stage.delete(name)
        await asyncio.sleep(60)
        assert (stage.body(name) or {})["spec"]["serviceAccountName"] == "pay"


async def test_one_object_that_is_refused_takes_nothing_from_the_others(stage: Stage) -> None:
    apps = [stage.services.application(f"app-{number}") for number in range(3)]
    for app in apps:
        stage.grant(app, "pay")
    refused = object_name("pay", apps[0].client_id)
    made = stage.cluster.create

    async def create(path: str, body: dict[str, object]) -> dict[str, object]:
        metadata = body.get("metadata", {})
        if isinstance(metadata, dict) and metadata.get("name") == refused:
            raise Forbidden("a policy refuses")
        return await made(path, body)

    stage.cluster.create = create  # type: ignore[method-assign]
    async with stage.running():
        stage.annotate(
            "pay",
            client_id=apps[0].client_id,
            additional_client_ids=";".join(app.client_id for app in apps[1:]),
            misspelt="x",
        )
        await asyncio.sleep(5)
    assert [stage.subjects(app) for app in apps] == [[], ["shop:pay"], ["shop:pay"]]
    assert stage.cluster.count("POST .*/events") >= 1


@pytest.mark.parametrize(
    "error", [Unavailable("status 500"), Forbidden("no"), Unreachable("no answer")]
)
async def test_an_account_that_cannot_be_read_is_not_gone(stage: Stage, error: KubeError) -> None:
    app = stage.services.application("billing")
    stage.grant(app, "pay")
    async with stage.running():
        stage.annotate("pay", client_id=app.client_id)
        await asyncio.sleep(5)
        stage.cluster.fail("GET .*/serviceaccounts/pay", error, times=10**6)
        account = stage.accounts.get(next(iter(stage.accounts)).key)
        assert account is not None
        stage.accounts.drop(account.key, account.uid)
        await asyncio.sleep(1000)
        assert not stage.cluster.count(f"DELETE .*{FICS}")
        assert stage.subjects(app) == ["shop:pay"]


async def test_an_account_made_anew_gets_an_object_of_its_own(stage: Stage) -> None:
    app = stage.services.application("billing")
    stage.grant(app, "pay")
    path = paths.service_account("shop", "pay")
    async with stage.running():
        stage.annotate("pay", client_id=app.client_id)
        await asyncio.sleep(5)
        name = object_name("pay", app.client_id)
        before = (stage.body(name) or {})["metadata"]
        stage.cluster.remove(path)
        stage.annotate("pay", client_id=app.client_id)
        await asyncio.sleep(60)
        after = (stage.body(name) or {})["metadata"]
    assert after["uid"] != before["uid"]
    assert after["ownerReferences"][0]["uid"] == stage.cluster.objects[path]["metadata"]["uid"]
    assert stage.subjects(app) == ["shop:pay"]


async def test_a_tenant_in_capitals_is_written_back_once(stage: Stage) -> None:
    identity = stage.services.managed_identity("billing")
    stage.grant(identity, "pay")
    shown = stage.services._managed

    def in_capitals() -> object:
        for one in shown():
            properties = one["properties"]
            yield {**one, "properties": {**properties, "tenantId": properties["tenantId"].upper()}}

    stage.services._managed = in_capitals  # type: ignore[assignment,method-assign]
    async with stage.running(resync=180):
        stage.annotate("pay", identity_resource_id=str(identity.resource))
        await asyncio.sleep(1000)
        writes = stage.cluster.count("PATCH")
        await asyncio.sleep(1000)
        assert stage.cluster.count("PATCH") == writes
        assert stage.cluster.count("PATCH .*/serviceaccounts/pay") <= 1


async def test_who_may_not_write_back_holds_nobody_up_and_is_told_the_rest(stage: Stage) -> None:
    identity = stage.services.managed_identity("billing")
    stage.grant(identity, "pay")
    stage.grant(identity, "other")
    stage.cluster.fail("PATCH .*/serviceaccounts/", Forbidden("no such right"), times=10**6)
    async with stage.running(resync=180):
        stage.annotate("pay", identity_resource_id=str(identity.resource))
        stage.write("other", identity)
        await asyncio.sleep(5)
        assert stage.subjects(identity) == ["shop:other", "shop:pay"]
        assert stage.condition("other") == ("True", "Ready")
        name = object_name("pay", identity.resource.folded if identity.resource else "")
        assert stage.condition(name) == ("True", "Ready")


async def test_a_client_id_that_people_write_in_the_place_of_a_resource_id_stays(
    stage: Stage,
) -> None:
    """The object of the resource id is still there for a moment."""
    old, app = stage.services.managed_identity("old"), stage.services.application("billing")
    stage.grant(old, "pay")
    async with stage.running():
        stage.annotate("pay", identity_resource_id=str(old.resource))
        await asyncio.sleep(5)
        stage.cluster.fail("(GET|DELETE) .*", Unavailable("status 500"), times=2)
        stage.annotate("pay", identity_resource_id=None, client_id=app.client_id)
        stage.add("identities", old.client_id)
        await asyncio.sleep(0.5)
        assert _written(stage) == app.client_id


async def test_nor_is_one_overwritten_that_is_not_known_yet(stage: Stage) -> None:
    old, app = stage.services.managed_identity("old"), stage.services.application("billing")
    stage.grant(old, "pay")
    async with stage.running():
        stage.cluster.fail("PATCH .*/serviceaccounts/pay", Unavailable("status 500"))
        stage.annotate("pay", identity_resource_id=str(old.resource))
        await asyncio.sleep(0.9)
        stage.watching = False
        stage.annotate("pay", client_id=app.client_id)
        await asyncio.sleep(20)
        assert stage.cluster.count("PATCH .*/serviceaccounts/pay") > 1
        assert _written(stage) == app.client_id


def _written(stage: Stage) -> str:
    account = stage.cluster.objects[paths.service_account("shop", "pay")]
    return str(account["metadata"]["annotations"]["azure.workload.identity/client-id"])
