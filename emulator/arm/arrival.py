"""The way of every call: let through, its version and its caller looked at, then worked on."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from emulator.arm import words
from emulator.arm.access import check_access
from emulator.arm.kinds import Kind, check_version, present_version
from emulator.arm.paging import next_link
from emulator.arm.shapes import Shape
from emulator.bearer import Caller, Flaw, believed, presented
from emulator.calls.recorder import call_of
from emulator.calls.refusal import Refusal
from emulator.calls.throttle import Limit, arm_limits
from emulator.directory import ManagedIdentity
from emulator.tokens.resources import ARM
from emulator.web import world_of
from emulator.world import World

Verb = Literal["read", "write", "delete"]
Rate = Literal["", "get", "list", "write", "delete"]

_UUID: Final = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_REMAINING: Final = {
    "GET": ("x-ms-ratelimit-remaining-subscription-reads", 11999),
    "DELETE": ("x-ms-ratelimit-remaining-subscription-deletes", 14999),
}
_WRITES: Final = ("x-ms-ratelimit-remaining-subscription-writes", 1199)
"""What is left of a quiet subscription's hour, where nothing is throttled. Source:
https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling"""


@dataclass(frozen=True, slots=True)
class Errand:
    """What a call asks for, known from its path alone."""

    name: str
    """As the request log has it: `arm.credentials.put`."""
    of: Kind | None
    """None: of a type that is not served, so that there is nothing to look at."""
    verb: Verb
    scope: str = ""
    """Where it takes place, in the spelling of the vendor; empty: everywhere."""
    subscription: str = ""
    identity: str = ""
    """The key of the managed identity that it is about; empty: none."""
    rate: Rate = ""
    """Which of managed identities' rates it counts against."""
    open_to_all: bool = False
    """Whether it takes no role, since the answer holds only what the caller may see."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call that may be worked on."""

    world: World
    caller: Caller
    query: Mapping[str, str]
    """The names in lower case."""
    address: str
    """Its own, without the query."""
    headers: Mapping[str, str]

    def answer(self, content: Shape, status: int = 200) -> JSONResponse:
        """Return an answer with a body."""
        body = content.model_dump(by_alias=True, exclude_none=True)
        return JSONResponse(body, status, headers=dict(self.headers))

    def empty(self, status: int) -> Response:
        """Return an answer without one."""
        return Response(status_code=status, headers=dict(self.headers))

    def link(self, after: str) -> str | None:
        """Return the address of the page after a key; None: there is none."""
        return next_link(self.address, self.query, after) if after else None


async def arrive(request: Request, errand: Errand) -> Arrival:
    """Let a call in. Raises Refusal for what is throttled, failed on demand, or not allowed."""
    world, call = world_of(request), call_of(request.scope)
    holder = world.directory.identities.get(errand.identity)
    call.kind, call.identity = errand.name, holder.client_id.lower() if holder else ""
    found = presented(request, ARM)
    limits = _limits(world, errand, holder)
    await world.gate.admit(call, limits)
    query = {name.lower(): value for name, value in request.query_params.items()}
    version = present_version(query.get("api-version"))
    caller = _believed(found, request, errand)
    _check_subscription(world, errand.subscription, caller)
    if errand.of is not None:
        check_version(errand.of, version)
        if not errand.open_to_all:
            check_access(world, caller, errand.of.action(errand.verb), errand.scope)
    return Arrival(
        world=world,
        caller=caller,
        query=query,
        address=f"{world.origin}{quote(request.scope['path'])}",
        headers=_headers(world, request.method, limits),
    )


def _limits(world: World, errand: Errand, holder: ManagedIdentity | None) -> list[Limit]:
    subscription = world.directory.subscriptions.get(errand.subscription)
    if not errand.rate or subscription is None:
        return []
    return arm_limits(
        errand.rate,
        tenant=subscription.tenant,
        subscription=subscription.id,
        resource=holder.key if holder else "",
    )


def _believed(found: Caller | Flaw, request: Request, errand: Errand) -> Caller:
    try:
        return believed(found, request, ARM, words.UNBELIEVED)
    except Refusal as refusal:
        world = world_of(request)
        subscription = world.directory.subscriptions.get(errand.subscription)
        tenant = subscription.tenant if subscription else "common"
        why = found.value if isinstance(found, Flaw) else ""
        refusal.headers["WWW-Authenticate"] = words.challenge(world.origin, tenant, why)
        raise


def _check_subscription(world: World, subscription: str, caller: Caller) -> None:
    if not subscription:
        return
    if not _UUID.fullmatch(subscription):
        raise words.subscription_malformed(subscription)
    found = world.directory.subscriptions.get(subscription)
    if found is None:
        raise words.subscription_absent(subscription)
    if found.tenant.lower() != caller.tenant.lower():
        raise words.wrong_tenant(caller, found.tenant, world.origin)


def _headers(world: World, method: str, limits: list[Limit]) -> dict[str, str]:
    name, left = _REMAINING.get(method, _WRITES)
    factor = world.gate.settings.throttle
    if factor is not None and limits:
        left = min(world.gate.throttle.left(limits[:2], factor))
    return {name: str(left), "Cache-Control": "no-cache"}
