"""What the emulator holds, seen and set: its state, a seed, issuers, the beginning again."""

from collections import Counter
from typing import Final

from fastapi import APIRouter, Request, Response

from emulator.admin.bodies import (
    BODY_REFUSALS,
    REFUSALS,
    answer,
    body_of,
    nothing,
)
from emulator.admin.shapes import Added, Issuers, IssuerTold, State
from emulator.admin.state import issuer_told, state_of
from emulator.beginning import begin_again, take_issuers
from emulator.calls.refusal import AdminRefusal, Surface
from emulator.seed import schema
from emulator.seed.faulty import SeedError
from emulator.seed.issuers import reaches
from emulator.seed.plan import Plan, plan
from emulator.seed.plant import carry_out
from emulator.seed.read import read_issuer, read_seed
from emulator.web import Json, json_body, world_of
from emulator.world import World
from identity.faults import Fault

_CONTRADICTS: Final = BODY_REFUSALS[400] | {"description": "It contradicts itself or what is there"}

router = APIRouter()


@router.get("/state", operation_id="getState", response_model=State, responses=REFUSALS)
async def get_state(request: Request) -> Response:
    """Tell everything that is there, as it is now. Never a secret."""
    return answer(state_of(world_of(request)))


@router.post(
    "/seed",
    operation_id="addSeed",
    response_model=Added,
    responses=BODY_REFUSALS | {409: _CONTRADICTS},
    openapi_extra=body_of(schema.Seed),
)
async def add_seed(request: Request) -> Response:
    """Add what is not there yet of a seed, all of it or nothing; it is known at once.

    What is there stays as it is, but for credentials that an identity has not got. `faults`, where
    they are given, take the place of those that are on.
    """
    world = world_of(request)
    content = await json_body(request, Surface.ADMIN)
    seed, found = _planned(content, world)
    carry_out(found.steps, world.directory)
    take_issuers(world, reaches(seed.issuers))
    if "faults" in seed.model_fields_set:
        world.gate.set(seed.faults)
    return answer(Added(added=dict(Counter(step.kind for step in found.steps))))


@router.post("/reset", operation_id="reset", status_code=204, responses=REFUSALS)
async def reset(request: Request) -> Response:
    """Go back to the seed and the flags: directory, issuers, faults, requests, exchanges."""
    begin_again(world_of(request))
    return nothing()


@router.get("/issuers", operation_id="listIssuers", response_model=Issuers, responses=REFUSALS)
async def list_issuers(request: Request) -> Response:
    """Tell how issuers are reached."""
    told = [*map(issuer_told, world_of(request).issuers.reaches())]
    return answer(Issuers(issuers=told))


@router.post(
    "/issuers",
    operation_id="addIssuer",
    response_model=IssuerTold,
    responses=BODY_REFUSALS | {409: _CONTRADICTS},
    openapi_extra=body_of(schema.Issuer),
)
async def add_issuer(request: Request) -> Response:
    """Say how an issuer is reached; its keys are read anew."""
    world = world_of(request)
    content = await json_body(request, Surface.ADMIN)
    try:
        found = reaches([read_issuer(content)])
    except SeedError as error:
        raise _refusal(error.faults, malformed=error.malformed) from error
    take_issuers(world, found)
    return answer(issuer_told(found[0]))


def _planned(content: Json, world: World) -> tuple[schema.Seed, Plan]:
    tenants = [row.id.lower() for row in world.directory.tenants.values()]
    try:
        seed = read_seed(content, tenants=tenants)
    except SeedError as error:
        raise _refusal(error.faults, malformed=error.malformed) from error
    found = plan(seed, world.directory)
    faults = list(found.faults)
    if seed.enforce_role_assignments and not world.enforce_role_assignments:
        faults.append(Fault("enforceRoleAssignments", None, "can be set at the start only"))
    if faults:
        raise _refusal(faults, malformed=False)
    return seed, found


def _refusal(faults: list[Fault] | tuple[Fault, ...], *, malformed: bool) -> AdminRefusal:
    words = "; ".join(map(str, faults))[:2000]
    if malformed:
        return AdminRefusal(400, "InvalidBody", words, faults)
    return AdminRefusal(409, "Contradiction", words, faults)
