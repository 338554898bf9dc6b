"""Managed identities and subscriptions."""

from typing import Any

import pytest

from emulator.arm.paging import PAGE_SIZE
from emulator.tokens.signer import Signer
from tests.emulator.arm.stage import (
    GROUP,
    IDENTITIES,
    OPERATOR,
    OTHER_SUBSCRIPTION,
    PAYMENTS,
    RESOURCE,
    SPELLED,
    SUBSCRIPTION,
    TENANT,
    Json,
    Stage,
    code,
    fic,
    seed_of,
    staged,
)

TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities"
ALL = f"/subscriptions/{SUBSCRIPTION}/providers/{TYPE}"
NEW = f"{IDENTITIES}/orders"


async def names(stage: Stage, path: str) -> list[str]:
    """All names of a list, through all of its pages."""
    found: list[str] = []
    answer = await stage.ask("GET", path)
    while True:
        found += [one["name"] for one in answer.json()["value"]]
        link = answer.json().get("nextLink")
        if link is None:
            return found
        headers = {"Authorization": f"Bearer {stage.token()}"}
        answer = await stage.http.get(link, headers=headers)


def many(count: int, group: str = GROUP) -> list[Json]:
    """Managed identities of a seed."""
    return [
        {
            "resourceId": f"{IDENTITIES.replace(GROUP, group)}/one-{number:03}",
            "clientId": f"00000000-0000-4000-8000-{number:012}",
            "tenant": TENANT,
        }
        for number in range(count)
    ]


async def test_a_seeded_identity_is_told_in_the_services_own_spelling(stage: Stage) -> None:
    told = await stage.ask("GET", RESOURCE)
    principal = stage.world.directory.principal(TENANT, PAYMENTS)
    assert principal
    assert (told.status_code, told.json()) == (
        200,
        {
            "id": SPELLED,
            "name": "payments",
            "type": TYPE,
            "location": "westeurope",
            "tags": {},
            "properties": {
                "tenantId": TENANT,
                "principalId": principal.object_id,
                "clientId": PAYMENTS,
            },
        },
    )


async def test_an_identity_is_made_with_its_service_principal_and_removed_with_it(
    stage: Stage,
) -> None:
    made = await stage.ask("PUT", NEW, {"location": "West Europe", "tags": {"team": "till"}})
    assert (made.status_code, made.json()["location"]) == (201, "westeurope")
    client_id = made.json()["properties"]["clientId"]
    principal = stage.world.directory.principal(TENANT, client_id)
    assert principal
    assert principal.object_id == made.json()["properties"]["principalId"]
    credential = f"{NEW}/federatedIdentityCredentials/till-1"
    assert (await stage.ask("PUT", credential, fic())).status_code == 201
    assert (await stage.ask("DELETE", NEW)).status_code == 200
    assert (await stage.ask("DELETE", NEW)).status_code == 204
    assert stage.world.directory.principal(TENANT, client_id) is None
    assert code(await stage.ask("GET", NEW)) == (404, "ResourceNotFound")
    again = await stage.ask("PUT", NEW, {"location": "westeurope"})
    assert again.json()["properties"]["clientId"] != client_id
    assert (await stage.ask("GET", f"{NEW}/federatedIdentityCredentials")).json() == {"value": []}


async def test_a_second_put_changes_tags_and_keeps_the_ids(stage: Stage) -> None:
    before = (await stage.ask("GET", RESOURCE)).json()
    after = await stage.ask("PUT", RESOURCE, {"location": "westeurope", "tags": {"a": "b"}})
    assert (after.status_code, after.json()) == (200, before | {"tags": {"a": "b"}})


async def test_a_patch_replaces_tags_and_leaves_them_when_it_names_none(stage: Stage) -> None:
    before = (await stage.ask("GET", RESOURCE)).json()
    tagged = await stage.ask("PATCH", RESOURCE, {"tags": {"a": "b"}})
    assert (tagged.status_code, tagged.json()) == (200, before | {"tags": {"a": "b"}})
    assert (await stage.ask("PATCH", RESOURCE, {})).json() == tagged.json()
    assert code(await stage.ask("PATCH", NEW, {})) == (404, "ResourceNotFound")


@pytest.mark.parametrize(
    ("path", "body", "refusal"),
    [
        (NEW, {}, (400, "LocationRequired")),
        (NEW, {"location": 7}, (400, "InvalidRequestContent")),
        (NEW, {"location": "../"}, (400, "InvalidRequestContent")),
        (NEW, {"location": "westeurope", "tags": ["a"]}, (400, "InvalidRequestContent")),
        (NEW, {"location": "westeurope", "tags": {"a": 1}}, (400, "InvalidRequestContent")),
        (RESOURCE, {"location": "northeurope"}, (409, "InvalidResourceLocation")),
        (f"{IDENTITIES}/ab", {"location": "westeurope"}, (400, "InvalidResourceName")),
        (f"{IDENTITIES}/a.bc", {"location": "westeurope"}, (400, "InvalidResourceName")),
        (
            NEW.replace(f"/{GROUP}/", "/ends-with./"),
            {"location": "westeurope"},
            (400, "InvalidResourceName"),
        ),
        (NEW, [], (400, "InvalidRequestContent")),
        (NEW, None, (415, "InvalidRequestContent")),
    ],
)
async def test_a_body_or_name_that_is_no_identity_is_refused(
    stage: Stage, path: str, body: Any, refusal: tuple[int, str]
) -> None:
    assert code(await stage.ask("PUT", path, body)) == refusal


async def test_lists_hold_a_subscriptions_or_a_groups_in_pages(signer: Signer) -> None:
    here = many(PAGE_SIZE * 2 + 1)
    elsewhere = {
        "resourceId": f"{IDENTITIES.replace(GROUP, 'Warehouse')}/stock",
        "clientId": PAYMENTS,
        "tenant": TENANT,
    }
    second = "22222222-2222-4333-8444-555555555555"
    not_here = {
        "resourceId": f"{IDENTITIES.replace(SUBSCRIPTION, second)}/other",
        "clientId": second,
        "tenant": TENANT,
    }
    seed = seed_of(managedIdentities=[*here, elsewhere, not_here])
    async with staged(signer, seed) as stage:
        first = await stage.ask("GET", ALL)
        assert len(first.json()["value"]) == PAGE_SIZE
        wanted = [f"one-{number:03}" for number in range(len(here))]
        assert await names(stage, ALL) == [*wanted, "stock"]
        assert await names(stage, IDENTITIES) == wanted
        assert await names(stage, IDENTITIES.replace(GROUP, "WAREHOUSE")) == ["stock"]
        assert await names(stage, IDENTITIES.replace(GROUP, "empty")) == []


async def test_a_new_identity_is_not_read_at_once_when_reads_are_stale(signer: Signer) -> None:
    async with staged(signer, seed_of(), stale_read_seconds=5) as stage:
        assert (await stage.ask("PUT", NEW, {"location": "westeurope"})).status_code == 201
        assert code(await stage.ask("GET", NEW)) == (404, "ResourceNotFound")
        assert await names(stage, IDENTITIES) == ["payments"]
        stage.steady.at += 6
        assert await names(stage, IDENTITIES) == ["orders", "payments"]


async def test_subscriptions_of_the_callers_tenant_are_listed(stage: Stage) -> None:
    answer = await stage.ask("GET", "/subscriptions", version="2022-12-01")
    one = {
        "id": f"/subscriptions/{SUBSCRIPTION}",
        "subscriptionId": SUBSCRIPTION,
        "tenantId": TENANT,
        "displayName": SUBSCRIPTION,
        "state": "Enabled",
        "authorizationSource": "RoleBased",
    }
    assert answer.json() == {"value": [one], "count": {"type": "Total", "value": 1}}
    told = await stage.ask("GET", f"/Subscriptions/{SUBSCRIPTION}", version="2020-01-01")
    assert told.json() == one


async def test_only_subscriptions_where_it_has_a_role_are_listed_when_roles_count(
    signer: Signer,
) -> None:
    second = "22222222-2222-4333-8444-555555555555"
    seed = seed_of(
        enforceRoleAssignments=True,
        subscriptions=[{"id": second, "tenant": TENANT}],
        roleAssignments=[{"scope": RESOURCE, "role": "Reader", "principal": OPERATOR}],
    )
    async with staged(signer, seed) as stage:
        answer = await stage.ask("GET", "/subscriptions", version="2022-12-01")
        assert [one["subscriptionId"] for one in answer.json()["value"]] == [SUBSCRIPTION]


@pytest.mark.parametrize(
    ("subscription", "refusal"),
    [
        ("no-guid", (400, "InvalidSubscriptionId")),
        ("00000000-0000-0000-0000-000000000000", (404, "SubscriptionNotFound")),
        (OTHER_SUBSCRIPTION, (401, "InvalidAuthenticationTokenTenant")),
    ],
)
async def test_a_subscription_that_is_not_the_callers_is_refused(
    stage: Stage, subscription: str, refusal: tuple[int, str]
) -> None:
    answer = await stage.ask("GET", f"/subscriptions/{subscription}", version="2022-12-01")
    assert code(answer) == refusal
    listed = await stage.ask("GET", ALL.replace(SUBSCRIPTION, subscription))
    assert code(listed) == refusal
