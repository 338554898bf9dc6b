"""What the emulator's OpenAPI description says of Graph's operations, and how they are routed.

Bodies and queries are read by hand, once a call is admitted: what stands here only describes them.
"""

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from emulator.any_case import AnyCase

Schema = dict[str, Any]
Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]

TEXT: Final[Schema] = {"type": "string", "pattern": "^[^\\x00]*$"}
TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"], "pattern": "^[^\\x00]*$"}
TEXTS: Final[Schema] = {"type": "array", "items": TEXT}
DISPLAY_NAME: Final[Schema] = TEXT | {"minLength": 1, "maxLength": 256}
TAGS: Final[Schema] = {
    "type": ["array", "null"],
    "items": TEXT | {"maxLength": 256},
    "maxItems": 100,
}
UUID: Final[Schema] = {"type": "string", "format": "uuid"}


def an_object(properties: Schema, *required: str) -> Schema:
    """Describe an object of a request: these properties and no others."""
    found: Schema = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    return found | {"required": list(required)} if required else found


def a_list(item: Schema) -> Schema:
    """Describe a page."""
    return {
        "type": "object",
        "properties": {
            "@odata.context": {"type": "string"},
            "@odata.nextLink": {"type": "string", "format": "uri"},
            "@odata.count": {"type": "integer"},
            "value": {"type": "array", "items": item},
        },
        "required": ["@odata.context", "value"],
    }


CREDENTIAL: Final[Schema] = {
    "type": "object",
    "properties": {
        "id": UUID,
        "name": {"type": "string"},
        "issuer": {"type": "string"},
        "subject": {"type": "string"},
        "description": {"type": ["string", "null"]},
        "audiences": {"type": "array", "items": {"type": "string"}},
    },
}
APPLICATION: Final[Schema] = {
    "type": "object",
    "properties": {
        "id": UUID,
        "appId": UUID,
        "displayName": {"type": "string"},
        "identifierUris": {"type": "array", "items": {"type": "string"}},
        "tags": {"type": "array", "items": {"type": "string"}},
        "signInAudience": {"type": "string"},
        "api": {"type": "object"},
        "passwordCredentials": {"type": "array", "items": {"type": "object"}},
    },
}
PRINCIPAL: Final[Schema] = {
    "type": "object",
    "properties": {
        "id": UUID,
        "appId": UUID,
        "displayName": {"type": "string"},
        "servicePrincipalType": {"enum": ["Application", "ManagedIdentity"]},
        "alternativeNames": {"type": "array", "items": {"type": "string"}},
        "appOwnerOrganizationId": {"type": ["string", "null"]},
        "accountEnabled": {"type": "boolean"},
    },
}
PASSWORD: Final[Schema] = {
    "type": "object",
    "properties": {"keyId": UUID, "secretText": {"type": "string"}},
    "required": ["keyId", "secretText"],
}
_ERROR: Final[Schema] = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "innerError": {
                    "type": "object",
                    "properties": {
                        "date": {"type": "string"},
                        "request-id": {"type": "string"},
                        "client-request-id": {"type": "string"},
                    },
                },
            },
            "required": ["code", "message", "innerError"],
        }
    },
    "required": ["error"],
}


def _parameter(name: str, place: str, schema: Schema) -> Schema:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def select(properties: Sequence[str]) -> Schema:
    """Describe `$select`."""
    items = {"type": "array", "items": {"enum": list(properties)}, "minItems": 1}
    return _parameter("$select", "query", items) | {"style": "form", "explode": False}


def listing(filtered: str, properties: Sequence[str]) -> list[Schema]:
    """Describe the options of a collection; `filtered` is a pattern of the filters it knows."""
    return [
        _parameter("$filter", "query", {"type": "string", "pattern": filtered}),
        _parameter("$top", "query", {"type": "integer", "minimum": 1, "maximum": 999}),
        _parameter("$count", "query", {"type": "boolean"}),
        select(properties),
    ]


PREFER: Final[Schema] = _parameter("Prefer", "header", {"enum": ["create-if-missing"]})


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, whatever the paths that lead to it."""

    method: str
    id: str
    """For the description; how a path names its objects comes after it where there are several."""
    endpoint: Endpoint
    paths: Sequence[str]
    answers: Mapping[int, Schema | None]
    """By status of success; None: without a body."""
    body: Schema | None = None
    query: Sequence[Schema] = field(default_factory=tuple)


def serve(router: APIRouter, operation: Operation, version: str, *, described: bool) -> None:
    """Route an operation of a version of the service."""
    for path in operation.paths:
        parameters = [
            _parameter(name, "path", _IN_PATHS[name]) for name in re.findall(r"{(\w+)}", path)
        ]
        extra: Schema = {"parameters": [*parameters, *operation.query]}
        if operation.body is not None:
            content = {"application/json": {"schema": operation.body}}
            extra["requestBody"] = {"required": True, "content": content}
        first = next(iter(operation.answers))
        router.add_api_route(
            f"/{version}{path}",
            operation.endpoint,
            methods=[operation.method],
            operation_id=operation.id + _by(path),
            status_code=first,
            response_class=Response,
            responses=_answers(operation),
            openapi_extra=extra,
            include_in_schema=described,
        )


def _by(path: str) -> str:
    return "ByAppId" * ("{app_id}" in path) + "ByName" * ("{name}" in path)


def _answers(operation: Operation) -> dict[int | str, Schema]:
    found: dict[int | str, Schema] = {}
    for status, schema in operation.answers.items():
        found[status] = {"description": "Done."}
        if schema is not None:
            found[status]["content"] = {"application/json": {"schema": schema}}
    error = {"application/json": {"schema": _ERROR}}
    found["4XX"] = {"description": "Refused.", "content": error}
    found["5XX"] = {"description": "Failed on demand.", "content": error}
    return found


_IN_PATHS: Final[dict[str, Schema]] = {
    "object_id": UUID,
    "app_id": UUID,
    "credential": {"type": "string", "minLength": 1},
    "name": {"type": "string", "minLength": 1},
    "principal_id": UUID,
}


class GraphRouter(APIRouter):
    """Spares all other services the comparison with every path of this one."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match Graph's paths only."""
        return super().matches(scope) if _is_graph(scope["path"]) else (Match.NONE, {})


class GraphRoute(AnyCase):
    """Slashes that stand together count as one, as Graph takes them.

    Its SDK for Python has its base address end in one, and its paths begin with one.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the path as if no slash stood twice."""
        path = scope["path"]
        return super().matches({**scope, "path": with_single_slashes(path)})


def with_single_slashes(path: str) -> str:
    """Return a path in which no slash stands beside another."""
    return re.sub("/{2,}", "/", path)


_VERSIONS: Final = frozenset({"/v1.0", "/beta"})


def _is_graph(path: str) -> bool:
    return path[:5].lower() in _VERSIONS
