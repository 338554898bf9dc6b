"""Bodies of the admin API: read strictly, all faults at once, and described for OpenAPI."""

from typing import Any, Final, TypeVar

from fastapi import Request, Response
from pydantic import BaseModel, ValidationError

from emulator.admin.shapes import Refused
from emulator.calls.faults import Model
from emulator.calls.refusal import AdminRefusal, Surface
from emulator.seed.faulty import faults_of
from emulator.web import Json, json_body

M = TypeVar("M", bound=Model)

REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": Refused, "description": "The query or the body is not as it has to be"},
    403: {"model": Refused, "description": "It comes from another site's page"},
    "4XX": {"model": Refused, "description": "Refused"},
}
BODY_REFUSALS: Final[dict[int | str, dict[str, Any]]] = REFUSALS | {
    413: {"model": Refused, "description": "The body is too long"},
    415: {"model": Refused, "description": "The body is not declared as JSON"},
}


async def read(request: Request, model: type[M]) -> M:
    """Read a body. Raises Refusal (400, 413, 415) with all that is wrong."""
    return understood(await json_body(request, Surface.ADMIN), model)


def understood(content: Json, model: type[M]) -> M:
    """Read what a body holds. Raises AdminRefusal (400)."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = faults_of(error, "the body")
        words = "; ".join(map(str, faults))
        raise AdminRefusal(400, "InvalidBody", words[:2000], faults) from error


def answer(shape: BaseModel, status: int = 200) -> Response:
    """Return an answer that is not kept by anybody on the way."""
    return Response(
        shape.model_dump_json(by_alias=True),
        status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def nothing() -> Response:
    """Return the answer to what has nothing to tell."""
    return Response(status_code=204)


def body_of(model: type[Model]) -> dict[str, Any]:
    """Describe a request's body for OpenAPI, in one piece."""
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.pop("$defs", {})
    content = {"application/json": {"schema": _whole(schema, definitions)}}
    return {"requestBody": {"required": True, "content": content}}


def _whole(part: Any, definitions: Json) -> Any:
    """Put definitions in the place of what points at them."""
    if isinstance(part, list):
        return [_whole(one, definitions) for one in part]
    if not isinstance(part, dict):
        return part
    if (reference := part.get("$ref")) is not None:
        found = definitions[reference.removeprefix("#/$defs/")]
        return _whole(found | {key: part[key] for key in part if key != "$ref"}, definitions)
    return {key: _whole(value, definitions) for key, value in part.items()}
