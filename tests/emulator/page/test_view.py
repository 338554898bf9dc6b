"""What the page shows, before it is HTML."""

import uuid
from collections.abc import Iterator
from typing import Any

from emulator.calls.faults import Settings
from emulator.page.view import EXCHANGES, PER_PAGE, REQUESTS, Asked, View, view_of
from tests.emulator.admin.stage import Stage
from tests.emulator.conftest import MakeWorld
from tests.emulator.seed.samples import (
    APP,
    ISSUER,
    MANAGED,
    SUBSCRIPTION,
    TENANT,
    credential,
    seed,
)

CREDENTIALS = f"/applications(appId='{APP}')/federatedIdentityCredentials"


def seen(stage: Stage, text: str = "") -> View:
    return view_of(stage.world, Asked(text))


def many(count: int, each: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        name = f"fleet-{number:03}"
        yield {
            "resourceId": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/fleet/providers"
            f"/Microsoft.ManagedIdentity/userAssignedIdentities/{name}",
            "clientId": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
            "tenant": TENANT,
            "federatedIdentityCredentials": [
                credential(f"{name}-{k}", f"system:serviceaccount:{name}:{k}") for k in range(each)
            ],
        }


async def test_identities_are_shown_with_their_credentials_and_slots(stage: Stage) -> None:
    app, managed = seen(stage).identities
    assert (app.name, app.kind, app.client_id, app.tenant) == (
        "payments",
        "application",
        APP,
        TENANT,
    )
    assert (managed.name, managed.kind) == ("worker", "managed identity")
    assert managed.resource_id.endswith("/userAssignedIdentities/worker")
    assert (app.used, app.cells.count(True), len(app.cells)) == (1, 1, 20)
    (held,) = app.credentials
    assert (held.name, held.issuer, held.subject) == (
        "cluster",
        ISSUER,
        "system:serviceaccount:team:app",
    )
    assert (held.since, held.state) == (None, "")
    assert app.open


async def test_what_the_token_endpoint_does_not_know_yet_is_marked(stage: Stage) -> None:
    stage.world.gate.set(Settings(propagation_seconds=30))
    await stage.graph("PATCH", f"{CREDENTIALS}/cluster", {"description": "changed"})
    await stage.graph("POST", CREDENTIALS, credential("second", "x") | {"audiences": ["a"]})
    await stage.graph("DELETE", f"{CREDENTIALS}/cluster")
    app, _ = seen(stage).identities
    marked = [(one.name, one.state, one.fresh, one.gone) for one in app.credentials]
    assert marked == [
        ("second", "not yet known, for 30 s", True, False),
        ("cluster", "removed, and still known, for 30 s", False, True),
    ]
    assert app.used == 1


async def test_exchanges_are_shown_newest_first_with_their_reason(stage: Stage) -> None:
    await stage.exchange()
    await stage.exchange(sub="nobody")
    refused, issued = seen(stage).exchanges
    assert (issued.refused, issued.label, issued.why, issued.credential) == (
        False,
        "",
        "",
        "cluster",
    )
    assert refused.by is not None
    assert (refused.by.name, refused.by.client_id) == ("payments", APP)
    assert (refused.label, refused.how) == ("AADSTS700213", "by a federated assertion")
    assert refused.why == (
        "No credential for this issuer has the assertion's subject."
        " There is: system:serviceaccount:team:app."
    )
    assert refused.said.startswith("No matching federated identity record found")


async def test_a_failure_on_demand_is_shown_with_its_status(stage: Stage) -> None:
    await stage.done("POST", "/failures", {"kind": "token", "message": "Out of order."})
    await stage.exchange()
    (one,) = seen(stage).exchanges
    assert (one.label, one.why, one.said) == ("HTTP 503", "", "Out of order.")


async def test_requests_are_shown_newest_first(stage: Stage) -> None:
    await stage.graph("GET", CREDENTIALS)
    listed, token = seen(stage).requests
    assert (token.kind, token.status, token.failed) == ("token", "200", False)
    assert (listed.kind, listed.method, listed.status) == ("graph.credentials.list", "GET", "200")
    assert listed.identity is not None
    assert listed.caller is not None
    assert (listed.identity.name, listed.caller.name, listed.took) == (
        "payments",
        "payments",
        "0.0 ms",
    )


async def test_of_many_things_the_latest_are_shown(stage: Stage) -> None:
    for number in range(EXCHANGES + REQUESTS):
        await stage.exchange(sub=f"s{number}")
    view = seen(stage)
    assert (len(view.exchanges), len(view.requests)) == (EXCHANGES, REQUESTS)
    assert view.exchanges[0].subject == f"s{EXCHANGES + REQUESTS - 1}"


async def test_a_text_finds_identities_exchanges_and_requests(stage: Stage) -> None:
    await stage.exchange(APP)
    await stage.exchange(MANAGED, sub="nobody")
    by_name = seen(stage, " PAYments ")
    assert [one.name for one in by_name.identities] == ["payments"]
    assert [one.client_id for one in by_name.identities] == [
        getattr(one.by, "client_id", "") for one in by_name.exchanges
    ]
    assert len(by_name.requests) == 1
    assert (by_name.found, by_name.total) == (1, 2)
    by_code = seen(stage, "aadsts700213")
    assert ([*by_code.identities], len(by_code.exchanges), len(by_code.requests)) == ([], 1, 1)
    assert len(seen(stage, MANAGED).identities) == 1


async def test_a_text_of_a_credential_leaves_the_others_of_its_identity_out(stage: Stage) -> None:
    await stage.graph("POST", CREDENTIALS, credential("second", "x:y") | {"audiences": ["a"]})
    (app,) = seen(stage, "X:Y").identities
    assert ([one.name for one in app.credentials], app.hidden) == (["second"], 1)
    app, _ = seen(stage).identities
    assert (len(app.credentials), app.hidden) == (2, 0)


def test_five_hundred_identities_come_by_pages(stage: Stage, make_world: MakeWorld) -> None:
    stage.world = make_world(seed(managedIdentities=[*many(500, 20)], applications=[]))
    first = seen(stage)
    assert (first.total, first.pages, len(first.identities)) == (500, 25, PER_PAGE)
    assert not any(one.open for one in first.identities)
    last = view_of(stage.world, Asked(page=25))
    assert last.identities[-1].name == "fleet-499"
    assert view_of(stage.world, Asked(page=99)).asked.page == 25
    found = seen(stage, "fleet-123:7")
    assert [one.name for one in found.identities] == ["fleet-123"]
    assert [one.name for one in found.identities[0].credentials] == ["fleet-123-7"]
    assert found.identities[0].open


def test_an_emulator_with_nothing_in_it_has_a_page(make_world: MakeWorld) -> None:
    view = view_of(make_world({}), Asked())
    assert (view.total, view.pages, view.asked.page, view.tenants) == (0, 1, 1, ())
