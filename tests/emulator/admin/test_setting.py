"""State, more of a seed, issuers, and the beginning again."""

from typing import Any

import pytest
import trustme

from emulator.calls.faults import Settings
from emulator.overview import Known
from emulator.tokens.issuers import Reach
from tests.emulator.admin.stage import Stage
from tests.emulator.seed.samples import (
    APP,
    ISSUER,
    MANAGED,
    RESOURCE,
    SUBSCRIPTION,
    TENANT,
    application,
    credential,
    identity,
)

CREDENTIALS = f"/applications(appId='{APP}')/federatedIdentityCredentials"
NEW = "a2b1c0d9-0000-4111-8222-333344445555"


async def test_the_state_is_told_without_secrets(stage: Stage) -> None:
    state = await stage.done("GET", "/state")
    assert [*state] == [
        "tenants",
        "subscriptions",
        "applications",
        "managedIdentities",
        "servicePrincipals",
        "roleAssignments",
        "issuers",
    ]
    (app,), (managed,) = state["applications"], state["managedIdentities"]
    (held,) = app.pop("federatedIdentityCredentials")
    assert held.pop("id")
    assert held == {
        "name": "cluster",
        "issuer": ISSUER,
        "subject": "system:serviceaccount:team:app",
        "audiences": ["api://AzureADTokenExchange"],
        "description": None,
        "known": "known",
        "since": None,
        "settlesInSeconds": 0.0,
    }
    (secret,) = app.pop("secrets")
    assert sorted(secret) == ["displayName", "ends", "keyId"]
    assert app.pop("objectId")
    assert app == {
        "appId": APP,
        "tenant": TENANT,
        "displayName": "payments",
        "owners": [],
        "permissions": ["Application.ReadWrite.OwnedBy", "Application.Read.All"],
        "identifierUris": [],
        "requestedAccessTokenVersion": 1,
        "certificates": 0,
        "slots": 20,
        "slotsUsed": 1,
    }
    assert (managed["clientId"], managed["slotsUsed"]) == (MANAGED, 1)
    assert managed["resourceId"].lower() == RESOURCE.lower()
    assert [one["role"] for one in state["roleAssignments"]] == ["Contributor"]
    assert state["tenants"] == [{"id": TENANT, "displayName": "Contoso"}]
    assert [one["id"] for one in state["subscriptions"]] == [SUBSCRIPTION]
    assert {one["type"] for one in state["servicePrincipals"]} == {"Application", "ManagedIdentity"}


async def test_the_state_tells_what_is_not_known_yet(stage: Stage) -> None:
    stage.world.gate.set(Settings(propagation_seconds=60))
    await stage.graph("PATCH", f"{CREDENTIALS}/cluster", {"subject": "new"})
    stage.hands.advance(10)
    await stage.graph("POST", CREDENTIALS, credential("second", "x") | {"audiences": ["a"]})
    stage.hands.advance(10)

    async def told() -> list[tuple[str, str, float | None, float]]:
        (app,) = (await stage.done("GET", "/state"))["applications"]
        return [
            (one["name"], one["known"], one["since"], one["settlesInSeconds"])
            for one in app["federatedIdentityCredentials"]
        ]

    wall = stage.hands.wall
    assert await told() == [
        ("cluster", Known.AS_BEFORE.value, wall - 20, 40.0),
        ("second", Known.NOT_YET.value, wall - 10, 50.0),
    ]
    await stage.graph("DELETE", f"{CREDENTIALS}/cluster")
    assert await told() == [
        ("second", Known.NOT_YET.value, wall - 10, 50.0),
        ("cluster", Known.STILL.value, wall, 60.0),
    ]
    stage.hands.advance(60)
    assert await told() == [("second", Known.WELL.value, wall - 10, 0.0)]


async def test_more_of_a_seed_is_added_and_works_at_once(stage: Stage) -> None:
    stage.world.gate.set(Settings(propagation_seconds=600, stale_read_seconds=600))
    more = {
        "applications": [
            application(appId=NEW, displayName="new"),
            application(federatedIdentityCredentials=[credential(), credential("two", "two")]),
        ]
    }
    added = await stage.done("POST", "/seed", more)
    assert added == {"added": {"applications": 1, "credentials": 2}}
    assert await stage.exchange(NEW) == 0
    assert await stage.exchange(APP, sub="two") == 0
    assert await stage.graph("GET", f"{CREDENTIALS}/two") == 200
    assert await stage.done("POST", "/seed", more) == {"added": {}}


async def test_what_was_removed_can_be_seeded_again(stage: Stage) -> None:
    await stage.graph("DELETE", f"{CREDENTIALS}/cluster")
    assert await stage.exchange() == 70025
    added = await stage.done("POST", "/seed", {"applications": [application()]})
    assert added == {"added": {"credentials": 1}}
    stage.world.gate.set(Settings(propagation_seconds=600))
    assert await stage.exchange() == 0


async def test_a_seed_brings_faults_and_issuers_where_it_has_them(stage: Stage) -> None:
    await stage.done("PUT", "/faults", {"latencySeconds": 1})
    await stage.done("POST", "/seed", {})
    assert stage.world.gate.settings.latency_seconds == 1
    await stage.done(
        "POST",
        "/seed",
        {"faults": {"writeSeconds": 2}, "issuers": [{"issuer": ISSUER, "reach": "https://x"}]},
    )
    assert stage.world.gate.settings == Settings(write_seconds=2)
    assert stage.world.issuers.reaches() == [Reach(ISSUER, "https://x")]


@pytest.mark.parametrize(
    ("seed", "status", "where"),
    [
        ({"application": []}, 400, ["application"]),
        (
            {"applications": [application(appId=5, tenant="x")]},
            400,
            ["applications[0].appId", "applications[0].tenant"],
        ),
        ({"applications": [application(appId=NEW, tenant=NEW)]}, 409, ["applications[0].tenant"]),
        (
            {
                "applications": [application(appId=NEW)],
                "managedIdentities": [identity(clientId=APP)],
            },
            409,
            ["managedIdentities[0].clientId"],
        ),
        ({"enforceRoleAssignments": True}, 409, ["enforceRoleAssignments"]),
        ({"issuers": [{"issuer": ISSUER, "ca": "/etc/ssl/x"}]}, 409, ["issuers[0].ca"]),
        (
            {"applications": [application(certificate="/etc/passwd")]},
            409,
            ["applications[0].certificate"],
        ),
    ],
)
async def test_of_a_seed_that_is_wrong_nothing_is_made(
    stage: Stage, seed: Any, status: int, where: list[str]
) -> None:
    before = await stage.done("GET", "/state")
    refused = await stage.ask("POST", "/seed", seed)
    assert refused.status_code == status
    assert [fault["where"] for fault in refused.json()["error"]["faults"]] == where
    assert await stage.done("GET", "/state") == before


async def test_the_emulator_begins_again(stage: Stage) -> None:
    before = await stage.done("GET", "/state")
    await stage.done("PUT", "/faults", {"propagationSeconds": 600, "failures": [{"kind": "x"}]})
    await stage.done("POST", "/seed", {"applications": [application(appId=NEW)]})
    await stage.done("POST", "/issuers", {"issuer": "https://other", "reach": "https://x"})
    await stage.graph("DELETE", f"{CREDENTIALS}/cluster")
    await stage.graph("DELETE", f"/applications(appId='{NEW}')")
    assert await stage.done("POST", "/reset") is None
    assert await stage.done("GET", "/state") == before
    assert await stage.done("GET", "/faults") == Settings().model_dump(by_alias=True)
    assert await stage.done("GET", "/requests") == {"requests": [], "dropped": 0}
    assert await stage.done("GET", "/exchanges") == {"exchanges": []}
    assert await stage.done("GET", "/issuers") == {"issuers": []}


async def test_of_the_time_before_the_reset_nothing_is_known(stage: Stage) -> None:
    await stage.graph("POST", CREDENTIALS, credential("second", "x") | {"audiences": ["a"]})
    stage.hands.advance(100)
    await stage.done("POST", "/reset")
    await stage.done("PUT", "/faults", {"propagationSeconds": 50, "staleReadSeconds": 50})
    assert await stage.exchange(sub="x", aud="a") == 700212
    assert await stage.graph("GET", f"{CREDENTIALS}/second") == 404
    assert await stage.exchange() == 0


async def test_a_reset_brings_the_rules_of_the_seed_back(
    stage: Stage,
) -> None:
    stage.world.beginning.settings.failures.extend(
        Settings.model_validate({"failures": [{"kind": "token"}]}).failures
    )
    for _ in range(2):
        await stage.done("POST", "/reset")
        assert [await stage.exchange(), await stage.exchange()] == [503, 0]


async def test_an_issuer_is_reached_as_told(stage: Stage) -> None:
    reach = {"issuer": ISSUER, "reach": "https://127.0.0.1:6443"}
    told = await stage.done("POST", "/issuers", reach)
    assert told == reach | {"ca": None, "tokenFile": None, "hasToken": False}
    assert await stage.exchange() == 0
    assert {url.rpartition("/.well")[0] for url, _ in stage.issuer.asked[:1]} == {reach["reach"]}


async def test_an_issuers_keys_are_read_anew_when_it_is_told_again(stage: Stage) -> None:
    await stage.exchange()
    asked = len(stage.issuer.asked)
    await stage.exchange()
    assert len(stage.issuer.asked) == asked
    await stage.done("POST", "/issuers", {"issuer": ISSUER})
    await stage.exchange()
    assert len(stage.issuer.asked) == 2 * asked


async def test_an_issuers_token_is_taken_and_not_told(stage: Stage) -> None:
    pem = trustme.CA().cert_pem.bytes().decode()
    given = {"issuer": ISSUER, "caData": pem, "token": "t0ken"}
    told = await stage.ask("POST", "/issuers", given)
    assert told.json()["hasToken"]
    assert "t0ken" not in told.text + (await stage.ask("GET", "/issuers")).text
    assert stage.world.issuers.reaches() == [Reach(ISSUER, ca_data=pem, token="t0ken")]


@pytest.mark.parametrize(
    ("given", "status", "where"),
    [
        ({}, 400, "issuer"),
        ({"issuer": "http://x"}, 400, "issuer"),
        ({"issuer": ISSUER, "tokenFile": "/etc/passwd"}, 409, "tokenFile"),
        ({"issuer": ISSUER, "ca": "/etc/passwd"}, 409, "ca"),
        ({"issuer": ISSUER, "caData": "\u00fc"}, 409, "caData"),
    ],
)
async def test_an_issuer_that_is_wrong_is_refused(
    stage: Stage, given: Any, status: int, where: str
) -> None:
    refused = await stage.ask("POST", "/issuers", given)
    assert refused.status_code == status
    assert [fault["where"] for fault in refused.json()["error"]["faults"]] == [where]
    assert stage.world.issuers.reaches() == []


@pytest.mark.parametrize("path", ["/healthz", "/_admin/health"])
async def test_it_tells_that_it_serves(stage: Stage, path: str) -> None:
    stage.hands.advance(12.5)
    answer = await stage.http.get(path)
    found = answer.json()
    assert found.pop("version")
    assert found == {"status": "ok", "uptimeSeconds": 12.5}
    assert answer.headers["cache-control"] == "no-store"
