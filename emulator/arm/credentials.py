"""Federated credentials of user-assigned managed identities.

Source: https://learn.microsoft.com/rest/api/managedidentity/federated-identity-credentials
"""

from typing import Final

from fastapi import APIRouter, Request, Response

from emulator.any_case import AnyCase
from emulator.arm import words
from emulator.arm.arrival import Arrival, Errand, Rate, Verb, arrive
from emulator.arm.described import (
    CREDENTIAL,
    REFUSALS,
    CredentialName,
    GroupName,
    IdentityName,
    SubscriptionId,
    described,
)
from emulator.arm.kinds import CREDENTIALS
from emulator.arm.paging import cut
from emulator.arm.places import Place, region
from emulator.arm.shapes import CredentialBody, CredentialList, credential_body
from emulator.calls.refusal import Surface
from emulator.directory import Credential, ManagedIdentity
from emulator.directory.directory import new_id
from emulator.directory.rules import breach
from emulator.web import Json, json_body

router = APIRouter(route_class=AnyCase)

REGIONS_WITHOUT: Final = frozenset({"malaysiasouth", "newzealandnorth"})
"""Source: https://learn.microsoft.com/entra/workload-id/
workload-identity-federation-considerations#unsupported-regions-user-assigned-managed-identities"""

_ALL = (
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ManagedIdentity"
    "/userAssignedIdentities/{identity}/federatedIdentityCredentials"
)
_ONE = f"{_ALL}/{{credential}}"


@router.get(
    _ALL,
    operation_id="listCredentials",
    responses={200: {"model": CredentialList}, **REFUSALS},
    openapi_extra=described(CREDENTIALS, paged=True),
)
async def listed(
    subscription: SubscriptionId, group: GroupName, identity: IdentityName, request: Request
) -> Response:
    """List the federated credentials of a managed identity."""
    place = Place(subscription, group, identity)
    arrival = await arrive(request, _errand(place, "", "read", "list"))
    at = arrival.world.gate.read_at()
    parent = _parent(arrival, place, "read", at)
    rows = arrival.world.directory.credentials(parent.key).values(at)
    page = cut(((row.name, row) for row in rows), arrival.query)
    value = [credential_body(parent, row) for row in page.items]
    return arrival.answer(CredentialList(value=value, next_link=arrival.link(page.after)))


@router.get(
    _ONE,
    operation_id="getCredential",
    responses={200: {"model": CredentialBody}, **REFUSALS},
    openapi_extra=described(CREDENTIALS),
)
async def one(
    subscription: SubscriptionId,
    group: GroupName,
    identity: IdentityName,
    credential: CredentialName,
    request: Request,
) -> Response:
    """Tell a federated credential."""
    place = Place(subscription, group, identity)
    arrival = await arrive(request, _errand(place, credential, "read", "get"))
    at = arrival.world.gate.read_at()
    parent = _parent(arrival, place, "read", at)
    found = arrival.world.directory.credentials(parent.key).get(credential, at)
    if found is None:
        raise words.credential_absent(group, identity, credential)
    return arrival.answer(credential_body(parent, found))


@router.put(
    _ONE,
    operation_id="putCredential",
    responses={200: {"model": CredentialBody}, 201: {"model": CredentialBody}, **REFUSALS},
    openapi_extra=described(CREDENTIALS, body=CREDENTIAL),
)
async def put(
    subscription: SubscriptionId,
    group: GroupName,
    identity: IdentityName,
    credential: CredentialName,
    request: Request,
) -> Response:
    """Make or change a federated credential; only one write at a time for each identity."""
    place = Place(subscription, group, identity)
    arrival = await arrive(request, _errand(place, credential, "write", "write"))
    body = await json_body(request, Surface.ARM)
    world = arrival.world
    parent = _parent(arrival, place, "write")
    if region(parent.location) in REGIONS_WITHOUT:
        raise words.region_without_credentials()
    wanted = _read(body, credential)
    async with world.gate.writing(parent.key):
        table = world.directory.credentials(parent.key)
        there = table.get(credential)
        if found := breach(wanted, [row for row in table.values() if row is not there]):
            raise words.credential_breach(found, credential)
        kept = wanted if there is None else _in_place_of(there, wanted)
        table.put(kept.name, kept, world.clock.moment())
    return arrival.answer(credential_body(parent, kept), 201 if there is None else 200)


@router.delete(
    _ONE,
    operation_id="deleteCredential",
    status_code=200,
    responses={200: {"description": "Gone"}, 204: {"description": "Not there"}, **REFUSALS},
    response_class=Response,
    openapi_extra=described(CREDENTIALS),
)
async def delete(
    subscription: SubscriptionId,
    group: GroupName,
    identity: IdentityName,
    credential: CredentialName,
    request: Request,
) -> Response:
    """Remove a federated credential; a write like any other."""
    place = Place(subscription, group, identity)
    arrival = await arrive(request, _errand(place, credential, "delete", "delete"))
    world = arrival.world
    parent = _parent(arrival, place, "delete")
    async with world.gate.writing(parent.key):
        table = world.directory.credentials(parent.key)
        gone = table.delete(credential, world.clock.moment())
    return arrival.empty(204 if gone is None else 200)


_NAMES: Final = {"get": "get", "list": "list", "write": "put", "delete": "delete"}


def _errand(place: Place, credential: str, verb: Verb, rate: Rate) -> Errand:
    below = f"/federatedIdentityCredentials/{credential}" if credential else ""
    return Errand(
        name=f"arm.credentials.{_NAMES[rate]}",
        of=CREDENTIALS,
        verb=verb,
        scope=f"{place.id}{below}",
        subscription=place.subscription,
        identity=place.key,
        rate=rate,
    )


def _parent(arrival: Arrival, place: Place, verb: Verb, at: float | None = None) -> ManagedIdentity:
    found = arrival.world.directory.identities.get(place.key, at)
    if found is None:
        raise words.parent_absent(verb, place.id)
    return found


def _read(body: Json, name: str) -> Credential:
    properties = body.get("properties")
    if not isinstance(properties, dict) or not properties:
        raise words.credential_without("")
    audiences = properties.get("audiences")
    if not isinstance(audiences, list) or not all(isinstance(one, str) for one in audiences):
        raise words.credential_without("audiences")
    return Credential(
        id=new_id(),
        name=name,
        issuer=_text(properties, "issuer"),
        subject=_text(properties, "subject"),
        audiences=tuple(audiences),
    )


def _text(properties: Json, field: str) -> str:
    value = properties.get(field)
    if not isinstance(value, str):
        raise words.credential_without(field)
    return value


def _in_place_of(there: Credential, wanted: Credential) -> Credential:
    return Credential(
        there.id, there.name, wanted.issuer, wanted.subject, wanted.audiences, there.description
    )
