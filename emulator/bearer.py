"""Who calls Graph or Resource Manager: the access token of a request, read and judged.

Reading and refusing are two steps, since the failures that are asked for come between them.
Source: RFC 6750; https://learn.microsoft.com/entra/identity-platform/access-tokens
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import jwt
from fastapi import Request

from emulator.calls.recorder import call_of
from emulator.calls.refusal import Refusal
from emulator.tokens.resources import Resource
from emulator.web import world_of
from emulator.world import World

SKEW: Final = 300.0
"""Seconds by which clocks may differ."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a token speaks for."""

    tenant: str
    client_id: str
    """In lower case."""
    object_id: str
    """Of its service principal, in lower case."""
    roles: frozenset[str]
    """Permissions of the application, as Graph calls them."""


class Flaw(Enum):
    """Why a request's token does not count; each service has a code and words of its own."""

    MISSING = "there is no bearer token"
    MALFORMED = "it is no token of this emulator"
    EXPIRED = "its time is over"
    EARLY = "its time has not come"
    AUDIENCE = "it is for another resource"


Wording = Mapping[Flaw, tuple[str, str]]
"""A service's code and message for each flaw."""


def presented(request: Request, resource: Resource) -> Caller | Flaw:
    """Read a request's token, and note its client id in the request's record.

    `resource` or the emulator itself must be what the token is for.
    """
    world = world_of(request)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return Flaw.MISSING
    try:
        claims = world.signer.read(token.strip())
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return Flaw.MALFORMED
    caller = _caller(claims)
    call_of(request.scope).caller = caller.client_id
    return _flaw(claims, world, resource) or caller


def believed(
    found: Caller | Flaw, request: Request, resource: Resource, wording: Wording
) -> Caller:
    """Return the caller. Raises Refusal (401) for a flaw, with where tokens are had."""
    if isinstance(found, Caller):
        return found
    code, message = wording[found]
    authority = f"{world_of(request).origin}/common/oauth2/v2.0/authorize"
    challenge = f'Bearer realm="", authorization_uri="{authority}", client_id="{resource.app_id}"'
    if found is not Flaw.MISSING:
        challenge += f', error="invalid_token", error_description="{found.value}"'
    raise Refusal(401, code, message, {"WWW-Authenticate": challenge})


def _caller(claims: Mapping[str, Any]) -> Caller:
    return Caller(
        tenant=claims["tid"],
        client_id=str(claims.get("appid") or claims["azp"]).lower(),
        object_id=claims["oid"].lower(),
        roles=frozenset(claims.get("roles", ())),
    )


def _flaw(claims: Mapping[str, Any], world: World, resource: Resource) -> Flaw | None:
    if not world.resources.is_for(claims["aud"], resource):
        return Flaw.AUDIENCE
    now = world.clock.now()
    if now > claims["exp"] + SKEW:
        return Flaw.EXPIRED
    return Flaw.EARLY if now < claims["nbf"] - SKEW else None
