"""The instance metadata service's paths.

The Metadata header is looked at before anything else: SDKs send a request without it to find out
whether the service is there, and take a 400 for yes.
Source: https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#security-and-authentication
"""

from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from emulator.any_case import AnyCase
from emulator.calls.log import Call
from emulator.calls.recorder import call_of
from emulator.calls.refusal import Refusal
from emulator.directory import ManagedIdentity
from emulator.imds import asked as asking
from emulator.imds.asked import Asked
from emulator.imds.node import attach_node
from emulator.tokens import issue
from emulator.tokens.exchanges import Exchange
from emulator.web import world_of
from emulator.world import World

router = APIRouter(tags=["imds"], route_class=AnyCase)


class TokenBody(BaseModel):
    """A token. All values are texts."""

    model_config = ConfigDict(extra="forbid")

    access_token: str
    refresh_token: str
    expires_in: str
    expires_on: str
    not_before: str
    resource: str
    token_type: str


class ErrorBody(BaseModel):
    """A refusal."""

    error: str
    error_description: str


_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {"model": ErrorBody, "description": "Refused"},
    "5XX": {"model": ErrorBody, "description": "Failed on demand"},
}


def _parameter(name: str, schema: dict[str, Any], *, where: str = "query") -> dict[str, Any]:
    required = name in {"api-version", "resource", "Metadata"}
    return {"name": name, "in": where, "required": required, "schema": schema}


_TEXT: Final = {"type": "string"}
_DESCRIBED: Final = {
    "parameters": [
        _parameter("Metadata", {"type": "string", "enum": ["true"]}, where="header"),
        _parameter("api-version", {"type": "string", "pattern": r"^20(19|2\d)-\d{2}-\d{2}$"}),
        _parameter("resource", _TEXT | {"minLength": 1}),
        _parameter("client_id", _TEXT),
        _parameter("object_id", _TEXT),
        _parameter("msi_res_id", _TEXT),
    ]
}


@router.get(
    "/metadata/identity/oauth2/token",
    operation_id="imdsToken",
    response_model=TokenBody,
    responses=_REFUSALS,
    openapi_extra=_DESCRIBED,
)
async def token(request: Request) -> dict[str, str]:
    """Give a token of the machine's own identity, or of one that is attached to it."""
    world, call = world_of(request), call_of(request.scope)
    _check_headers(request, call)
    call.kind = "imds.token"
    exchange = Exchange(at=world.clock.now(), tenant="", how="imds")
    try:
        return await _token(request, call, exchange)
    except Refusal as refusal:
        exchange.aadsts, exchange.reason = refusal.status, refusal.message
        raise
    finally:
        world.exchanges.add(exchange)


@router.get("/{rest:path}", include_in_schema=False)
async def unknown(rest: str, request: Request) -> None:
    """Refuse what is not served."""
    call = call_of(request.scope)
    _check_headers(request, call)
    call.kind = "imds.unknown"
    await world_of(request).gate.admit(call)
    raise Refusal(404, "not_found", f"/{rest[:300]} is not served")


def _check_headers(request: Request, call: Call) -> None:
    if request.headers.get("metadata") != "true":
        call.kind = "imds.probe"
        world_of(request).log.understood(call)
        raise asking.refused("Required metadata header not specified", "bad_request_102")
    if "x-forwarded-for" in request.headers:
        call.kind = "imds.forwarded"
        world_of(request).log.understood(call)
        raise asking.refused("A request that was forwarded (X-Forwarded-For) is not served")


async def _token(request: Request, call: Call, exchange: Exchange) -> dict[str, str]:
    world = world_of(request)
    found = _found(request, world)
    if not isinstance(found, Refusal):
        asked, holder = found
        call.identity = exchange.client_id = holder.client_id.lower()
        exchange.tenant, exchange.scope = holder.tenant, asked.resource[:300]
    await world.gate.admit(call)
    if isinstance(found, Refusal):
        raise found
    return _issued(*found, world)


def _found(request: Request, world: World) -> tuple[Asked, ManagedIdentity] | Refusal:
    """Return what is asked for, and whose token it is; or why there is none."""
    try:
        asked = asking.read(request.query_params.multi_items())
    except Refusal as refusal:
        return refusal
    if asked.by:
        holder = asking.attached(asked, world.directory)
    else:
        holder = attach_node(world.directory, world.clock.moment())
    return asking.refused("Identity not found") if holder is None else (asked, holder)


def _issued(asked: Asked, holder: ManagedIdentity, world: World) -> dict[str, str]:
    resource = world.resources.find(asked.resource, holder.tenant)
    principal = world.directory.principal(holder.tenant, holder.client_id)
    if principal is None:
        raise asking.refused("Identity not found")
    if resource is None:
        raise asking.refused(
            f"AADSTS500011: The resource principal named {asked.resource[:200]} was not found in"
            f" the tenant named {holder.tenant}.",
            "invalid_resource",
        )
    grant = issue.Grant(holder, principal, resource, asked.resource, holder.tenant, issue.ASSERTION)
    answer = world.tokens.issue(grant)
    claims = world.signer.read(answer["access_token"])
    return {
        "access_token": answer["access_token"],
        "refresh_token": "",
        "expires_in": str(answer["expires_in"]),
        "expires_on": str(claims["exp"]),
        "not_before": str(claims["nbf"]),
        "resource": asked.resource,
        "token_type": answer["token_type"],
    }
