"""What stands in access tokens, and that anybody can check them by the published keys."""

import re
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from emulator.directory import DEFAULT_PERMISSIONS
from tests.emulator.conftest import Json
from tests.emulator.tokens.conftest import (
    APP,
    MANAGED,
    MANAGED_ID,
    OTHER_TENANT,
    RESOURCE,
    TENANT,
    Tokens,
    told,
)

NOW = 1_800_000_000
OPAQUE = re.compile(r"[A-Za-z0-9_-]{10,}")
OPAQUE_CLAIMS = ("aio", "rh", "uti")


def claims_of(token: str) -> Json:
    found: Json = jwt.decode(token, options={"verify_signature": False})
    return found


async def claims_for(tokens: Tokens, **changed: Any) -> Json:
    """The claims of a token; those that nobody can foretell are looked at and taken away."""
    claims = claims_of((await tokens.granted(**changed))["access_token"])
    assert all(OPAQUE.fullmatch(claims.pop(name)) for name in OPAQUE_CLAIMS)
    return claims


def object_id(tokens: Tokens, client: str) -> str:
    principal = tokens.world.directory.principal(TENANT, client)
    assert principal is not None
    return principal.object_id


async def test_a_token_for_graph_is_of_version_1(tokens: Tokens) -> None:
    own = object_id(tokens, APP)
    assert await claims_for(tokens) == {
        "aud": "https://graph.microsoft.com",
        "iss": f"https://sts.windows.net/{TENANT}/",
        "idp": f"https://sts.windows.net/{TENANT}/",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 3599,
        "appid": APP,
        "appidacr": "2",
        "idtyp": "app",
        "oid": own,
        "sub": own,
        "tid": TENANT,
        "ver": "1.0",
        "roles": list(DEFAULT_PERMISSIONS),
    }


async def test_a_token_for_an_application_of_version_2_says_so(tokens: Tokens) -> None:
    own = object_id(tokens, APP)
    assert await claims_for(tokens, scope="api://ledger/.default") == {
        "aud": RESOURCE,
        "iss": f"https://emulator.test:8443/{TENANT}/v2.0",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 3599,
        "azp": APP,
        "azpacr": "2",
        "idtyp": "app",
        "oid": own,
        "sub": own,
        "tid": TENANT,
        "ver": "2.0",
    }


@pytest.mark.parametrize(
    "name",
    [
        RESOURCE,
        RESOURCE.upper(),
        f"api://{RESOURCE}",
        "https://ledger.contoso.test",
        "https://ledger.contoso.test/",
        "HTTPS://Ledger.contoso.test",
    ],
)
async def test_an_application_is_a_resource_by_any_of_its_names(tokens: Tokens, name: str) -> None:
    claims = await claims_for(tokens, scope=f"{name}/.default")
    assert (claims["aud"], claims["ver"]) == (RESOURCE, "2.0")


async def test_an_application_of_version_1_is_named_as_it_was_asked_for(
    make_tokens: Callable[[Json], Tokens], tokens: Tokens
) -> None:
    applications = [
        {"appId": APP, "displayName": "payments", "tenant": TENANT, "secret": "s"},
        {"appId": RESOURCE, "displayName": "ledger", "tenant": TENANT},
    ]
    found = make_tokens({"applications": applications})
    for name in (RESOURCE, f"api://{RESOURCE}", f"api://{RESOURCE}/"):
        claims = await claims_for(found, scope=f"{name}/.default", client_secret="s")
        assert (claims["aud"], claims["ver"]) == (name, "1.0")


async def test_an_application_of_another_tenant_is_no_resource(
    make_tokens: Callable[[Json], Tokens],
) -> None:
    applications = [
        {"appId": APP, "displayName": "payments", "tenant": TENANT, "secret": "s"},
        {"appId": RESOURCE, "displayName": "ledger", "tenant": OTHER_TENANT},
    ]
    tokens = make_tokens({"applications": applications})
    answer = await tokens.ask(scope=f"api://{RESOURCE}/.default", client_secret="s")
    assert told(answer) == (400, "invalid_resource", 500011)


@pytest.mark.parametrize(
    ("scope", "audience"),
    [
        ("https://management.azure.com/.default", "https://management.azure.com"),
        ("https://management.azure.com//.default", "https://management.azure.com/"),
        (
            "00000003-0000-0000-c000-000000000000/.default",
            "00000003-0000-0000-c000-000000000000",
        ),
        ("https://vault.azure.net/.default", "https://vault.azure.net"),
        ("https://emulator.test:8443/.default", "https://emulator.test:8443"),
    ],
)
async def test_services_of_azure_are_named_as_they_were_asked_for(
    tokens: Tokens, scope: str, audience: str
) -> None:
    assert (await claims_for(tokens, scope=scope))["aud"] == audience


async def test_roles_are_of_graph_only(tokens: Tokens) -> None:
    assert "roles" in await claims_for(tokens)
    assert "roles" not in await claims_for(tokens, scope="https://vault.azure.net/.default")


async def test_a_managed_identity_is_told_by_its_resource_id(tokens: Tokens) -> None:
    answer = await tokens.granted(client_id=MANAGED)
    claims = claims_of(answer["access_token"])
    assert (claims["xms_mirid"], claims["appid"]) == (MANAGED_ID, MANAGED)
    assert (answer["expires_in"], claims["exp"] - claims["iat"]) == (86399, 86399)


async def test_how_a_client_proved_itself_is_told(tokens: Tokens) -> None:
    claims = await claims_for(tokens, client_secret="s3cret~of-the.app")
    assert claims["appidacr"] == "1"


async def test_the_emulators_clock_is_that_of_its_tokens(tokens: Tokens) -> None:
    tokens.world.clock.offset = -86400.0
    assertion = tokens.issuer.token(nbf=NOW - 90000)
    claims = await claims_for(tokens, client_assertion=assertion)
    assert (claims["iat"], claims["exp"]) == (NOW - 86400, NOW - 86400 + 3599)


@pytest.mark.parametrize("path", ["discovery/v2.0/keys", "discovery/keys"])
async def test_a_token_can_be_checked_by_the_published_keys(tokens: Tokens, path: str) -> None:
    token = (await tokens.granted())["access_token"]
    answer = await tokens.http.get(f"/{TENANT}/{path}")
    keys = jwt.PyJWKSet.from_dict(answer.json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    claims = jwt.decode(
        token,
        key,
        algorithms=["RS256"],
        audience="https://graph.microsoft.com",
        issuer=f"https://sts.windows.net/{TENANT}/",
        options=options,  # type: ignore[arg-type]
    )
    assert claims["appid"] == APP
    assert jwt.get_unverified_header(token)["typ"] == "JWT"


async def test_an_answer_with_a_token_is_not_to_be_kept(tokens: Tokens) -> None:
    answer = await tokens.ask()
    assert answer.headers["cache-control"] == "no-store, no-cache"
    assert answer.headers["content-type"] == "application/json"


async def test_a_tenant_and_a_client_may_be_written_in_any_case(tokens: Tokens) -> None:
    claims = await claims_for(tokens, tenant=TENANT.upper(), client_id=APP.upper())
    assert (claims["tid"], claims["appid"]) == (TENANT, APP)


async def test_version_1_of_the_endpoint_takes_a_resource(tokens: Tokens) -> None:
    answer = await tokens.granted(
        path="/oauth2/token", scope=None, resource="https://management.azure.com/"
    )
    token = answer.pop("access_token")
    assert answer == {
        "token_type": "Bearer",
        "expires_in": "3599",
        "ext_expires_in": "3599",
        "expires_on": str(NOW + 3599),
        "not_before": str(NOW),
        "resource": "https://management.azure.com/",
    }
    assert claims_of(token)["aud"] == "https://management.azure.com/"


async def test_version_1_of_the_endpoint_needs_a_resource(tokens: Tokens) -> None:
    answer = await tokens.ask(path="/oauth2/token", scope=None)
    assert told(answer) == (400, "invalid_request", 900144)


async def test_no_token_and_no_assertion_is_kept_or_logged(
    tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    assertion = tokens.issuer.token()
    token = (await tokens.granted(client_assertion=assertion))["access_token"]
    await tokens.ask(client_assertion=assertion + "x")
    kept = repr(tokens.world.exchanges.latest()) + repr(tokens.world.log.calls()) + caplog.text
    assert not any(part in kept for text in (assertion, token) for part in text.split("."))
