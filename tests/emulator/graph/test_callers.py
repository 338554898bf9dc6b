"""Who may call: tokens, tenants, permissions, owners."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.emulator.conftest import ORIGIN
from tests.emulator.graph.stage import (
    ADMIN,
    FOREIGN,
    GRAPH,
    LOCKED,
    NOBODY,
    OTHER_TENANT,
    OWNED,
    OWNER,
    PAYMENTS,
    READER,
    TENANT,
    Stage,
    a_credential,
    message,
    refusal,
)

UNAUTHENTICATED = (401, "InvalidAuthenticationToken")
DENIED = (403, "Authorization_RequestDenied")
NOT_FOUND = (404, "Request_ResourceNotFound")


@pytest.mark.parametrize("header", [{}, {"Authorization": ""}, {"Authorization": "Basic YTpi"}])
async def test_a_call_without_a_bearer_token_is_told_where_to_get_one(
    stage: Stage, header: dict[str, str]
) -> None:
    answer = await stage.client.get("/v1.0/applications", headers=header)
    assert refusal(answer) == UNAUTHENTICATED
    assert message(answer) == "Access token is empty."
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="", authorization_uri="')
    assert f"{ORIGIN}/common/oauth2" in challenge
    assert 'client_id="00000003-0000-0000-c000-000000000000"' in challenge


@pytest.mark.parametrize("token", ["x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "é", "a" * 20000])
async def test_what_is_no_token_is_refused(stage: Stage, token: str) -> None:
    header = {b"Authorization": f"Bearer {token}".encode("latin-1")}
    answer = await stage.client.get("/v1.0/applications", headers=header)
    assert refusal(answer) == UNAUTHENTICATED
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_a_token_that_somebody_else_signed_is_refused(stage: Stage) -> None:
    claims = jwt.decode(stage.token(), options={"verify_signature": False})
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    token = jwt.encode(claims, key, algorithm="RS256", headers={"kid": stage.world.signer.kid})
    assert refusal(await stage.ask("GET", "/applications", token=token)) == UNAUTHENTICATED


@pytest.mark.parametrize(
    ("audience", "status"),
    [
        (GRAPH, 200),
        (f"{GRAPH}/", 200),
        ("00000003-0000-0000-c000-000000000000", 200),
        (ORIGIN, 200),
        ("https://management.azure.com/", 401),
        ("https://vault.azure.net", 401),
        (f"api://{PAYMENTS}", 401),
    ],
)
async def test_a_token_must_be_for_graph_or_for_the_emulator(
    stage: Stage, audience: str, status: int
) -> None:
    answer = await stage.ask("GET", "/applications", token=stage.token(audience))
    assert answer.status_code == status
    if status == 401:
        assert message(answer) == "Access token validation failure. Invalid audience."


async def test_times_are_those_of_the_emulators_clock_give_or_take_five_minutes(
    stage: Stage,
) -> None:
    token = stage.token()
    stage.hands.advance(3599 + 300)
    assert (await stage.ask("GET", "/applications", token=token)).status_code == 200
    stage.hands.advance(1)
    late = await stage.ask("GET", "/applications", token=token)
    assert (refusal(late), message(late)) == (
        UNAUTHENTICATED,
        "Lifetime validation failed, the token is expired.",
    )
    token = stage.token()
    stage.set(clock_offset_seconds=-301)
    early = await stage.ask("GET", "/applications", token=token)
    assert (refusal(early), message(early)) == (
        UNAUTHENTICATED,
        "Lifetime validation failed, the token is not yet valid.",
    )


async def test_a_token_of_version_2_names_its_client_too(stage: Stage) -> None:
    token = stage.token(appid=None, azp=ADMIN.upper())
    assert (await stage.ask("GET", "/applications", token=token)).status_code == 200
    assert stage.calls("graph.applications.list")[-1].caller == ADMIN


async def test_objects_of_another_tenant_are_not_there(stage: Stage) -> None:
    listed = await stage.get("/applications")
    assert FOREIGN not in {row["appId"] for row in listed["value"]}
    paths = [
        stage.path(FOREIGN),
        f"/applications(appId='{FOREIGN}')",
        stage.credentials_path(FOREIGN),
        f"/servicePrincipals(appId='{FOREIGN}')",
    ]
    for path in paths:
        assert refusal(await stage.ask("GET", path)) == NOT_FOUND
    made = await stage.ask("POST", stage.credentials_path(FOREIGN), a_credential())
    assert refusal(made) == NOT_FOUND


async def test_the_tenant_of_the_token_counts(stage: Stage) -> None:
    token = stage.token(tid=OTHER_TENANT)
    answer = await stage.ask("GET", f"/applications(appId='{FOREIGN}')", token=token)
    assert answer.json()["displayName"] == "foreign"
    assert TENANT not in answer.text


@pytest.mark.parametrize(
    "path", ["/applications", "/servicePrincipals", f"/applications(appId='{PAYMENTS}')"]
)
async def test_reading_needs_a_permission(stage: Stage, path: str) -> None:
    assert refusal(await stage.ask("GET", path, token=stage.token(caller=NOBODY))) == DENIED
    for role in (
        "Application.Read.All",
        "Application.ReadWrite.All",
        "Application.ReadWrite.OwnedBy",
        "Directory.Read.All",
    ):
        token = stage.token(caller=NOBODY, roles=[role])
        assert (await stage.ask("GET", path, token=token)).status_code == 200
    others = stage.token(caller=NOBODY, roles=["User.Read.All"])
    assert refusal(await stage.ask("GET", path, token=others)) == DENIED


async def test_a_reader_writes_nothing(stage: Stage) -> None:
    stage.caller = READER
    path = stage.credentials_path()
    writes = [
        ("POST", path, a_credential()),
        ("PATCH", f"{path}/cluster-a", {"description": "x"}),
        ("DELETE", f"{path}/cluster-a", None),
        ("POST", "/applications", {"displayName": "new"}),
        ("PATCH", stage.path(), {"displayName": "new"}),
        ("DELETE", stage.path(), None),
        ("POST", f"{stage.path()}/addPassword", {}),
        ("POST", "/servicePrincipals", {"appId": PAYMENTS}),
        ("DELETE", f"/servicePrincipals(appId='{PAYMENTS}')", None),
    ]
    for method, where, body in writes:
        assert refusal(await stage.ask(method, where, body)) == DENIED, (method, where)
    assert stage.application(PAYMENTS).display_name == "payments"


@pytest.mark.parametrize(
    ("caller", "application", "expected"),
    [
        (ADMIN, PAYMENTS, 201),
        (ADMIN, OWNED, 201),
        (OWNER, PAYMENTS, 201),
        (OWNER, OWNED, 201),
        (OWNER, LOCKED, 403),
    ],
)
async def test_who_may_write_owned_ones_writes_those_and_those_of_nobody(
    stage: Stage, caller: str, application: str, expected: int
) -> None:
    stage.caller = caller
    answer = await stage.ask("POST", stage.credentials_path(application), a_credential())
    assert answer.status_code == expected
    assert len(stage.credentials(application)) == (expected == 201)


async def test_the_record_names_caller_and_identity_even_of_a_refused_call(stage: Stage) -> None:
    stage.caller = OWNER
    await stage.ask("POST", stage.credentials_path(LOCKED), a_credential())
    await stage.ask("GET", f"/applications(appId='{PAYMENTS.upper()}')")
    await stage.ask("GET", "/applications", query={"$filter": f"appId eq '{PAYMENTS}'"})
    told = [(call.kind, call.identity, call.caller, call.status) for call in stage.calls("*")]
    assert told == [
        ("graph.credentials.create", LOCKED, OWNER, 403),
        ("graph.applications.get", PAYMENTS, OWNER, 200),
        ("graph.applications.list", PAYMENTS, OWNER, 200),
    ]
