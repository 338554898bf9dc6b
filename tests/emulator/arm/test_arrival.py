"""What every call meets before it is worked on."""

import jwt
import pytest

from emulator.calls.faults import Failure
from emulator.tokens.signer import Signer
from tests.emulator.arm.stage import (
    MANAGEMENT,
    OPERATOR,
    ORIGIN,
    OTHER_SUBSCRIPTION,
    OTHER_TENANT,
    PAYMENTS,
    RESOURCE,
    SUBSCRIPTION,
    TENANT,
    Json,
    Stage,
    code,
    fic,
    seed_of,
    staged,
)

CREDENTIALS = f"{RESOURCE}/federatedIdentityCredentials"
ASSIGNMENTS = f"{RESOURCE}/providers/Microsoft.Authorization/roleAssignments"


async def test_a_call_names_its_version(stage: Stage) -> None:
    for version in (None, ""):
        answer = await stage.ask("GET", RESOURCE, version=version)
        assert code(answer) == (400, "MissingApiVersionParameter")


@pytest.mark.parametrize(
    ("path", "version", "refusal"),
    [
        (RESOURCE, "2010-01-01", (400, "NoRegisteredProviderFound")),
        (RESOURCE, "latest", (400, "InvalidApiVersionParameter")),
        (RESOURCE, "2023-01-31'", (400, "InvalidApiVersionParameter")),
        (CREDENTIALS, "2018-11-30", (400, "NoRegisteredProviderFound")),
        ("/subscriptions", "2010-01-01", (400, "InvalidApiVersionParameter")),
        (ASSIGNMENTS, "2023-01-31", (400, "NoRegisteredProviderFound")),
    ],
)
async def test_a_version_that_a_type_does_not_know_is_refused_with_those_it_knows(
    stage: Stage, path: str, version: str, refusal: tuple[int, str]
) -> None:
    answer = await stage.ask("GET", path, version=version)
    assert code(answer) == refusal
    assert "The supported " in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "version",
    ["2018-11-30", "2021-09-30-preview", "2022-01-31-PREVIEW", "2023-01-31", "2024-11-30"],
)
async def test_the_versions_of_sdks_are_known(stage: Stage, version: str) -> None:
    assert (await stage.ask("GET", RESOURCE, version=version)).status_code == 200


async def test_the_names_of_a_query_are_compared_without_case(stage: Stage) -> None:
    answer = await stage.ask("GET", RESOURCE, version=None, query={"API-Version": "2023-01-31"})
    assert answer.status_code == 200


async def test_without_a_token_the_answer_tells_where_the_subscriptions_are_had(
    stage: Stage,
) -> None:
    answer = await stage.ask("GET", RESOURCE, token=None)
    assert code(answer) == (401, "AuthenticationFailed")
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith(f'Bearer authorization_uri="{ORIGIN}/{TENANT}", error="invalid_')


async def test_what_is_no_token_of_ours_is_refused(stage: Stage) -> None:
    stranger = jwt.encode({"aud": MANAGEMENT}, "k" * 32, algorithm="HS256")
    for token in ("nonsense", stranger, f"{stage.token()[:-8]}AAAAAAAA"):
        answer = await stage.ask("GET", RESOURCE, token=token)
        assert code(answer) == (401, "InvalidAuthenticationToken")
        assert token not in answer.text


async def test_a_token_for_another_service_is_refused(stage: Stage) -> None:
    graph = stage.token(audience="https://graph.microsoft.com")
    answer = await stage.ask("GET", RESOURCE, token=graph)
    assert code(answer) == (401, "InvalidAuthenticationTokenAudience")


@pytest.mark.parametrize("audience", [MANAGEMENT, f"{MANAGEMENT}/", ORIGIN])
async def test_a_token_for_resource_manager_or_the_emulator_is_taken(
    stage: Stage, audience: str
) -> None:
    answer = await stage.ask("GET", RESOURCE, token=stage.token(audience=audience))
    assert answer.status_code == 200


async def test_a_token_that_ran_out_is_refused(stage: Stage) -> None:
    old = stage.token()
    stage.world.clock.offset = 3600 + 600
    assert code(await stage.ask("GET", RESOURCE, token=old)) == (401, "ExpiredAuthenticationToken")


async def test_a_token_of_another_tenant_is_told_which_one_it_takes(stage: Stage) -> None:
    path = f"/subscriptions/{OTHER_SUBSCRIPTION}"
    answer = await stage.ask("GET", path, version="2022-12-01")
    assert code(answer) == (401, "InvalidAuthenticationTokenTenant")
    assert f"{ORIGIN}/{OTHER_TENANT}" in answer.headers["www-authenticate"]


async def test_roles_count_when_they_are_enforced(signer: Signer) -> None:
    seed = seed_of(
        enforceRoleAssignments=True,
        roleAssignments=[
            {"scope": f"/subscriptions/{SUBSCRIPTION}", "role": "Reader", "principal": OPERATOR}
        ],
    )
    async with staged(signer, seed) as stage:
        assert (await stage.ask("GET", RESOURCE)).status_code == 200
        refused = await stage.ask("PUT", f"{CREDENTIALS}/till-1", fic())
        assert code(refused) == (403, "AuthorizationFailed")
        principal = stage.world.directory.principal(TENANT, OPERATOR)
        assert principal
        assert refused.json()["error"]["message"] == (
            f"The client '{OPERATOR}' with object id '{principal.object_id}' does not have"
            " authorization to perform action 'Microsoft.ManagedIdentity/userAssignedIdentities"
            "/federatedIdentityCredentials/write' over scope '"
            f"{CREDENTIALS.replace('resourceGroups', 'resourcegroups')}/till-1' or the scope is"
            " invalid. If access was recently granted, please refresh your credentials."
        )


@pytest.mark.parametrize(
    ("role", "scope", "allowed"),
    [
        ("Owner", "/", True),
        ("Contributor", f"/subscriptions/{SUBSCRIPTION}/resourceGroups/SHOP", True),
        ("Managed Identity Contributor", RESOURCE, True),
        ("Managed Identity Contributor", f"{RESOURCE}-2", False),
        ("Managed Identity Contributor", f"/subscriptions/{SUBSCRIPTION}/resourceGroups/s", False),
        ("Managed Identity Operator", f"/subscriptions/{SUBSCRIPTION}", False),
        ("Key Vault Secrets User", f"/subscriptions/{SUBSCRIPTION}", False),
        ("User Access Administrator", f"/subscriptions/{SUBSCRIPTION}", False),
    ],
)
async def test_a_credential_takes_a_role_that_writes_at_its_scope_or_above(
    signer: Signer, role: str, scope: str, *, allowed: bool
) -> None:
    assignment = {"scope": scope, "role": role, "principal": OPERATOR}
    seed = seed_of(enforceRoleAssignments=True, roleAssignments=[assignment])
    async with staged(signer, seed) as stage:
        answer = await stage.ask("PUT", f"{CREDENTIALS}/till-1", fic())
        assert answer.status_code == (201 if allowed else 403)


async def test_the_role_of_somebody_else_does_not_count(signer: Signer) -> None:
    owner = {"scope": "/", "role": "Owner", "principal": PAYMENTS}
    async with staged(signer, seed_of(enforceRoleAssignments=True, roleAssignments=[owner])) as one:
        assert code(await one.ask("GET", RESOURCE)) == (403, "AuthorizationFailed")
        assert (await one.ask("GET", RESOURCE, token=one.token(PAYMENTS))).status_code == 200


async def test_answers_carry_ids_and_what_is_left(stage: Stage) -> None:
    mine = "8f14e45f-ceea-467f-a9d2-3c5e3c1c5b6a"
    headers = {"Authorization": f"Bearer {stage.token()}", "x-ms-correlation-request-id": mine}
    answer = await stage.http.get(f"{RESOURCE}?api-version=2023-01-31", headers=headers)
    assert answer.headers["x-ms-correlation-request-id"] == mine
    assert len(answer.headers["x-ms-request-id"]) == 36
    assert answer.headers["x-ms-ratelimit-remaining-subscription-reads"] == "11999"
    written = await stage.put_credential("till-1")
    assert written.headers["x-ms-ratelimit-remaining-subscription-writes"] == "1199"
    removed = await stage.ask("DELETE", f"{CREDENTIALS}/till-1")
    assert removed.headers["x-ms-ratelimit-remaining-subscription-deletes"] == "14999"


async def test_writes_are_throttled_at_the_published_rates(signer: Signer) -> None:
    async with staged(signer, seed_of(), throttle=1) as stage:
        answers = [await stage.put_credential("till-1") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 200, 429]
        assert code(answers[-1]) == (429, "TooManyRequests")
        assert answers[-1].headers["retry-after"] == "4"
        left = [
            answer.headers.get("x-ms-ratelimit-remaining-subscription-writes")
            for answer in answers[:2]
        ]
        assert left == ["39", "38"]
        assert (await stage.ask("GET", RESOURCE)).status_code == 200
        stage.steady.at += 4
        assert (await stage.put_credential("till-1")).status_code == 200


async def test_a_failure_that_is_asked_for_comes_before_everything_else(stage: Stage) -> None:
    failure = {"kind": "arm.credentials.put", "identity": PAYMENTS, "status": 503}
    stage.world.gate.fail(Failure.model_validate(failure))
    answer = await stage.ask("PUT", f"{CREDENTIALS}/till-1", None, version=None, token=None)
    assert code(answer) == (503, "ServiceUnavailable")
    assert (await stage.put_credential("till-1")).status_code == 201


async def test_the_caller_is_noted_even_where_it_is_refused(stage: Stage) -> None:
    await stage.ask("GET", RESOURCE, version="2010-01-01")
    [call] = stage.world.log.calls()
    assert (call.kind, call.identity, call.caller, call.status, call.code) == (
        "arm.identities.get",
        PAYMENTS,
        OPERATOR,
        400,
        "NoRegisteredProviderFound",
    )


@pytest.mark.parametrize(
    ("method", "path", "refusal"),
    [
        ("GET", "/providers/Microsoft.Compute/virtualMachines", "InvalidResourceNamespace"),
        ("GET", f"/subscriptions/{SUBSCRIPTION}/resourceGroups", "InvalidResourceType"),
        ("GET", f"/subscriptions/{SUBSCRIPTION}/providers", "InvalidResourceNamespace"),
        (
            "PUT",
            f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ManagedIdentity/identities",
            "InvalidResourceType",
        ),
        ("GET", f"{RESOURCE}/somethingElse/x", "InvalidResourceType"),
    ],
)
async def test_what_is_not_served_is_refused_in_the_services_words(
    stage: Stage, method: str, path: str, refusal: str
) -> None:
    body: Json | None = {} if method == "PUT" else None
    assert code(await stage.ask(method, path, body)) == (404, refusal)
    assert code(await stage.ask(method, path, body, token=None)) == (401, "AuthenticationFailed")


async def test_a_method_that_a_path_does_not_have_is_refused_with_those_it_has(
    stage: Stage,
) -> None:
    answer = await stage.ask("POST", RESOURCE, {})
    assert code(answer) == (405, "MethodNotAllowed")
    assert answer.headers["allow"] == "DELETE, GET, PATCH, PUT"
