"""What bodies of requests to Graph hold, checked for names and types; rules are checked later."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

from fastapi import Request
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from emulator.calls.refusal import Refusal, Surface
from emulator.graph.refusals import LONGEST, bad
from emulator.graph.shapes import APPLICATIONS, PRINCIPALS
from emulator.web import json_body

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
DisplayName = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]
Uri = Annotated[str, StringConstraints(max_length=255, pattern=r"^[a-zA-Z][a-zA-Z0-9+.-]*:\S+$")]
Tags = Annotated[list[Annotated[Text, Field(max_length=256)]], Field(max_length=100)]

_LAST: Final = 253402300800.0
"""The end of the year 9999."""


def _moment(text: str) -> str:
    if not 0 <= seconds(text) < _LAST:
        raise ValueError("expected a time after 1970")
    return text


def seconds(text: str) -> float:
    """Return a written time in seconds since the epoch. Raises ValueError."""
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


Time = Annotated[Text, AfterValidator(_moment)]


class Body(BaseModel):
    """Types are taken as they are; JSON has only a few."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)


class CredentialBody(Body):
    """A federated credential; which of it must be there depends on what is asked."""

    id: Text | None = None
    name: Text | None = None
    issuer: Text | None = None
    subject: Text | None = None
    audiences: list[Text] | None = None
    description: Text | None = None


class Api(Body):
    """Of an application as a resource; only the version of its tokens counts here."""

    model_config = ConfigDict(extra="ignore")

    requested_access_token_version: Annotated[int, Field(ge=1, le=2)] | None = None


class ApplicationBody(Body):
    """An application; what the emulator has no use for is taken and forgotten."""

    model_config = ConfigDict(extra="allow")

    display_name: DisplayName | None = None
    identifier_uris: Annotated[list[Uri], Field(max_length=50)] | None = None
    tags: Tags | None = None
    api: Api | None = None


class PrincipalBody(Body):
    """A service principal of an application."""

    model_config = ConfigDict(extra="allow")

    app_id: Text
    tags: Tags | None = None


class Password(Body):
    """What a new client secret is like."""

    model_config = ConfigDict(extra="allow")

    display_name: Annotated[Text, Field(max_length=256)] | None = None
    start_date_time: Time | None = None
    end_date_time: Time | None = None


class AddPassword(Body):
    """The parameters of `addPassword`."""

    password_credential: Password | None = None


class RemovePassword(Body):
    """The parameters of `removePassword`."""

    key_id: Text


class Reference(Body):
    """A link to another object."""

    id: Text = Field(alias="@odata.id")


B = TypeVar("B", bound=Body)

_READ_ONLY: Final = {
    "Application": {
        *("id", "appId", "createdDateTime", "deletedDateTime", "publisherDomain"),
        *("passwordCredentials",),
    },
    "ServicePrincipal": {"id", "deletedDateTime", "alternativeNames", "servicePrincipalType"},
}
_KNOWN: Final = {
    "Application": APPLICATIONS.properties,
    "ServicePrincipal": PRINCIPALS.properties,
}


async def read_body(request: Request, form: type[B], resource: str) -> B:
    """Read what a request holds; `resource` is what messages call it. Raises Refusal (400)."""
    content = await json_body(request, Surface.GRAPH)
    named = {
        name: value
        for name, value in content.items()
        if name == "@odata.id" or "@odata." not in name  # annotations, such as @odata.type
    }
    try:
        body = form.model_validate(named)
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False)[0], resource) from error
    for name in body.model_extra or ():
        if name in _READ_ONLY.get(resource, ()):
            raise bad(f"Property '{name}' is read-only and cannot be set.")
        if name not in _KNOWN.get(resource, (name,)):
            raise _unknown(name)
    return body


def required(value: Any, name: str, resource: str) -> Any:
    """Return a value. Raises Refusal (400) for one that is not there."""
    if value is None:
        raise bad(f"A value is required for property '{name}' of resource '{resource}'.")
    return value


def _refusal(fault: Any, resource: str) -> Refusal:
    where = ".".join(str(step) for step in fault["loc"])[:LONGEST]
    if fault["type"] == "missing":
        return bad(f"A value is required for property '{where}' of resource '{resource}'.")
    if fault["type"] == "extra_forbidden":
        return _unknown(where)
    return bad(
        f"Invalid value specified for property '{where}' of resource '{resource}': {fault['msg']}."
    )


def _unknown(name: str) -> Refusal:
    return bad(f"Invalid property '{name[:LONGEST]}'.")
