"""Which identity a client id stands for, found with as few calls as it takes."""

import asyncio
from dataclasses import replace

import httpx
import pytest

from entra.client import Entra, Seams, Settings
from entra.endpoints import Endpoints
from entra.errors import (
    Denied,
    EntraError,
    Invalid,
    Misconfigured,
    NotFound,
    Unavailable,
    Unsupported,
)
from entra.model import Identity, Kind, ResourceId
from entra.remembered import Remembered
from tests.entra.services.bench import Bench
from tests.fakes.entra_services import RESOURCE_MANAGER, SUBSCRIPTION, TENANT, refusal

both = pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.name)
DENIED = refusal(403, "Authorization_RequestDenied")
UNKNOWN = "00000000-0000-0000-0000-000000000001"
LISTS = "/userAssignedIdentities$"


def without_graph(bench: Bench, *subscriptions: str) -> Entra:
    endpoints = Endpoints("https://login.example", RESOURCE_MANAGER, None)
    settings = Settings(TENANT, endpoints, subscriptions)
    return Entra(settings, bench.services, bench.tokens, seams=Seams(bench.pace, bench.clock))


@both
async def test_a_client_id_leads_to_its_identity(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    assert await bench.entra.identities.by_client_id(identity.client_id.upper()) == identity
    assert len(bench.services.requests) == 1


async def test_an_application_is_looked_for_where_its_principal_names_no_tenant() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    bench.services.principals[identity.client_id]["appOwnerOrganizationId"] = None
    assert await bench.entra.identities.by_client_id(identity.client_id) == identity
    assert len(bench.services.requests) == 2


@both
async def test_an_answer_is_remembered(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    await bench.entra.identities.by_client_id(identity.client_id)
    begun = len(bench.services.requests)
    await asyncio.sleep(24 * 3600 - 10)
    assert await bench.entra.identities.by_client_id(identity.client_id) == identity
    assert len(bench.services.requests) == begun
    await asyncio.sleep(10)
    await bench.entra.identities.by_client_id(identity.client_id)
    assert len(bench.services.requests) == 2 * begun


@both
async def test_those_who_ask_at_the_same_time_share_one_look_up(kind: Kind) -> None:
    bench = Bench()
    bench.services.latency = 1.0
    identity = bench.identity(kind)
    ask = bench.entra.identities.by_client_id
    found = await asyncio.gather(*(ask(identity.client_id) for _ in range(50)))
    assert found == [identity] * 50
    assert len(bench.services.requests) <= 2


async def test_a_waiter_that_leaves_does_not_end_the_look_up_of_the_others() -> None:
    bench = Bench()
    bench.services.latency = 1.0
    identity = bench.identity(Kind.APPLICATION)
    ask = bench.entra.identities.by_client_id
    first, second = (asyncio.create_task(ask(identity.client_id)) for _ in range(2))
    await asyncio.sleep(0.5)
    first.cancel()
    assert await second == identity
    third = asyncio.create_task(ask(UNKNOWN))
    await asyncio.sleep(0.5)
    third.cancel()
    await asyncio.wait({third})
    begun = len(bench.services.requests)
    await asyncio.sleep(100.0)
    assert len(bench.services.requests) == begun


@pytest.mark.parametrize("client_id", ["", "billing", UNKNOWN[:-1], UNKNOWN + "'", f"{UNKNOWN}\n"])
async def test_what_is_no_uuid_is_refused_before_any_call(client_id: str) -> None:
    bench = Bench()
    with pytest.raises(Invalid, match="is no UUID"):
        await bench.entra.identities.by_client_id(client_id)
    assert bench.services.requests == []


async def test_what_is_not_found_is_remembered_for_a_minute_only() -> None:
    bench = Bench()
    ask = bench.entra.identities.by_client_id
    with pytest.raises(NotFound):
        await ask(UNKNOWN)
    begun = len(bench.services.requests)
    await asyncio.sleep(50.0)
    with pytest.raises(NotFound, match="looked up just now"):
        await ask(UNKNOWN)
    assert len(bench.services.requests) == begun
    await asyncio.sleep(10.0)
    with pytest.raises(NotFound):
        await ask(UNKNOWN)
    assert len(bench.services.requests) == 2 * begun


async def test_an_identity_made_meanwhile_is_found_after_the_minute() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    principal = bench.services.principals.pop(identity.client_id)
    with pytest.raises(NotFound):
        await bench.entra.identities.by_client_id(identity.client_id)
    bench.services.principals[identity.client_id] = principal
    await asyncio.sleep(60.0)
    assert await bench.entra.identities.by_client_id(identity.client_id) == identity


async def test_where_graph_is_not_allowed_the_subscriptions_are_asked() -> None:
    bench = Bench()
    identity = bench.identity(Kind.MANAGED_IDENTITY)
    bench.services.fail("/servicePrincipals", DENIED)
    assert await bench.entra.identities.by_client_id(identity.client_id) == identity


async def test_where_graph_does_not_know_yet_the_subscriptions_are_asked() -> None:
    bench = Bench()
    identity = bench.identity(Kind.MANAGED_IDENTITY)
    del bench.services.principals[identity.client_id]
    assert await bench.entra.identities.by_client_id(identity.client_id) == identity


@pytest.mark.parametrize("names", [None, [], ["isExplicit=True"], [7]])
async def test_where_graph_does_not_say_the_place_the_subscriptions_are_asked(
    names: object,
) -> None:
    bench = Bench()
    identity = bench.identity(Kind.MANAGED_IDENTITY)
    bench.services.principals[identity.client_id]["alternativeNames"] = names
    assert await bench.entra.identities.by_client_id(identity.client_id) == identity


async def test_where_there_is_no_graph_the_subscriptions_are_asked() -> None:
    bench = Bench()
    identity = bench.identity(Kind.MANAGED_IDENTITY)
    entra = without_graph(bench, SUBSCRIPTION)
    assert await entra.identities.by_client_id(identity.client_id) == identity
    with pytest.raises(NotFound, match=f"in the subscriptions {SUBSCRIPTION}"):
        await entra.identities.by_client_id(UNKNOWN)
    app = bench.identity(Kind.APPLICATION)
    with pytest.raises(Unsupported, match="no service of this cloud"):
        await entra.credentials.list(app)


async def test_with_nowhere_to_look_that_is_said() -> None:
    with pytest.raises(Misconfigured, match="name the subscriptions"):
        await without_graph(Bench()).identities.by_client_id(UNKNOWN)


async def test_what_keeps_us_from_looking_is_no_not_found() -> None:
    bench = Bench()
    bench.services.fail("/servicePrincipals", DENIED, times=100)
    with pytest.raises(Denied):
        await bench.entra.identities.by_client_id(UNKNOWN)
    bench.services.clear_faults()
    bench.services.fail(LISTS, refusal(403, "AuthorizationFailed"), times=100)
    with pytest.raises(Denied):
        await bench.entra.identities.by_client_id(UNKNOWN)
    bench.services.clear_faults()
    with pytest.raises(NotFound):
        await bench.entra.identities.by_client_id(UNKNOWN)


async def test_one_subscription_that_fails_does_not_hide_the_others() -> None:
    bench = Bench()
    other = "11111111-2222-3333-4444-555555555555"
    identity = bench.services.managed_identity("far", other)
    entra = without_graph(bench, SUBSCRIPTION, other)
    bench.services.fail(f"{SUBSCRIPTION}/.*s$", refusal(403, "AuthorizationFailed"), times=2)
    assert await entra.identities.by_client_id(identity.client_id) == identity
    with pytest.raises(Denied):
        await entra.identities.by_client_id(UNKNOWN)


async def test_one_listing_serves_all_who_ask_at_the_same_time() -> None:
    bench = Bench()
    bench.services.latency = 1.0
    bench.services.page_size = 10
    identities = [bench.identity(Kind.MANAGED_IDENTITY, f"app-{n}") for n in range(45)]
    entra = without_graph(bench, SUBSCRIPTION)
    ask = entra.identities.by_client_id
    found = await asyncio.gather(*(ask(one.client_id) for one in identities))
    assert found == identities
    assert len(bench.services.requests) == 5


async def test_a_listing_of_a_moment_ago_is_good_enough_for_what_it_has() -> None:
    bench = Bench()
    first, second = (bench.identity(Kind.MANAGED_IDENTITY, name) for name in ("one", "two"))
    entra = without_graph(bench, SUBSCRIPTION)
    for identity in (first, second):
        assert await entra.identities.by_client_id(identity.client_id) == identity
    assert len(bench.services.requests) == 1
    third = bench.identity(Kind.MANAGED_IDENTITY, "three")
    assert await entra.identities.by_client_id(third.client_id) == third
    assert len(bench.services.requests) == 2


async def test_a_listing_that_began_too_early_is_made_once_more() -> None:
    bench = Bench()
    bench.services.latency = 1.0
    bench.services.page_size = 1
    for name in ("one", "two"):
        identity = bench.identity(Kind.MANAGED_IDENTITY, name)
    ask = without_graph(bench, SUBSCRIPTION).identities.by_client_id
    early = asyncio.create_task(ask(identity.client_id))
    await asyncio.sleep(1.5)
    late = bench.identity(Kind.MANAGED_IDENTITY, "late")
    keepers = bench.services.keepers
    bench.services.keepers = dict(reversed(keepers.items()))  # on the page that was read already
    assert await ask(late.client_id) == late
    assert await early == identity
    assert len(bench.services.requests) == 3 + 3


async def test_the_application_of_another_tenant_is_told_so() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    bench.services.keepers.clear()
    bench.services.principals[identity.client_id]["appOwnerOrganizationId"] = UNKNOWN
    with pytest.raises(NotFound, match="belongs to another tenant"):
        await bench.entra.identities.by_client_id(identity.client_id)


@pytest.mark.parametrize("kind", ["Legacy", "SocialIdp", "ServiceIdentity", "", None])
async def test_principals_of_other_types_have_no_credentials(kind: str | None) -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    bench.services.principals[identity.client_id]["servicePrincipalType"] = kind
    with pytest.raises(Unsupported, match="has no federated credentials; use an application"):
        await bench.entra.identities.by_client_id(identity.client_id)


async def test_a_system_assigned_identity_has_no_credentials() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    machine = "providers/Microsoft.Compute/virtualMachines/v"
    bench.services.principals[identity.client_id] |= {
        "servicePrincipalType": "ManagedIdentity",
        "alternativeNames": [
            "isExplicit=False",
            f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g/{machine}",
        ],
    }
    with pytest.raises(Unsupported, match="system-assigned"):
        await bench.entra.identities.by_client_id(identity.client_id)


async def test_an_application_without_an_object_id_makes_no_sense() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    bench.services.principals[identity.client_id]["id"] = 7
    with pytest.raises(Unavailable, match="no object id"):
        await bench.entra.identities.by_client_id(identity.client_id)


async def test_a_resource_id_leads_to_its_identity() -> None:
    bench = Bench()
    identity = bench.identity(Kind.MANAGED_IDENTITY)
    assert identity.resource
    shouted = replace(identity.resource, name="BILLING")
    assert await bench.entra.identities.by_resource_id(shouted) == identity
    assert await bench.entra.identities.by_client_id(identity.client_id) == identity
    assert len(bench.services.requests) == 1
    with pytest.raises(NotFound):
        await bench.entra.identities.by_resource_id(ResourceId(SUBSCRIPTION, "g", "none"))


async def test_an_identity_made_anew_at_the_same_place_is_another_one() -> None:
    bench = Bench()
    first = bench.identity(Kind.MANAGED_IDENTITY)
    assert first.resource
    await bench.entra.identities.by_resource_id(first.resource)
    second = bench.identity(Kind.MANAGED_IDENTITY)
    assert await bench.entra.identities.by_resource_id(first.resource) == second


@pytest.mark.parametrize("field", ["clientId", "principalId", "tenantId"])
async def test_an_identity_that_makes_no_sense_is_not_passed_by(field: str) -> None:
    bench = Bench()
    identity = bench.identity(Kind.MANAGED_IDENTITY)
    properties = {"clientId": UNKNOWN, "principalId": UNKNOWN, "tenantId": UNKNOWN, field: "x"}
    item = {"id": str(identity.resource), "properties": properties}
    bench.services.fail("GET", lambda: httpx.Response(200, json=item))
    assert identity.resource
    with pytest.raises(Unavailable, match="makes no sense"):
        await bench.entra.identities.by_resource_id(identity.resource)


@pytest.mark.parametrize("subscription", ["", "../..", "x", UNKNOWN + "/x"])
async def test_a_subscription_is_a_uuid(subscription: str) -> None:
    with pytest.raises(Invalid, match="is no UUID"):
        without_graph(Bench(), subscription)


async def test_what_is_remembered_outlives_a_restart() -> None:
    first = Bench()
    identities = [first.identity(kind, kind.name) for kind in Kind]
    for identity in identities:
        await first.entra.identities.by_client_id(identity.client_id)
    kept = first.entra.identities.remembered.export()
    remembered = Remembered()
    assert remembered.load(kept) == 0
    second = Entra(
        Settings(TENANT, Endpoints("https://l.example", RESOURCE_MANAGER, None)),
        first.services,
        first.tokens,
        remembered=remembered,
        seams=Seams(first.pace, first.clock),
    )
    begun = len(first.services.requests)
    for identity in identities:
        assert await second.identities.by_client_id(identity.client_id) == identity
    assert len(first.services.requests) == begun


async def test_a_listing_refused_for_all_names_the_first_refusal() -> None:
    bench = Bench()
    bench.services.fail(LISTS, refusal(403, "AuthorizationFailed", "No."), times=100)
    with pytest.raises(EntraError, match=f"list the identities of subscription {SUBSCRIPTION}: No"):
        await without_graph(bench, SUBSCRIPTION).identities.by_client_id(UNKNOWN)


def test_both_kinds_are_known() -> None:
    """A third kind of identity needs a look at everything in this file."""
    assert {kind.name for kind in Kind} == {"APPLICATION", "MANAGED_IDENTITY"}
    assert Identity(Kind.APPLICATION, "c", "t", "O").key == "application/c"
