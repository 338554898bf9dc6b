"""The paths of the token endpoint, its discovery documents and its keys."""

from collections.abc import Callable
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query, Request, Response

from emulator.calls.recorder import call_of
from emulator.calls.refusal import Refusal, Surface, TokenRefusal
from emulator.tokens import documents, refusals
from emulator.tokens.described import ANSWERS, DOCUMENT, FORM, FORM_1, KEY_SET, TOKEN
from emulator.tokens.endpoint import ALIASES
from emulator.tokens.exchanges import Exchange
from emulator.tokens.form import Form, is_form, read_form, with_basic
from emulator.web import bounded_body, world_of
from emulator.world import World

router = APIRouter(tags=["tokens"], default_response_class=Response, responses=ANSWERS)

_FRESH: Final = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}
_KEPT: Final = {"Cache-Control": "max-age=86400, private"}


@router.post(
    "/{tenant}/oauth2/v2.0/token",
    operation_id="token",
    responses={200: TOKEN},
    openapi_extra={"requestBody": FORM},
)
async def token(tenant: str, request: Request) -> Response:
    """Exchange a federated assertion, a secret or a certificate's assertion for a token."""
    form = await _form(request)
    if "resource" in form:
        raise refusals.resource_not_supported()
    answer = await _exchanged(request, tenant, form)
    return _json(answer, _FRESH)


@router.post(
    "/{tenant}/oauth2/token",
    operation_id="tokenOfVersion1",
    responses={200: TOKEN},
    openapi_extra={"requestBody": FORM_1},
)
async def token_of_version_1(tenant: str, request: Request) -> Response:
    """Do the same for programs that name a resource, no scope; numbers are texts in the answer."""
    form = dict(await _form(request))
    resource = form.pop("resource", "")
    if resource:
        form["scope"] = f"{resource}/.default"
    answer = await _exchanged(request, tenant, form)
    now = int(world_of(request).clock.now())
    life = answer["expires_in"]
    texts = {"expires_in": life, "ext_expires_in": life, "expires_on": now + life}
    told = {name: str(value) for name, value in (texts | {"not_before": now}).items()}
    return _json(answer | told | {"resource": resource}, _FRESH)


@router.get(
    "/{tenant}/v2.0/.well-known/openid-configuration",
    operation_id="discovery",
    responses={200: DOCUMENT},
)
async def discovery(tenant: str, request: Request) -> Response:
    """Tell where a tenant's endpoints are."""
    return await _document(request, "discovery", lambda world: _discovery(world, tenant, 2))


@router.get(
    "/{tenant}/.well-known/openid-configuration",
    operation_id="discoveryOfVersion1",
    responses={200: DOCUMENT},
)
async def discovery_of_version_1(tenant: str, request: Request) -> Response:
    """Tell where a tenant's endpoints of version 1 are."""
    return await _document(request, "discovery", lambda world: _discovery(world, tenant, 1))


@router.get("/{tenant}/discovery/v2.0/keys", operation_id="keys", responses={200: KEY_SET})
@router.get("/{tenant}/discovery/keys", operation_id="keysOfVersion1", responses={200: KEY_SET})
async def keys(tenant: str, request: Request) -> Response:
    """Publish the keys that access tokens are signed with."""
    return await _document(request, "keys", lambda world: _keys(world, tenant))


@router.get(
    "/common/discovery/instance", operation_id="instanceDiscovery", responses={200: DOCUMENT}
)
async def instance(
    request: Request, authorization_endpoint: Annotated[str, Query(max_length=2000)] = ""
) -> Response:
    """Vouch for the emulator itself as an authority, and for no other."""
    return await _document(
        request,
        "instance-discovery",
        lambda world: documents.instance(world.origin, authorization_endpoint),
    )


async def _exchanged(request: Request, tenant: str, form: Form) -> dict[str, Any]:
    """Admit, answer and record one request for a token. Raises Refusal."""
    world, call = world_of(request), call_of(request.scope)
    exchange = Exchange(
        at=world.clock.now(),
        tenant=tenant[:100],
        client_id=form.get("client_id", "")[:100].lower(),
        scope=refusals.shown(form.get("scope", "")),
    )
    call.kind, call.identity = "token", exchange.client_id
    try:
        await world.gate.admit(call)
        answer = await world.tokens.answer(form, exchange)
    except Refusal as refusal:
        exchange.aadsts = refusal.aadsts if isinstance(refusal, TokenRefusal) else refusal.status
        exchange.reason = refusal.message
        world.exchanges.add(exchange)
        raise
    world.exchanges.add(exchange)
    return answer


async def _form(request: Request) -> Form:
    """Read what a request sends. Raises Refusal."""
    call = call_of(request.scope)
    call.kind = "token"
    headers = request.headers
    if not is_form(headers.get("content-type", "")):
        raise refusals.missing("grant_type")
    body = await bounded_body(request, Surface.TOKEN)
    return with_basic(read_form(body), headers.get("authorization", ""))


async def _document(
    request: Request, kind: str, make: Callable[[World], dict[str, Any]]
) -> Response:
    world, call = world_of(request), call_of(request.scope)
    call.kind = kind
    await world.gate.admit(call)
    return _json(make(world), _KEPT)


def _discovery(world: World, name: str, version: int) -> dict[str, Any]:
    tenant_id = None if name.lower() in ALIASES else world.tokens.tenant(name)
    return documents.discovery(world.origin, name, tenant_id, version)


def _keys(world: World, name: str) -> dict[str, Any]:
    if name.lower() not in ALIASES:
        world.tokens.tenant(name)
    return world.signer.keys()


def _json(content: dict[str, Any], headers: dict[str, str]) -> Response:
    return Response(orjson.dumps(content), media_type="application/json", headers=headers)
