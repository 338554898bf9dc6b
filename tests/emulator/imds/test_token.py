"""Tokens from the metadata service."""

from typing import Any

import httpx
import jwt
import pytest

from emulator.calls.faults import Failure
from emulator.imds.node import attach_node
from emulator.tokens.signer import Signer
from tests.emulator.arm.stage import PAYMENTS, RESOURCE, SPELLED, TENANT, seed_of
from tests.emulator.imds.stage import PATH, VAULT, Stage, staged

FORWARDED = {"Metadata": "true", "X-Forwarded-For": "10.0.0.1"}


def claims(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = jwt.decode(
        answer.json()["access_token"], options={"verify_signature": False}
    )
    return found


async def test_a_token_comes_with_texts_only(stage: Stage) -> None:
    answer = await stage.ask({"client_id": PAYMENTS})
    found = claims(answer)
    principal = stage.world.directory.principal(TENANT, PAYMENTS)
    assert principal
    assert {name: found[name] for name in ("appid", "oid", "tid", "aud", "xms_mirid")} == {
        "appid": PAYMENTS,
        "oid": principal.object_id,
        "tid": TENANT,
        "aud": VAULT,
        "xms_mirid": SPELLED,
    }
    body = answer.json()
    assert body.pop("access_token").count(".") == 2
    assert body == {
        "refresh_token": "",
        "expires_in": "86399",
        "expires_on": str(found["exp"]),
        "not_before": str(found["nbf"]),
        "resource": VAULT,
        "token_type": "Bearer",
    }


async def test_without_a_name_the_token_is_the_nodes_own(stage: Stage) -> None:
    found = claims(await stage.ask())
    node = attach_node(stage.world.directory, 0)
    assert node
    assert (found["appid"], found["oid"]) == (node.client_id, node.principal_id)
    assert found["xms_mirid"].endswith("/virtualMachines/azwi-emulator-node")
    principal = stage.world.directory.principal(TENANT, node.client_id)
    assert principal
    assert principal.alternative_names == ("isExplicit=False", node.resource_id)
    assert stage.world.directory.holder(node.client_id) is None


@pytest.mark.parametrize("name", ["msi_res_id", "mi_res_id", "msi-res-id", "MSI_RES_ID"])
@pytest.mark.parametrize("value", [RESOURCE, RESOURCE.upper(), SPELLED])
async def test_an_identity_is_named_by_its_resource_id(stage: Stage, name: str, value: str) -> None:
    assert claims(await stage.ask({name: value}))["appid"] == PAYMENTS


async def test_an_identity_is_named_by_its_object_id(stage: Stage) -> None:
    principal = stage.world.directory.principal(TENANT, PAYMENTS)
    assert principal
    found = claims(await stage.ask({"object_id": principal.object_id.upper()}))
    assert found["appid"] == PAYMENTS


@pytest.mark.parametrize(
    "query",
    [
        {"client_id": "00000000-0000-0000-0000-000000000000"},
        {"client_id": "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"},  # of an application
        {"object_id": "00000000-0000-0000-0000-000000000000"},
        {"msi_res_id": f"{RESOURCE}-2"},
    ],
)
async def test_an_identity_that_is_not_attached_is_not_found(
    stage: Stage, query: dict[str, str]
) -> None:
    answer = await stage.ask(query)
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "invalid_request", "error_description": "Identity not found"},
    )


@pytest.mark.parametrize("headers", [{}, {"Metadata": "false"}, {"Metadata": "True"}])
@pytest.mark.parametrize("path", [PATH, "/metadata/instance", "/anything"])
async def test_nothing_is_said_before_the_metadata_header_is_there(
    stage: Stage, path: str, headers: dict[str, str]
) -> None:
    stage.world.gate.fail(Failure.model_validate({"kind": "*", "count": None}))
    answer = await stage.http.get(path, headers=headers | {"X-Forwarded-For": "10.0.0.1"})
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": "bad_request_102",
            "error_description": "Required metadata header not specified",
        },
    )


async def test_what_was_forwarded_is_refused(stage: Stage) -> None:
    answer = await stage.ask(headers=FORWARDED)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "X-Forwarded-For" in answer.json()["error_description"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"resource": ""}, "Required query variable 'resource' is missing"),
        ({"api-version": ""}, "Required query variable 'api-version' is missing"),
        ({"api-version": "2017-09-01"}, "The api-version '2017-09-01' is invalid"),
        ({"api-version": "latest"}, "The api-version 'latest' is invalid"),
        ({"client_id": PAYMENTS, "msi_res_id": RESOURCE}, "At most one of"),
        ({"msi_res_id": RESOURCE, "mi_res_id": RESOURCE}, "At most one of"),
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(
    stage: Stage, query: dict[str, str], words: str
) -> None:
    answer = await stage.ask(query)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.json()["error_description"].startswith(words)


async def test_a_parameter_given_twice_is_refused(stage: Stage) -> None:
    twice = f"{PATH}?api-version=2018-02-01&resource={VAULT}&resource={VAULT}"
    answer = await stage.http.get(twice, headers={"Metadata": "true"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_resource_that_no_one_knows_is_refused(stage: Stage) -> None:
    answer = await stage.ask({"resource": "https://nowhere.test"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_resource")
    assert "AADSTS500011" in answer.json()["error_description"]


async def test_the_path_is_compared_without_case(stage: Stage) -> None:
    answer = await stage.ask(path="/Metadata/Identity/OAuth2/Token")
    assert answer.status_code == 200


async def test_the_resource_comes_back_as_it_was_asked_for(stage: Stage) -> None:
    answer = await stage.ask({"resource": f"{VAULT}/"})
    assert (answer.json()["resource"], claims(answer)["aud"]) == (f"{VAULT}/", f"{VAULT}/")


async def test_a_clock_that_is_off_is_off_in_the_token_as_well(signer: Signer) -> None:
    async with staged(signer, seed_of(), clock_offset_seconds=-7200) as stage:
        answer = await stage.ask()
        assert int(answer.json()["not_before"]) == claims(answer)["nbf"]
        assert claims(answer)["nbf"] < stage.world.clock.now() + 1


async def test_unknown_paths_and_methods_are_refused(stage: Stage) -> None:
    answer = await stage.ask(path="/metadata/instance")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    posted = await stage.http.post(PATH, headers={"Metadata": "true"})
    assert (posted.status_code, set(posted.json())) == (405, {"error", "error_description"})


async def test_failures_and_exchanges_are_recorded(stage: Stage) -> None:
    failure = {"kind": "imds.token", "identity": PAYMENTS, "status": 429, "retryAfter": 1}
    stage.world.gate.fail(Failure.model_validate(failure))
    await stage.ask()
    refused = await stage.ask({"client_id": PAYMENTS})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["error"] == "too_many_requests"
    await stage.ask({"client_id": PAYMENTS})
    await stage.ask({"client_id": "nobody"})
    await stage.ask(headers={})
    node = attach_node(stage.world.directory, 0)
    assert node
    assert stage.world.log.counts() == {
        ("imds.token", node.client_id): 1,
        ("imds.token", PAYMENTS): 2,
        ("imds.token", ""): 1,
        ("imds.probe", ""): 1,
    }
    told = [
        (one.how, one.client_id, one.tenant, one.scope, one.aadsts)
        for one in stage.world.exchanges.latest()
    ]
    assert told == [
        ("imds", "", "", "", 400),
        ("imds", PAYMENTS, TENANT, VAULT, None),
        ("imds", PAYMENTS, TENANT, VAULT, 429),
        ("imds", node.client_id, TENANT, VAULT, None),
    ]


async def test_an_emulator_without_a_tenant_has_no_node(signer: Signer) -> None:
    async with staged(signer, {}) as stage:
        answer = await stage.ask()
        assert answer.json()["error_description"] == "Identity not found"


async def test_the_nodes_ids_are_the_same_in_every_run(signer: Signer) -> None:
    found = set()
    for _ in range(2):
        async with staged(signer, seed_of()) as stage:
            found.add(claims(await stage.ask())["oid"])
    assert len(found) == 1
