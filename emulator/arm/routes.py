"""Azure Resource Manager's paths. What none of them serves comes last, and is refused."""

from fastapi import APIRouter

from emulator.arm import (
    assignments,
    credentials,
    definitions,
    identities,
    subscriptions,
    unknown,
)

router = APIRouter(tags=["arm"])
for part in (subscriptions, identities, credentials, definitions, assignments, unknown):
    router.include_router(part.router)
