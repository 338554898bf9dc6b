"""The HTTPS application: all services on one origin, each with its own shape of refusals."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from emulator.admin import routes as admin
from emulator.arm import routes as arm
from emulator.calls.recorder import Recorder, call_of
from emulator.calls.refusal import Refusal, Surface, worded
from emulator.graph import routes as graph
from emulator.imds import routes as imds
from emulator.page import routes as page
from emulator.tokens import routes as tokens
from emulator.tokens.refusals import wrong_method
from emulator.web import world_of
from emulator.world import World
from identity.version import VERSION


def application(world: World) -> FastAPI:
    """Put the routes together."""
    app = _bare(
        world,
        title="azwi emulator",
        summary="A double of Entra ID, Microsoft Graph, Azure Resource Manager and IMDS.",
    )
    # The routes of tokens come first: they are looked through in this order, and used most.
    for router in (tokens.router, page.router, admin.router, graph.router, arm.router):
        app.include_router(router)
    return app


def imds_application(world: World) -> FastAPI:
    """Put the routes of the HTTP port together."""
    app = _bare(
        world, title="azwi emulator, IMDS", summary="A double of the instance metadata service."
    )
    app.include_router(imds.router)
    return app


def _bare(world: World, *, title: str, summary: str) -> FastAPI:
    app = FastAPI(
        title=title,
        version=VERSION,
        summary=summary,
        openapi_url="/_admin/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.world = world
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _not_served)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _failed)
    return app


def recorded(app: FastAPI, surface: Surface | None = None) -> ASGIApp:
    """Wrap an application in what keeps the records."""
    world: World = app.state.world
    return Recorder(app, clock=world.clock, log=world.log, gate=world.gate, surface=surface)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refusal)  # noqa: S101 - registered for these
    call = call_of(request.scope)
    call.code = error.known_as
    answer = worded(call.surface, error, call.ids, world_of(request).clock.now())
    headers = answer.headers | {"Cache-Control": "no-store"}
    return JSONResponse(answer.body, answer.status, headers=headers)


async def _not_served(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for these
    surface = call_of(request.scope).surface
    allowed = (error.headers or {}).get("Allow", "")
    if surface is Surface.TOKEN and error.status_code == 405:
        refusal: Refusal = wrong_method(request.method, allowed)
        refusal.headers["Allow"] = allowed
        return await _refused(request, refusal)
    code = {
        Surface.GRAPH: "BadRequest",
        Surface.ARM: "NotFound",
        Surface.TOKEN: "invalid_request",
    }.get(surface, "NotFound")
    words = f"{request.method} {request.url.path[:300]} is not served: {error.detail}."
    return await _refused(request, Refusal(error.status_code, code, words, error.headers))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for these
    places = "; ".join(
        f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
    )
    code = "Request_BadRequest" if call_of(request.scope).surface is Surface.GRAPH else "BadRequest"
    return await _refused(request, Refusal(400, code, places[:1000]))


async def _failed(request: Request, _: Exception) -> JSONResponse:
    # It is raised again, to the layer that keeps the records; that one logs it.
    words = "The emulator failed, which it must not; its log says how."
    return await _refused(request, Refusal(500, "InternalServerError", words))
