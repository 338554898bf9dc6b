"""Faults at run time: all of them, and the rules by which calls fail."""

from typing import Final

from fastapi import APIRouter, Request, Response

from emulator.admin.bodies import BODY_REFUSALS, REFUSALS, answer, body_of, nothing, read
from emulator.admin.shapes import Failures
from emulator.calls.faults import MOST_FAILURES, Failure, Settings, merged
from emulator.calls.refusal import AdminRefusal
from emulator.web import world_of

_FULL: Final = {"description": f"There are {MOST_FAILURES} rules already"}

router = APIRouter()


@router.get("/faults", operation_id="getFaults", response_model=Settings, responses=REFUSALS)
async def get_faults(request: Request) -> Response:
    """Tell which faults are on, and which rules are left."""
    return answer(world_of(request).gate.settings)


@router.put(
    "/faults",
    operation_id="setFaults",
    response_model=Settings,
    responses=BODY_REFUSALS,
    openapi_extra=body_of(Settings),
)
async def set_faults(request: Request) -> Response:
    """Take these faults and no others; what is left out is off. Chance begins anew."""
    gate = world_of(request).gate
    gate.set(await read(request, Settings))
    return answer(gate.settings)


@router.patch(
    "/faults",
    operation_id="changeFaults",
    response_model=Settings,
    responses=BODY_REFUSALS,
    openapi_extra=body_of(Settings),
)
async def change_faults(request: Request) -> Response:
    """Change these faults and leave the others as they are. Chance begins anew."""
    gate = world_of(request).gate
    changes = await read(request, Settings)
    gate.set(merged(gate.settings, changes))
    return answer(gate.settings)


@router.delete("/faults", operation_id="clearFaults", response_model=Settings, responses=REFUSALS)
async def clear_faults(request: Request) -> Response:
    """Switch all faults off, those of the seed and the flags too."""
    gate = world_of(request).gate
    gate.set(Settings())
    return answer(gate.settings)


@router.get("/failures", operation_id="listFailures", response_model=Failures, responses=REFUSALS)
async def list_failures(request: Request) -> Response:
    """List the rules that are left, each with the calls that are left of it."""
    return answer(Failures(failures=world_of(request).gate.settings.failures))


@router.post(
    "/failures",
    operation_id="addFailure",
    status_code=201,
    response_model=Failure,
    responses=BODY_REFUSALS | {409: BODY_REFUSALS[400] | _FULL},
    openapi_extra=body_of(Failure),
)
async def add_failure(request: Request) -> Response:
    """Make the next calls of a kind fail."""
    gate = world_of(request).gate
    failure = await read(request, Failure)
    if len(gate.settings.failures) >= MOST_FAILURES:
        raise AdminRefusal(409, "TooManyFailures", f"{_FULL['description']}: delete them first.")
    gate.fail(failure)
    return answer(failure, 201)


@router.delete("/failures", operation_id="clearFailures", status_code=204, responses=REFUSALS)
async def clear_failures(request: Request) -> Response:
    """Take all rules away; other faults stay."""
    world_of(request).gate.settings.failures.clear()
    return nothing()
