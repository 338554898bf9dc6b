"""How calls are described in the OpenAPI document: what the handlers read by hand."""

from typing import Annotated, Any, Final

from fastapi import Path

from emulator.arm.kinds import Kind
from emulator.arm.roles import ROLES
from emulator.arm.shapes import ErrorBody
from emulator.directory.rules import LONGEST

_UUID: Final = "^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"
_TAGS: Final = {"type": ["object", "null"], "additionalProperties": {"type": "string"}}

_GROUP: Final = "^[A-Za-z0-9_()-][A-Za-z0-9_().-]{0,88}[A-Za-z0-9]$"

SubscriptionId = Annotated[str, Path(json_schema_extra={"pattern": _UUID})]
GroupName = Annotated[str, Path(json_schema_extra={"pattern": _GROUP})]
IdentityName = Annotated[
    str, Path(json_schema_extra={"pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{2,127}$"})
]
CredentialName = Annotated[
    str, Path(json_schema_extra={"pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{2,119}$"})
]
Guid = Annotated[str, Path(json_schema_extra={"pattern": _UUID})]

REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {"model": ErrorBody, "description": "Refused"},
    "5XX": {"model": ErrorBody, "description": "Failed on demand"},
}

IDENTITY: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["location"],
    "properties": {
        "location": {"type": "string", "pattern": "^[a-z0-9]{1,64}$"},
        "tags": _TAGS,
        "properties": {"type": "object"},
    },
}
IDENTITY_CHANGE: Final[dict[str, Any]] = {"type": "object", "properties": {"tags": _TAGS}}
_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": LONGEST}
CREDENTIAL: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["properties"],
    "properties": {
        "properties": {
            "type": "object",
            "required": ["issuer", "subject", "audiences"],
            "properties": {
                "issuer": _TEXT | {"pattern": r"^https://[!-~]+$"},
                "subject": _TEXT | {"pattern": r"^[^*]+$"},
                "audiences": {"type": "array", "minItems": 1, "maxItems": 1, "items": _TEXT},
            },
        }
    },
}
ASSIGNMENT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["properties"],
    "properties": {
        "properties": {
            "type": "object",
            "required": ["roleDefinitionId", "principalId"],
            "properties": {
                "roleDefinitionId": {
                    "type": "string",
                    "pattern": f"/roleDefinitions/({'|'.join(role.id for role in ROLES)})$",
                },
                "principalId": {"type": "string", "pattern": _UUID},
                "principalType": {
                    "type": "string",
                    "enum": ["User", "Group", "ServicePrincipal", "ForeignGroup", "Device"],
                },
            },
        }
    },
}


def described(
    kind: Kind,
    *,
    body: dict[str, Any] | None = None,
    paged: bool = False,
    filtered: bool = False,
) -> dict[str, Any]:
    """Return what stands in the document of a call beside its path."""
    parameters = [_query("api-version", {"type": "string", "enum": list(kind.versions)}, must=True)]
    if paged:
        parameters.append(_query("$top", {"type": "integer", "minimum": 1}))
        parameters.append(_query("$skiptoken", {"type": "string"}))
    if filtered:
        parameters.append(_query("$filter", {"type": "string"}))
    found: dict[str, Any] = {"parameters": parameters}
    if body is not None:
        found["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": body}},
        }
    return found


def in_path(name: str) -> dict[str, Any]:
    """Return the parameter of a path that its handler reads by hand."""
    pattern = {"subscription": _UUID, "group": _GROUP}[name]
    schema = {"type": "string", "pattern": pattern}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query(name: str, schema: dict[str, Any], *, must: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": must, "schema": schema}
