"""What the routes of all services use of a request."""

from typing import TYPE_CHECKING, Any, Final, cast

from fastapi import Request
from starlette.requests import ClientDisconnect

from emulator.calls.refusal import Refusal, Surface
from emulator.json_text import read_json

if TYPE_CHECKING:
    from emulator.world import World

Json = dict[str, Any]

LONGEST_BODY: Final = 1 << 20

_BAD_REQUEST: Final = {
    Surface.GRAPH: "Request_BadRequest",
    Surface.ARM: "InvalidRequestContent",
    Surface.TOKEN: "invalid_request",
    Surface.ADMIN: "BadRequest",
    Surface.IMDS: "invalid_request",
}


def world_of(request: Request) -> "World":
    """Return what the application serves from."""
    return cast("World", request.app.state.world)


async def bounded_body(request: Request, surface: Surface) -> bytes:
    """Read a body of at most a megabyte. Raises Refusal (400, 413)."""
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > LONGEST_BODY:
                raise Refusal(
                    413, _BAD_REQUEST[surface], f"The body has more than {LONGEST_BODY} bytes."
                )
            parts.append(part)
    except ClientDisconnect as error:
        raise Refusal(400, _BAD_REQUEST[surface], "The body did not come to its end.") from error
    return b"".join(parts)


async def json_body(request: Request, surface: Surface) -> Json:
    """Read a JSON object. Raises Refusal (400, 413, 415)."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(
            415, _BAD_REQUEST[surface], "The body must be JSON: Content-Type: application/json."
        )
    body = await bounded_body(request, surface)
    try:
        content = read_json(body)
    except ValueError as error:
        raise Refusal(400, _BAD_REQUEST[surface], f"The body is no JSON: {error}.") from error
    if not isinstance(content, dict):
        raise Refusal(400, _BAD_REQUEST[surface], "The body must be a JSON object.")
    return content
