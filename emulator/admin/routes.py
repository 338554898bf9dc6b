"""The admin API's paths."""

from fastapi import APIRouter, Depends, Request, Response

from emulator.admin import asked, faults, setting
from emulator.admin.bodies import REFUSALS, answer
from emulator.admin.guard import check_site
from emulator.admin.shapes import Health
from emulator.calls.recorder import call_of
from emulator.web import world_of
from identity.version import VERSION

router = APIRouter(tags=["admin"])


@router.get("/healthz", operation_id="healthz", response_model=Health)
async def healthz(request: Request) -> Response:
    """Tell that it serves, whatever it is called: for probes."""
    return _health(request)


async def health(request: Request) -> Response:
    """Tell that it serves."""
    return _health(request)


def _health(request: Request) -> Response:
    world = world_of(request)
    call_of(request.scope).kind = "admin"
    uptime = world.clock.moment() - world.began
    return answer(Health(version=VERSION, uptime_seconds=round(uptime, 3)))


_guarded = APIRouter(prefix="/_admin", dependencies=[Depends(check_site)])
_guarded.add_api_route(
    "/health", health, operation_id="health", response_model=Health, responses=REFUSALS
)
for part in (faults.router, asked.router, setting.router):
    _guarded.include_router(part)
router.include_router(_guarded)
