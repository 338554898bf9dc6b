"""Answers of success, as Graph sends them."""

from typing import Any, Final

import orjson
from fastapi import Request, Response

from emulator.graph.description import with_single_slashes
from emulator.graph.listing import Address, Json, Kind, Options, options_of, page, single
from emulator.web import world_of

_TYPE: Final = (
    "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;"
    "charset=utf-8"
)
_HEADERS: Final = {"Cache-Control": "no-cache", "OData-Version": "4.0"}


def answered(content: Any, status: int = 200) -> Response:
    """Return an answer with a body."""
    return Response(orjson.dumps(content), status, headers=_HEADERS, media_type=_TYPE)


def done() -> Response:
    """Return an answer without one."""
    return Response(status_code=204, headers={"Cache-Control": "no-cache"})


def one(request: Request, row: Json, kind: Kind, status: int = 200) -> Response:
    """Answer with an object, all of it."""
    whole = Options(clauses=(), select=(), top=1, count=False, after="")
    return answered(single(row, whole, kind, _address(request)), status)


def chosen(request: Request, row: Json, kind: Kind) -> Response:
    """Answer with what a query selects of an object. Raises Refusal (400)."""
    options = options_of(request.query_params, kind, many=False)
    return answered(single(row, options, kind, _address(request)))


def listed(request: Request, rows: list[Json], kind: Kind) -> Response:
    """Answer with the page that a query asks for. Raises Refusal (400)."""
    options = options_of(request.query_params, kind)
    return answered(page(rows, options, kind, _address(request)))


def _address(request: Request) -> Address:
    path = with_single_slashes(request.scope["path"])
    return Address(world_of(request).origin, path, request.query_params)
