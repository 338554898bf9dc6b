"""Credentials are written the same way to applications and to managed identities."""

import json
from dataclasses import replace

import httpx
import pytest

from entra.credentials import ByKind
from entra.errors import (
    Invalid,
    NameTaken,
    NotFound,
    PairTaken,
    Unavailable,
    Unreachable,
    Unsupported,
)
from entra.model import FederatedCredential, Identity, Kind
from tests.entra.services.bench import AUDIENCE, ISSUER, Bench, credential, numbered, without_id
from tests.fakes.entra_services import TENANT, answer, breaks, refusal

both = pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.name)
LOST = breaks(httpx.ReadTimeout("late"))
WRITES = "^(POST|PUT) "


@both
async def test_a_credential_comes_and_goes(kind: Kind) -> None:
    bench = Bench()
    identity, credentials = bench.identity(kind), bench.entra.credentials
    assert await credentials.list(identity) == ()
    created = await credentials.create(identity, credential())
    assert without_id(created) == credential()
    assert created.id
    assert await credentials.list(identity) == (created,)
    assert await credentials.get(identity, "aks-app") == created
    changed = replace(credential(), subject="system:serviceaccount:team:other")
    assert without_id(await credentials.update(identity, changed)) == changed
    assert [without_id(found) for found in await credentials.list(identity)] == [changed]
    assert await credentials.delete(identity, "aks-app") is True
    assert await credentials.delete(identity, "aks-app") is False
    assert await credentials.get(identity, "aks-app") is None


@both
async def test_pages_are_hidden(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    bench.services.page_size = 3
    for number in range(20):
        bench.services.put(identity, f"aks-{number}", ISSUER, f"subject-{number}")
    found = await bench.entra.credentials.list(identity)
    assert [one.name for one in found] == [f"aks-{number}" for number in range(20)]
    assert len(bench.services.requests) == 7


async def test_the_calls_are_those_that_the_services_document() -> None:
    bench = Bench()
    app, managed = bench.identity(Kind.APPLICATION), bench.identity(Kind.MANAGED_IDENTITY)
    described = replace(credential(), description="of the team")
    for identity in (app, managed):
        await bench.entra.credentials.create(identity, described)
        await bench.entra.credentials.update(identity, credential())
        await bench.entra.credentials.delete(identity, "aks-app")
    told = [
        (
            request.method,
            str(request.url),
            json.loads(request.content) if request.content else None,
        )
        for request in bench.services.requests
    ]
    graph = f"https://graph.example/v1.0/applications(appId='{app.client_id}')/federatedIdentityCredentials"
    arm = f"https://arm.example{managed.resource}/federatedIdentityCredentials/aks-app?api-version=2023-01-31"
    written = {"issuer": ISSUER, "subject": credential().subject, "audiences": [AUDIENCE]}
    assert told == [
        ("POST", graph, {"name": "aks-app", **written, "description": "of the team"}),
        ("PATCH", f"{graph}/aks-app", {**written, "description": None}),
        ("DELETE", f"{graph}/aks-app", None),
        ("PUT", arm, {"properties": written}),
        ("PUT", arm, {"properties": written}),
        ("DELETE", arm, None),
    ]


@both
async def test_an_identity_that_is_not_there_has_no_credentials_to_list(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    bench.services.keepers.clear()
    with pytest.raises(NotFound, match=identity.client_id):
        await bench.entra.credentials.list(identity)
    assert await bench.entra.credentials.get(identity, "aks-app") is None
    if kind is Kind.APPLICATION:
        assert await bench.entra.credentials.delete(identity, "aks-app") is False


@both
@pytest.mark.parametrize("lost", [LOST, refusal(503), answer(500)])
async def test_a_lost_answer_is_no_second_credential(kind: Kind, lost: object) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    bench.services.fail(WRITES, lost, after_doing=True)  # type: ignore[arg-type]
    created = await bench.entra.credentials.create(identity, credential())
    assert without_id(created) == credential()
    assert set(bench.services.there(identity)) == {"aks-app"}


@both
async def test_a_lost_answer_to_a_removal_is_no_error(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    await bench.entra.credentials.create(identity, credential())
    bench.services.fail("^DELETE", LOST, after_doing=True)
    assert await bench.entra.credentials.delete(identity, "aks-app") is False
    assert bench.services.there(identity) == {}


async def test_graph_never_writes_over_somebodys_credential() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    bench.services.put(identity, "aks-app", ISSUER, "somebody")
    before = dict(bench.services.there(identity))
    with pytest.raises(NameTaken) as caught:
        await bench.entra.credentials.create(identity, credential())
    assert caught.value.holder is not None
    assert caught.value.holder.subject == "somebody"
    assert 'held by the credential "aks-app"' in str(caught.value)
    assert bench.services.there(identity) == before


@both
async def test_who_holds_the_pair_is_told(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    bench.services.put(identity, "by-hand", ISSUER, credential().subject)
    bench.services.put(identity, "another", ISSUER, "another")
    with pytest.raises(PairTaken) as caught:
        await bench.entra.credentials.create(identity, credential())
    assert caught.value.holder is not None
    assert caught.value.holder.name == "by-hand"
    assert 'held by the credential "by-hand"' in str(caught.value)
    with pytest.raises(PairTaken) as caught:
        await bench.entra.credentials.update(identity, credential("another"))
    assert caught.value.holder is not None
    assert caught.value.holder.name == "by-hand"


@both
async def test_a_holder_that_no_read_shows_is_none(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    await bench.entra.credentials.create(identity, credential("by-hand"))
    bench.services.stale_reads = 1
    with pytest.raises(PairTaken) as caught:
        await bench.entra.credentials.create(identity, credential())
    assert caught.value.holder is None


async def test_of_a_name_and_a_pair_that_are_taken_the_one_that_was_refused_is_told() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    bench.services.put(identity, "by-hand", ISSUER, credential().subject)
    bench.services.put(identity, "aks-app", ISSUER, "somebody")
    with pytest.raises(NameTaken) as caught:
        await bench.entra.credentials.create(identity, credential())
    assert caught.value.holder is not None
    assert caught.value.holder.subject == "somebody"


@both
@pytest.mark.parametrize("name", ["", "ab", "-abc", "a/../b", "a b c", "abc?x=y", "a" * 121, "äbc"])
async def test_what_can_be_no_name_is_not_sent(kind: Kind, name: str) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    if name:
        with pytest.raises(Invalid, match="is no name of a credential"):
            await bench.entra.credentials.delete(identity, name)
        with pytest.raises(Invalid, match="is no name of a credential"):
            await bench.entra.credentials.create(identity, credential(name))
        assert bench.services.requests == []


@pytest.mark.parametrize("part", ["..", "."])
async def test_a_resource_id_leads_nowhere_else(part: str) -> None:
    bench = Bench()
    identity = bench.identity(Kind.MANAGED_IDENTITY)
    assert identity.resource
    astray = replace(identity, resource=replace(identity.resource, group=part))
    with pytest.raises(Invalid, match="is no resource id"):
        await bench.entra.credentials.list(astray)


async def test_a_managed_identity_without_a_place_is_refused() -> None:
    identity = Identity(Kind.MANAGED_IDENTITY, "c", TENANT, "o")
    with pytest.raises(Invalid, match="has no resource id"):
        await Bench().entra.credentials.list(identity)


async def test_a_flexible_credential_takes_a_slot() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    bench.services.there(identity)["by-hand"] = {
        "issuer": ISSUER,
        "subject": None,
        "audiences": [AUDIENCE],
        "claimsMatchingExpression": {"value": "claims['sub'] matches 'x*'", "languageVersion": 1},
    }
    found = await bench.entra.credentials.list(identity)
    assert found == (FederatedCredential("by-hand", ISSUER, "", AUDIENCE, "", "id-of-by-hand"),)


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"name": "x", "issuer": 7},
        {"name": "x", "issuer": "i", "subject": 7},
        {"name": "x", "issuer": "i", "audiences": "one"},
        {"name": "x", "issuer": "i", "audiences": [7]},
        {"issuer": "i"},
    ],
)
@both
async def test_a_credential_that_makes_no_sense_is_not_passed_by(kind: Kind, item: object) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    items = [item, {"properties": item}]
    bench.services.fail("GET", lambda: httpx.Response(200, json={"value": items}))
    with pytest.raises(Unavailable, match="makes no sense"):
        await bench.entra.credentials.list(identity)


async def test_where_no_service_keeps_a_kind_nothing_is_asked() -> None:
    bench = Bench()
    identity = bench.identity(Kind.APPLICATION)
    credentials = ByKind({})
    for work in (
        credentials.list(identity),
        credentials.get(identity, "aks-app"),
        credentials.create(identity, credential()),
        credentials.update(identity, credential()),
        credentials.delete(identity, "aks-app"),
    ):
        with pytest.raises(Unsupported, match="no service of this cloud"):
            await work


@both
async def test_patience_ends(kind: Kind) -> None:
    bench = Bench()
    identity = bench.identity(kind)
    bench.services.fail(WRITES, LOST, times=10_000)
    with pytest.raises(Unreachable):
        await bench.entra.credentials.create(identity, numbered(1))
    assert len(bench.services.calls(WRITES)) <= 10
