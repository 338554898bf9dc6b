"""The token service in the emulator's OpenAPI description."""

from typing import Any, Final

from emulator.tokens.assertions import TYPE

_TEXT: Final = {"type": "string"}
_NUMBER_OR_TEXT: Final = {"type": ["integer", "string"]}


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _form(wanted: str, example: str) -> dict[str, Any]:
    return {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["grant_type", "client_id", wanted],
                    "properties": {
                        "grant_type": {"const": "client_credentials"},
                        "client_id": {"type": "string", "format": "uuid"},
                        wanted: {"type": "string", "examples": [example]},
                        "client_assertion_type": {"const": TYPE},
                        "client_assertion": _TEXT,
                        "client_secret": _TEXT,
                    },
                }
            }
        },
    }


FORM: Final = _form("scope", "https://graph.microsoft.com/.default")
FORM_1: Final = _form("resource", "https://graph.microsoft.com/")

TOKEN: Final = _answer(
    "A token.",
    {
        "type": "object",
        "required": ["token_type", "expires_in", "ext_expires_in", "access_token"],
        "properties": {
            "token_type": {"const": "Bearer"},
            "expires_in": _NUMBER_OR_TEXT,
            "ext_expires_in": _NUMBER_OR_TEXT,
            "access_token": _TEXT,
        },
    },
)
DOCUMENT: Final = _answer("Where things are.", {"type": "object"})
KEY_SET: Final = _answer(
    "Keys, RFC 7517.",
    {
        "type": "object",
        "required": ["keys"],
        "properties": {"keys": {"type": "array", "items": {"type": "object"}}},
    },
)
_REFUSAL: Final = {
    "type": "object",
    "required": [
        "error",
        "error_description",
        "error_codes",
        "timestamp",
        "trace_id",
        "correlation_id",
    ],
    "properties": {
        "error": _TEXT,
        "error_description": _TEXT,
        "error_codes": {"type": "array", "items": {"type": "integer"}},
        "timestamp": _TEXT,
        "trace_id": _TEXT,
        "correlation_id": _TEXT,
        "error_uri": _TEXT,
    },
}
ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": _answer("Refused.", _REFUSAL),
    "5XX": _answer("Failed on demand.", _REFUSAL),
}
