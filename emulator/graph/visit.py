"""How each call to Graph begins: recorded, admitted, its caller known, its object found.

What goes wrong first wins: failures on demand and throttling, then the token, the permission, the
object.
"""

from dataclasses import dataclass

from fastapi import Request

from emulator.bearer import Caller, believed, presented
from emulator.calls.recorder import call_of
from emulator.calls.throttle import graph_limits
from emulator.directory import Application, ServicePrincipal
from emulator.graph.permissions import may_change, may_read, may_write
from emulator.graph.refusals import FLAWS, denied, not_found
from emulator.tokens.resources import GRAPH
from emulator.web import world_of
from emulator.world import World


@dataclass(frozen=True, slots=True)
class Visit:
    """One admitted call."""

    request: Request
    world: World
    caller: Caller
    at: float | None
    """The moment that the call sees; None, as for all that writes: now."""

    def application(self) -> Application:
        """Return the application that the path names. Raises Refusal (404)."""
        directory, path = self.world.directory, self.request.path_params
        if (app_id := path.get("app_id")) is not None:
            found = directory.application(app_id, self.at)
        else:
            found = directory.applications.get(path["object_id"], self.at)
        if found is None or not self.is_own(found):
            raise not_found(app_id or path["object_id"])
        return found

    def changing(self) -> Application:
        """Return the application that the path names, for a change. Raises Refusal (403, 404)."""
        found = self.application()
        if not may_change(self.caller, found):
            raise denied()
        return found

    def principal(self) -> ServicePrincipal:
        """Return the service principal that the path names. Raises Refusal (404)."""
        directory, path = self.world.directory, self.request.path_params
        if (app_id := path.get("app_id")) is not None:
            found = directory.principal(self.caller.tenant, app_id, self.at)
        else:
            found = directory.principals.get(path["object_id"], self.at)
        if found is None or not self.is_own(found):
            raise not_found(app_id or path["object_id"])
        return found

    def is_own(self, found: Application | ServicePrincipal) -> bool:
        """Tell whether an object is of the caller's tenant; others' are not there for it."""
        return found.tenant.lower() == self.caller.tenant.lower()


async def reading(request: Request, kind: str, identity: str = "") -> Visit:
    """Begin a call that changes nothing. Raises Refusal."""
    caller = await _enter(request, kind, identity, writes=False)
    if not may_read(caller):
        raise denied()
    world = world_of(request)
    return Visit(request, world, caller, world.gate.read_at())


async def writing(request: Request, kind: str, identity: str = "") -> Visit:
    """Begin a call that changes something. Raises Refusal."""
    caller = await _enter(request, kind, identity, writes=True)
    if not may_write(caller):
        raise denied()
    return Visit(request, world_of(request), caller, None)


async def calling(request: Request, kind: str) -> Caller:
    """Begin a call that needs a token and no permission. Raises Refusal."""
    return await _enter(request, kind, "", writes=False)


async def _enter(request: Request, kind: str, identity: str, *, writes: bool) -> Caller:
    world, call = world_of(request), call_of(request.scope)
    call.kind, call.identity = kind, (identity or _identity(request, world)).lower()
    found = presented(request, GRAPH)
    limits = (
        graph_limits(tenant=found.tenant, caller=found.client_id)
        if writes and isinstance(found, Caller)
        else ()
    )
    await world.gate.admit(call, limits)
    return believed(found, request, GRAPH, FLAWS)


def _identity(request: Request, world: World) -> str:
    """Return the client id of what the path names, as far as it is known."""
    path = request.path_params
    if (app_id := path.get("app_id")) is not None:
        return str(app_id)[:100]
    object_id = path.get("object_id", "")
    for table in (world.directory.applications, world.directory.principals):
        if (found := table.get(object_id)) is not None:
            return found.app_id
    return ""
