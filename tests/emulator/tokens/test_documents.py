"""Discovery: of a tenant's endpoints, and of the emulator as an authority."""

import pytest

from tests.emulator.tokens.conftest import TENANT, Tokens, told, words

ORIGIN = "https://emulator.test:8443"
SHARED = {
    "token_endpoint_auth_methods_supported": [
        "client_secret_post",
        "private_key_jwt",
        "client_secret_basic",
    ],
    "response_modes_supported": ["query", "fragment", "form_post"],
    "subject_types_supported": ["pairwise"],
    "id_token_signing_alg_values_supported": ["RS256"],
    "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
    "scopes_supported": ["openid", "profile", "email", "offline_access"],
    "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nbf", "tid", "ver"],
    "tenant_region_scope": "EU",
    "cloud_instance_name": "microsoftonline.com",
    "msgraph_host": "emulator.test:8443",
}


async def test_a_tenants_endpoints_are_told(tokens: Tokens) -> None:
    answer = await tokens.http.get(f"/{TENANT}/v2.0/.well-known/openid-configuration")
    assert answer.json() == SHARED | {
        "issuer": f"{ORIGIN}/{TENANT}/v2.0",
        "token_endpoint": f"{ORIGIN}/{TENANT}/oauth2/v2.0/token",
        "authorization_endpoint": f"{ORIGIN}/{TENANT}/oauth2/v2.0/authorize",
        "jwks_uri": f"{ORIGIN}/{TENANT}/discovery/v2.0/keys",
    }


async def test_a_tenants_endpoints_of_version_1_are_told(tokens: Tokens) -> None:
    answer = await tokens.http.get(f"/{TENANT}/.well-known/openid-configuration")
    assert answer.json() == SHARED | {
        "issuer": f"https://sts.windows.net/{TENANT}/",
        "token_endpoint": f"{ORIGIN}/{TENANT}/oauth2/token",
        "authorization_endpoint": f"{ORIGIN}/{TENANT}/oauth2/authorize",
        "jwks_uri": f"{ORIGIN}/{TENANT}/discovery/keys",
    }


@pytest.mark.parametrize(
    ("version", "wanted"), [("/v2.0", {}), ("", {"resource": "https://graph.microsoft.com"})]
)
async def test_what_is_told_leads_on(tokens: Tokens, version: str, wanted: dict[str, str]) -> None:
    path = f"/{TENANT.upper()}{version}/.well-known/openid-configuration"
    found = (await tokens.http.get(path)).json()
    assert (await tokens.http.get(found["jwks_uri"])).json() == tokens.world.signer.keys()
    form = tokens.form(**wanted)
    assert (await tokens.http.post(found["token_endpoint"], data=form)).status_code == 200


@pytest.mark.parametrize("name", ["common", "organizations", "Common"])
async def test_an_alias_of_all_tenants_names_none(tokens: Tokens, name: str) -> None:
    found = (await tokens.http.get(f"/{name}/v2.0/.well-known/openid-configuration")).json()
    assert found["issuer"] == f"{ORIGIN}/{{tenantid}}/v2.0"
    assert found["token_endpoint"] == f"{ORIGIN}/{name}/oauth2/v2.0/token"
    assert (await tokens.http.get(f"/{name}/discovery/v2.0/keys")).status_code == 200


@pytest.mark.parametrize("path", ["v2.0/.well-known/openid-configuration", "discovery/v2.0/keys"])
async def test_an_unknown_tenant_is_told(tokens: Tokens, path: str) -> None:
    answer = await tokens.http.get(f"/contoso.test/{path}")
    assert told(answer) == (400, "invalid_request", 90002)


@pytest.mark.parametrize("host", ["emulator.test:8443", "emulator.test", "EMULATOR.test:8443"])
async def test_the_emulator_vouches_for_itself(tokens: Tokens, host: str) -> None:
    answer = await tokens.http.get(
        "/common/discovery/instance",
        params={
            "api-version": "1.1",
            "authorization_endpoint": f"https://{host}/{TENANT}/oauth2/v2.0/authorize",
        },
    )
    assert answer.json() == {
        "tenant_discovery_endpoint": f"{ORIGIN}/{TENANT}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [
            {
                "preferred_network": "emulator.test:8443",
                "preferred_cache": "emulator.test:8443",
                "aliases": ["emulator.test:8443", "emulator.test"],
            }
        ],
    }


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/authorize",
        f"http://emulator.test:8443/{TENANT}/oauth2/v2.0/authorize",
        f"https://emulator.test.evil.test/{TENANT}/",
        f"https://emulator.test@evil.test/{TENANT}/",
        "https://emulator.test:8443",
        "https://emulator.test:8443/",
        "https://[::1/x",
    ],
)
async def test_the_emulator_vouches_for_nobody_else(tokens: Tokens, endpoint: str) -> None:
    answer = await tokens.http.get(
        "/common/discovery/instance", params={"authorization_endpoint": endpoint}
    )
    assert told(answer) == (400, "invalid_instance", 50049)
    assert words(answer) == f"Unknown or invalid instance. This one vouches for {ORIGIN} only."
