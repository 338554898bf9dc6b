"""The paths of the token endpoint, its discovery documents and its keys."""

from urllib.parse import parse_qsl

from fastapi import APIRouter, Request

from emulator.calls.recorder import call_of
from emulator.calls.refusal import Refusal, Surface, TokenRefusal
from emulator.tokens.endpoint import with_basic
from emulator.tokens.exchanges import Exchange
from emulator.web import Json, bounded_body, world_of

router = APIRouter(tags=["tokens"])


@router.post("/{tenant}/oauth2/v2.0/token", operation_id="token")
async def token(tenant: str, request: Request) -> Json:
    """Exchange a federated assertion or a secret for an access token."""
    world, call = world_of(request), call_of(request.scope)
    form = with_basic(await _form(request), request.headers.get("authorization", ""))
    exchange = Exchange(
        at=world.clock.now(),
        tenant=tenant,
        client_id=form.get("client_id", "")[:100].lower(),
        scope=form.get("scope", "")[:300],
    )
    call.kind, call.identity = "token", exchange.client_id
    try:
        await world.gate.admit(call)
        answer = await world.tokens.answer(form, exchange)
    except Refusal as refusal:
        exchange.aadsts = refusal.aadsts if isinstance(refusal, TokenRefusal) else refusal.status
        exchange.reason = refusal.message
        raise
    finally:
        world.exchanges.add(exchange)
    return answer


@router.get("/{tenant}/v2.0/.well-known/openid-configuration", operation_id="discovery")
async def discovery(tenant: str, request: Request) -> Json:
    """Tell where a tenant's endpoints are."""
    world, call = world_of(request), call_of(request.scope)
    call.kind = "discovery"
    await world.gate.admit(call)
    found = world.tokens.tenant(tenant)
    base = f"{world.origin}/{tenant}"
    return {
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "token_endpoint_auth_methods_supported": [
            "client_secret_post",
            "private_key_jwt",
            "client_secret_basic",
        ],
        "jwks_uri": f"{base}/discovery/v2.0/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": f"{world.origin}/{found}/v2.0",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
    }


@router.get("/{tenant}/discovery/v2.0/keys", operation_id="keys")
@router.get("/{tenant}/discovery/keys", operation_id="keysOfVersion1")
async def keys(tenant: str, request: Request) -> Json:
    """Publish the keys that access tokens are signed with."""
    world, call = world_of(request), call_of(request.scope)
    call.kind = "keys"
    await world.gate.admit(call)
    if tenant != "common":
        world.tokens.tenant(tenant)
    return world.signer.keys()


@router.get("/common/discovery/instance", operation_id="instanceDiscovery")
async def instance(request: Request, authorization_endpoint: str = "") -> Json:
    """Vouch for the emulator itself as an authority, and for no other."""
    world, call = world_of(request), call_of(request.scope)
    call.kind = "instance-discovery"
    await world.gate.admit(call)
    prefix = f"{world.origin}/"
    if not authorization_endpoint.lower().startswith(prefix.lower()):
        raise TokenRefusal(
            400,
            "invalid_instance",
            50049,
            f"Unknown or invalid instance: '{authorization_endpoint[:200]}' is not of {prefix}.",
        )
    tenant = authorization_endpoint[len(prefix) :].split("/", 1)[0]
    host = world.origin.removeprefix("https://")
    return {
        "tenant_discovery_endpoint": (
            f"{world.origin}/{tenant}/v2.0/.well-known/openid-configuration"
        ),
        "api-version": "1.1",
        "metadata": [
            {"preferred_network": host, "preferred_cache": host, "aliases": [host]},
        ],
    }


async def _form(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise TokenRefusal(
            400,
            "invalid_request",
            900144,
            "The request body must be a form (application/x-www-form-urlencoded) and contain the"
            " following parameter: 'grant_type'.",
        )
    body = await bounded_body(request, Surface.TOKEN)
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=100)
    except ValueError as error:
        raise TokenRefusal(
            400, "invalid_request", 90014, "The request body can't be read as a form."
        ) from error
    return dict(pairs)
