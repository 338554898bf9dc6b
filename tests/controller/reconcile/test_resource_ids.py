"""Identities named by resource id: an error is no absence, and nothing is kept of what is gone."""

import asyncio

import pytest

from tests.controller.reconcile.stage import Stage
from tests.fakes.entra_services import refusal

READ = "GET .*/userAssignedIdentities/[^/]+$"


@pytest.mark.parametrize(
    "error",
    [
        refusal(403, "AuthorizationFailed"),
        refusal(401, "InvalidAuthenticationToken"),
        refusal(400, "BadRequest"),
    ],
    ids=["denied", "not signed in", "invalid"],
)
async def test_what_may_not_be_looked_at_any_more_stays_as_it_is(
    stage: Stage, error: object
) -> None:
    identity = stage.services.managed_identity("billing")
    stage.grant(identity, "pay")
    stage.write("pay", str(identity.resource))
    async with stage.running(resync=180):
        await asyncio.sleep(5)
        assert stage.condition("pay") == ("True", "Ready")
        before = stage.body("pay")
        stage.services.fail(READ, error, times=10**6)  # type: ignore[arg-type]
        await asyncio.sleep(1000)
        assert stage.subjects(identity) == ["shop:pay"]
        assert not stage.services.calls("DELETE")
        assert stage.body("pay") == before


async def test_nor_after_a_restart(stage: Stage) -> None:
    identity = stage.services.managed_identity("billing")
    stage.grant(identity, "pay")
    stage.write("pay", str(identity.resource))
    async with stage.running():
        await asyncio.sleep(5)
    stage.services.fail(READ, refusal(403, "AuthorizationFailed"), times=10**6)
    stage = await stage.restarted()
    async with stage.running(resync=180):
        await asyncio.sleep(1000)
    assert not stage.services.calls("DELETE")
    assert stage.condition("pay") == ("True", "Ready")


async def test_a_withdrawn_grant_is_heeded_while_it_may_not_be_looked_at(stage: Stage) -> None:
    identity = stage.services.managed_identity("billing")
    stage.grant(identity, "pay")
    stage.write("pay", str(identity.resource))
    async with stage.running(resync=180):
        await asyncio.sleep(5)
        stage.services.fail(READ, refusal(403, "AuthorizationFailed"), times=10**6)
        await asyncio.sleep(200)
        stage.withdraw(identity, "pay")
        await asyncio.sleep(300)
    assert stage.subjects(identity) == []


async def test_an_identity_made_anew_gets_the_credential_and_the_old_one_is_let_go(
    stage: Stage,
) -> None:
    old = stage.services.managed_identity("billing")
    stage.grant(old, "pay")
    stage.write("pay", str(old.resource))
    async with stage.running(resync=180):
        await asyncio.sleep(5)
        stage.services.keepers.clear()
        stage.services.principals.clear()
        await asyncio.sleep(300)
        assert stage.condition("pay", "Authorized") == ("False", "NotGranted")
        new = stage.services.managed_identity("billing")
        assert new.client_id != old.client_id
        await asyncio.sleep(200)
        assert stage.subjects(new) == []
        stage.grant(new, "pay")
        await asyncio.sleep(200)
        assert stage.subjects(new) == ["shop:pay"]
        assert stage.condition("pay") == ("True", "Ready")


async def test_nothing_is_kept_of_resource_ids_that_nobody_names(stage: Stage) -> None:
    async with stage.running():
        for number in range(50):
            name = f"pay-{number}"
            stage.write(name, str(stage.services.managed_identity(name).resource))
            missing = str(stage.services.managed_identity(f"x-{number}").resource) + "-not"
            stage.write(f"not-{number}", missing)
        await asyncio.sleep(5)
        for number in range(50):
            stage.delete(f"pay-{number}")
            stage.delete(f"not-{number}")
        await asyncio.sleep(5)
    assert not stage.resources.client_ids
    assert not stage.resources.absent
    assert not stage.resources.once_found


@pytest.mark.parametrize("how", ["not there", "not to be looked at"])
async def test_what_never_was_there_is_looked_for_no_more_often_than_identities_are(
    stage: Stage, how: str
) -> None:
    """Anybody may name it, so that a call at each resync would be the cluster's to pay."""
    missing = str(stage.services.managed_identity("billing").resource) + "-not"
    if how == "not to be looked at":
        stage.services.fail(READ, refusal(403, "AuthorizationFailed"), times=10**6)
    stage.write("pay", missing)
    async with stage.running(resync=180):
        await asyncio.sleep(1700)
        assert len(stage.services.calls(READ)) == 1
        stage.write("another", missing)
        stage.write("going", missing, finalized=True)
        stage.delete("going")
        await asyncio.sleep(5)
        assert stage.condition("another", "Authorized") == ("False", "NotGranted")
        assert stage.body("going") is None
        assert len(stage.services.calls(READ)) == 1
        await asyncio.sleep(300)
        assert len(stage.services.calls(READ)) == 2


async def test_one_that_is_made_after_it_was_named_is_found(stage: Stage) -> None:
    identity = stage.services.managed_identity("billing")
    stage.services.fail(READ, refusal(404, "ResourceNotFound"), times=10**6)
    stage.grant(identity, "pay")
    stage.write("pay", str(identity.resource))
    async with stage.running(resync=180):
        await asyncio.sleep(5)
        assert stage.condition("pay", "Authorized") == ("False", "NotGranted")
        stage.services.clear_faults()
        await asyncio.sleep(2000)
        assert stage.condition("pay") == ("True", "Ready")


async def test_two_that_mean_the_same_identity_are_one_credential(stage: Stage) -> None:
    identity = stage.services.managed_identity("billing")
    stage.grant(identity, "pay")
    stage.write("first", identity, account="pay")
    stage.write(
        "second",
        str(identity.resource).upper().replace("/SUBSCRIPTIONS", "/subscriptions"),
        account="pay",
    )
    async with stage.running(resync=180):
        await asyncio.sleep(5)
        assert stage.subjects(identity) == ["shop:pay"]
        assert stage.condition("second") == ("False", "HeldBy")
        stage.delete("first")
        await asyncio.sleep(5)
        assert stage.condition("second") == ("True", "Ready")
        assert stage.subjects(identity) == ["shop:pay"]


async def test_an_object_goes_though_its_resource_id_was_never_found_out(stage: Stage) -> None:
    identity = stage.services.managed_identity("billing")
    stage.services.fail(READ, refusal(503, "serviceNotAvailable"), times=10**6)
    stage.write("pay", str(identity.resource), finalized=True)
    async with stage.running():
        await asyncio.sleep(5)
        stage.delete("pay")
        await asyncio.sleep(600)
    assert stage.body("pay") is None
