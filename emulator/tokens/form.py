"""A request for a token, from its bytes to its fields. Pure."""

import base64
import binascii
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

from emulator.tokens import refusals

_TYPE: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 100
_DEFAULT: Final = "/.default"

Form = Mapping[str, str]


def is_form(content_type: str) -> bool:
    """Tell whether a body claims to be a form."""
    return content_type.partition(";")[0].strip().lower() == _TYPE


def read_form(body: bytes) -> dict[str, str]:
    """Read the fields of a body. Raises TokenRefusal for what has two readings, or none."""
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError as error:
        raise refusals.malformed("The body can't be read as a form in UTF-8.") from error
    form: dict[str, str] = {}
    for name, value in pairs:
        if name in form:
            raise refusals.duplicated(name)
        form[name] = value
    return form


def with_basic(form: Form, authorization: str) -> Form:
    """Return a form with the client's name and secret of a Basic header. Source: RFC 6749, 2.3.1.

    What stands in the form goes before; a header that can't be read counts as none.
    """
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return form
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return form
    name, _, secret = text.partition(":")
    return {"client_id": unquote_plus(name), "client_secret": unquote_plus(secret), **form}


def required(form: Form, name: str) -> str:
    """Return a field's value. Raises TokenRefusal if it is not there, or empty."""
    value = form.get(name)
    if not value:
        raise refusals.missing(name)
    return value


def wanted_resource(form: Form) -> str:
    """Return the resource that a token is wanted for, as it is written. Raises TokenRefusal."""
    scope = required(form, "scope")
    scopes = scope.split()
    if not all(one.endswith(_DEFAULT) for one in scopes):
        raise refusals.scope_without_default(scope)
    resources = {one.removesuffix(_DEFAULT) for one in scopes}
    if len(resources) != 1 or "" in resources:
        raise refusals.bad_scope(scope)
    return resources.pop()
