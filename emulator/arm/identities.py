"""User-assigned managed identities.

Resource groups are there by themselves: an identity can be made in any, and a group without one is
simply empty.
Source: https://learn.microsoft.com/rest/api/managedidentity/user-assigned-identities
"""

from collections.abc import Iterable
from dataclasses import replace

from fastapi import APIRouter, Request, Response

from emulator.any_case import AnyCase
from emulator.arm import words
from emulator.arm.arrival import Arrival, Errand, Rate, Verb, arrive
from emulator.arm.described import (
    IDENTITY,
    IDENTITY_CHANGE,
    REFUSALS,
    GroupName,
    IdentityName,
    SubscriptionId,
    described,
)
from emulator.arm.kinds import IDENTITIES
from emulator.arm.paging import cut
from emulator.arm.places import Place, region
from emulator.arm.shapes import IdentityBody, IdentityList, identity_body
from emulator.calls.refusal import Surface
from emulator.directory import ManagedIdentity
from emulator.directory.directory import new_id
from emulator.web import Json, json_body

router = APIRouter(route_class=AnyCase)

_PROVIDED = "providers/Microsoft.ManagedIdentity/userAssignedIdentities"
_ALL = f"/subscriptions/{{subscription}}/{_PROVIDED}"
_GROUP = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/{_PROVIDED}"
_ONE = f"{_GROUP}/{{identity}}"


@router.get(
    _ALL,
    operation_id="listIdentitiesOfSubscription",
    responses={200: {"model": IdentityList}, **REFUSALS},
    openapi_extra=described(IDENTITIES, paged=True),
)
async def of_subscription(subscription: SubscriptionId, request: Request) -> Response:
    """List the managed identities of a subscription."""
    scope = f"/subscriptions/{subscription}"
    errand = Errand(
        "arm.identities.list", IDENTITIES, "read", scope, subscription=subscription, rate="list"
    )
    arrival = await arrive(request, errand)
    rows = _rows(arrival)
    return _page(arrival, (row for row in rows if _same(row.subscription, subscription)))


@router.get(
    _GROUP,
    operation_id="listIdentitiesOfGroup",
    responses={200: {"model": IdentityList}, **REFUSALS},
    openapi_extra=described(IDENTITIES, paged=True),
)
async def of_group(subscription: SubscriptionId, group: GroupName, request: Request) -> Response:
    """List the managed identities of a resource group."""
    scope = f"/subscriptions/{subscription}/resourceGroups/{group}"
    errand = Errand(
        "arm.identities.list", IDENTITIES, "read", scope, subscription=subscription, rate="list"
    )
    arrival = await arrive(request, errand)
    rows = (row for row in _rows(arrival) if _same(row.subscription, subscription))
    return _page(arrival, (row for row in rows if _same(row.group, group)))


@router.get(
    _ONE,
    operation_id="getIdentity",
    responses={200: {"model": IdentityBody}, **REFUSALS},
    openapi_extra=described(IDENTITIES),
)
async def one(
    subscription: SubscriptionId, group: GroupName, identity: IdentityName, request: Request
) -> Response:
    """Tell a managed identity."""
    place = Place(subscription, group, identity)
    arrival = await arrive(request, _errand(place, "arm.identities.get", "read", "get"))
    world = arrival.world
    found = world.directory.identities.get(place.key, world.gate.read_at())
    if found is None:
        raise words.identity_absent(group, identity)
    return arrival.answer(identity_body(found))


@router.put(
    _ONE,
    operation_id="putIdentity",
    responses={200: {"model": IdentityBody}, 201: {"model": IdentityBody}, **REFUSALS},
    openapi_extra=described(IDENTITIES, body=IDENTITY),
)
async def put(
    subscription: SubscriptionId, group: GroupName, identity: IdentityName, request: Request
) -> Response:
    """Make a managed identity with its service principal, or give it other tags."""
    place = Place(subscription, group, identity)
    arrival = await arrive(request, _errand(place, "arm.identities.put", "write", "write"))
    body = await json_body(request, Surface.ARM)
    place.check()
    location, tags = _location(body), _tags(body, {})
    world = arrival.world
    there = world.directory.identities.get(place.key)
    if there is not None and region(there.location) != location:
        raise words.location_fixed(identity, group, there.location, location)
    wanted = (
        _new(place, arrival.caller.tenant, location, tags)
        if there is None
        else replace(there, tags=tags)
    )
    world.directory.put_identity(wanted, world.clock.moment())
    return arrival.answer(identity_body(wanted), 201 if there is None else 200)


@router.patch(
    _ONE,
    operation_id="patchIdentity",
    responses={200: {"model": IdentityBody}, **REFUSALS},
    openapi_extra=described(IDENTITIES, body=IDENTITY_CHANGE),
)
async def patch(
    subscription: SubscriptionId, group: GroupName, identity: IdentityName, request: Request
) -> Response:
    """Give a managed identity other tags."""
    place = Place(subscription, group, identity)
    arrival = await arrive(request, _errand(place, "arm.identities.patch", "write", "write"))
    body = await json_body(request, Surface.ARM)
    world = arrival.world
    there = world.directory.identities.get(place.key)
    if there is None:
        raise words.identity_absent(group, identity)
    wanted = replace(there, tags=_tags(body, there.tags))
    world.directory.put_identity(wanted, world.clock.moment())
    return arrival.answer(identity_body(wanted))


@router.delete(
    _ONE,
    operation_id="deleteIdentity",
    status_code=200,
    responses={200: {"description": "Gone"}, 204: {"description": "Not there"}, **REFUSALS},
    response_class=Response,
    openapi_extra=described(IDENTITIES),
)
async def delete(
    subscription: SubscriptionId, group: GroupName, identity: IdentityName, request: Request
) -> Response:
    """Remove a managed identity with its credentials, its service principal and its roles."""
    place = Place(subscription, group, identity)
    arrival = await arrive(request, _errand(place, "arm.identities.delete", "delete", "delete"))
    world = arrival.world
    there = world.directory.identities.get(place.key)
    if there is None:
        return arrival.empty(204)
    world.directory.delete_identity(there, world.clock.moment())
    return arrival.empty(200)


def _errand(place: Place, name: str, verb: Verb, rate: Rate) -> Errand:
    return Errand(name, IDENTITIES, verb, place.id, place.subscription, place.key, rate)


def _rows(arrival: Arrival) -> list[ManagedIdentity]:
    world = arrival.world
    return world.directory.identities.values(world.gate.read_at())


def _page(arrival: Arrival, rows: Iterable[ManagedIdentity]) -> Response:
    page = cut(((row.key, row) for row in rows), arrival.query)
    value = [identity_body(row) for row in page.items]
    return arrival.answer(IdentityList(value=value, next_link=arrival.link(page.after)))


def _new(place: Place, tenant: str, location: str, tags: dict[str, str]) -> ManagedIdentity:
    return ManagedIdentity(
        subscription=place.subscription,
        group=place.group,
        name=place.name,
        client_id=new_id(),
        principal_id=new_id(),
        tenant=tenant,
        location=location,
        tags=tags,
    )


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def _location(body: Json) -> str:
    location = body.get("location")
    if location is None:
        raise words.location_missing()
    if not isinstance(location, str) or not region(location).isalnum() or len(location) > 100:
        raise words.invalid("location must be the name of a region, such as westeurope")
    return region(location)


def _tags(body: Json, otherwise: dict[str, str]) -> dict[str, str]:
    tags = body.get("tags")
    if tags is None:
        return otherwise
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise words.invalid("tags must be an object whose values are texts")
    return tags
