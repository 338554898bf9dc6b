"""What tells programs where things are: discovery of a tenant, and of an authority. Pure.

Sources: https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc and Entra's answers
as https://github.com/Azure/azure-workload-identity/issues/682 quotes them.
"""

from typing import Any, Final
from urllib.parse import urlsplit

from emulator.tokens import refusals

_ANY_TENANT: Final = "{tenantid}"
"""Stands in the issuer that `common` and the like tell: whose token it is decides."""


def discovery(origin: str, name: str, tenant_id: str | None, version: int) -> dict[str, Any]:
    """Return a tenant's discovery document for tokens of version 1 or 2.

    `name` is what the tenant is asked for by; `tenant_id` None stands for any tenant.
    """
    base, known = f"{origin}/{name}", tenant_id or _ANY_TENANT
    if version == 2:
        endpoints, keys, issuer = "oauth2/v2.0", "discovery/v2.0/keys", f"{origin}/{known}/v2.0"
    else:
        endpoints, keys, issuer = "oauth2", "discovery/keys", f"https://sts.windows.net/{known}/"
    return {
        "token_endpoint": f"{base}/{endpoints}/token",
        "token_endpoint_auth_methods_supported": [
            "client_secret_post",
            "private_key_jwt",
            "client_secret_basic",
        ],
        "jwks_uri": f"{base}/{keys}",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer,
        "authorization_endpoint": f"{base}/{endpoints}/authorize",
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nbf", "tid", "ver"],
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
        "msgraph_host": urlsplit(origin).netloc,
    }


def instance(origin: str, authorization_endpoint: str) -> dict[str, Any]:
    """Vouch for the emulator as an authority. Raises TokenRefusal for any other.

    Which port is asked about does not matter: msal for Python leaves it out.
    """
    own = urlsplit(origin)
    try:
        asked = urlsplit(authorization_endpoint)
        ours = asked.scheme == "https" and asked.hostname == own.hostname
    except ValueError as error:
        raise refusals.unknown_instance(origin) from error
    tenant = asked.path.lstrip("/").partition("/")[0]
    if not ours or not tenant:
        raise refusals.unknown_instance(origin)
    names = list(dict.fromkeys([own.netloc, own.hostname]))
    return {
        "tenant_discovery_endpoint": f"{origin}/{tenant}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [
            {"preferred_network": own.netloc, "preferred_cache": own.netloc, "aliases": names}
        ],
    }
