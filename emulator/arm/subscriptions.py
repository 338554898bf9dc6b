"""Subscriptions: those of the caller's tenant.

Source: https://learn.microsoft.com/rest/api/resources/subscriptions
"""

from fastapi import APIRouter, Request, Response

from emulator.any_case import AnyCase
from emulator.arm.access import sees
from emulator.arm.arrival import Errand, arrive
from emulator.arm.described import REFUSALS, SubscriptionId, described
from emulator.arm.kinds import SUBSCRIPTIONS
from emulator.arm.shapes import (
    Count,
    SubscriptionBody,
    SubscriptionList,
    subscription_body,
)

router = APIRouter(route_class=AnyCase)


@router.get(
    "/subscriptions",
    operation_id="listSubscriptions",
    responses={200: {"model": SubscriptionList}, **REFUSALS},
    openapi_extra=described(SUBSCRIPTIONS),
)
async def listed(request: Request) -> Response:
    """List the subscriptions of the caller's tenant; enforced, those where it has a role."""
    errand = Errand("arm.subscriptions.list", SUBSCRIPTIONS, "read", open_to_all=True)
    arrival = await arrive(request, errand)
    found = [
        subscription_body(row)
        for row in arrival.world.directory.subscriptions.values(arrival.world.gate.read_at())
        if row.tenant.lower() == arrival.caller.tenant.lower()
        and sees(arrival.world, arrival.caller, f"/subscriptions/{row.id}")
    ]
    return arrival.answer(
        SubscriptionList(value=found, count=Count(type="Total", value=len(found)))
    )


@router.get(
    "/subscriptions/{subscription}",
    operation_id="getSubscription",
    responses={200: {"model": SubscriptionBody}, **REFUSALS},
    openapi_extra=described(SUBSCRIPTIONS),
)
async def one(subscription: SubscriptionId, request: Request) -> Response:
    """Tell one."""
    scope = f"/subscriptions/{subscription}"
    errand = Errand("arm.subscriptions.get", SUBSCRIPTIONS, "read", scope, subscription)
    arrival = await arrive(request, errand)
    found = arrival.world.directory.subscriptions.get(subscription)
    assert found is not None  # noqa: S101 - arrived
    return arrival.answer(subscription_body(found))
