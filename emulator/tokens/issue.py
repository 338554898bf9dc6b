"""Access tokens with Entra's claims. Pure but for the ids in them.

Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
"""

import base64
import secrets
from dataclasses import dataclass
from typing import Any, Final

from emulator.directory import (
    DEFAULT_PERMISSIONS,
    Holder,
    ManagedIdentity,
    ServicePrincipal,
)
from emulator.tokens.resources import GRAPH, Resource

LIFE: Final = 3599
"""Seconds; Entra's lives vary between 60 and 90 minutes, a managed identity's is 24 hours."""
MANAGED_LIFE: Final = 86399

SECRET: Final = "1"
ASSERTION: Final = "2"
"""How the client proved who it is, as `appidacr` and `azpacr` say it."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Who gets a token for what."""

    holder: Holder
    principal: ServicePrincipal
    resource: Resource
    audience: str
    """The resource as it was asked for; tokens of version 1 carry it as it stands."""
    tenant: str
    proof: str


def claims(grant: Grant, *, authority: str, now: float, life: int) -> dict[str, Any]:
    """Return what stands in the token. `authority` has no slash at its end."""
    issued = int(now)
    tenant, client_id = grant.tenant, grant.holder.client_id
    shared: dict[str, Any] = {
        "iat": issued,
        "nbf": issued,
        "exp": issued + life,
        "aio": _opaque(20),
        "idtyp": "app",
        "oid": grant.principal.object_id,
        "rh": _opaque(16),
        "sub": grant.principal.object_id,
        "tid": tenant,
        "uti": _opaque(16),
    }
    if roles := _roles(grant):
        shared["roles"] = list(roles)
    if isinstance(grant.holder, ManagedIdentity):
        shared["xms_mirid"] = grant.holder.resource_id
    if grant.resource.version == 2:
        return shared | {
            "aud": grant.resource.app_id,
            "iss": f"{authority}/{tenant}/v2.0",
            "azp": client_id,
            "azpacr": grant.proof,
            "ver": "2.0",
        }
    return shared | {
        "aud": grant.audience,
        "iss": f"https://sts.windows.net/{tenant}/",
        "appid": client_id,
        "appidacr": grant.proof,
        "idp": f"https://sts.windows.net/{tenant}/",
        "ver": "1.0",
    }


def _roles(grant: Grant) -> tuple[str, ...]:
    if grant.resource is not GRAPH and grant.resource.app_id != "azwi-emulator":
        return ()
    permissions = grant.holder.permissions
    return DEFAULT_PERMISSIONS if permissions is None else permissions


def _opaque(length: int) -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(length)).rstrip(b"=").decode()
