"""Paths of Resource Manager that nothing else serves: said to be so in its own words.

Source: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/
error-register-resource-provider
"""

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from emulator.any_case import AnyCase
from emulator.arm import assignments, credentials, definitions, identities, subscriptions
from emulator.arm.arrival import Errand, arrive
from emulator.arm.kinds import KINDS
from emulator.calls.refusal import Refusal

router = APIRouter(route_class=AnyCase)

_METHODS: Final = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"]
_SERVED: Final = [
    route
    for part in (subscriptions, identities, credentials, definitions, assignments)
    for route in part.router.routes
    if isinstance(route, APIRoute)
]
_NAMESPACES: Final = {kind.namespace.lower(): kind.namespace for kind in KINDS}


@router.api_route("/subscriptions/{rest:path}", methods=_METHODS, include_in_schema=False)
@router.api_route("/providers/{rest:path}", methods=_METHODS, include_in_schema=False)
async def unknown(rest: str, request: Request) -> Response:
    """Refuse what is not served, once its caller is known."""
    of_subscription = request.scope["path"].lower().startswith("/subscriptions/")
    subscription = rest.partition("/")[0] if of_subscription else ""
    errand = Errand("arm.unknown", None, "read", subscription=subscription)
    arrival = await arrive(request, errand)
    raise _refusal(request.scope, arrival.query["api-version"])


def _refusal(scope: Scope, version: str) -> Refusal:
    if allowed := _allowed(scope):
        return Refusal(
            405,
            "MethodNotAllowed",
            f"The requested resource does not support http method '{scope['method']}'.",
            {"Allow": ", ".join(allowed)},
        )
    namespace, kind = _named(scope["path"])
    if namespace.lower() not in _NAMESPACES:
        words = f"The resource namespace '{namespace[:100]}' is invalid."
        return Refusal(404, "InvalidResourceNamespace", words)
    known = [one for one in KINDS if one.namespace.lower() == namespace.lower()]
    return Refusal(
        404,
        "InvalidResourceType",
        f"The resource type '{kind[:100]}' could not be found in the namespace"
        f" '{_NAMESPACES[namespace.lower()]}' for api version '{version[:50]}'. The emulator serves"
        f" {', '.join(one.name for one in known)}.",
    )


def _allowed(scope: Scope) -> list[str]:
    methods: set[str] = set()
    for route in _SERVED:
        if route.matches(scope)[0] is Match.PARTIAL:
            methods |= route.methods or set()
    return sorted(methods)


def _named(path: str) -> tuple[str, str]:
    """Return the namespace and the type that a path ends in."""
    segments = path.split("/")
    lowered = [segment.lower() for segment in segments]
    if "providers" not in lowered:
        return "Microsoft.Resources", "/".join(segments[1::2])
    at = len(lowered) - 1 - lowered[::-1].index("providers")
    return "".join(segments[at + 1 : at + 2]), "/".join(segments[at + 2 :: 2])
