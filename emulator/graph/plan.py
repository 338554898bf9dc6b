"""A batch, read and put in order. Pure.

Source: https://learn.microsoft.com/graph/json-batching
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from emulator.calls.refusal import Refusal
from emulator.graph.refusals import LONGEST

MOST: Final = 20
_HEADER_NAME: Final = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$"
_HEADER_VALUE: Final = r"^[\x20-\x7e\t]*$"

HeaderName = Annotated[str, StringConstraints(pattern=_HEADER_NAME)]
HeaderValue = Annotated[str, StringConstraints(pattern=_HEADER_VALUE)]


class Step(BaseModel):
    """One request of a batch."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", strict=True)

    id: str = Field(min_length=1, max_length=200)
    method: Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
    url: str = Field(min_length=1)
    """Relative to the version's root, with or without a slash at its start."""
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    body: Any = None
    depends_on: list[str] = Field(default_factory=list)

    @property
    def key(self) -> str:
        """Its id as it is compared: without case."""
        return self.id.lower()


class Batch(BaseModel):
    """All of it."""

    model_config = ConfigDict(strict=True)

    requests: list[Step]


def read(content: dict[str, Any]) -> list[Step]:
    """Read a batch. Raises Refusal (400) for one that can't be carried out as a whole."""
    given = content.get("requests")
    if isinstance(given, list) and len(given) > MOST:
        raise _bad(f"Number of batch request steps exceeds the maximum value of {MOST}.")
    try:
        steps = Batch.model_validate(content).requests
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in fault["loc"])[:LONGEST]
        raise _bad(f"Invalid batch payload format: {where}: {fault['msg']}.") from error
    if not steps:
        raise _bad("Invalid batch payload format: requests holds none.")
    _check(steps)
    return steps


def rounds(steps: Sequence[Step]) -> list[list[Step]]:
    """Put steps in order: each one in a round after all that it depends on.

    Raises Refusal (400) where they wait for each other in a circle.
    """
    left, found = list(steps), list[list[Step]]()
    placed: set[str] = set()
    while left:
        ready = [step for step in left if {one.lower() for one in step.depends_on} <= placed]
        if not ready:
            raise _bad("Invalid batch payload format: dependsOn goes round in a circle.")
        found.append(ready)
        placed |= {step.key for step in ready}
        left = [step for step in left if step.key not in placed]
    return found


def _check(steps: Sequence[Step]) -> None:
    keys = {step.key for step in steps}
    if len(keys) < len(steps):
        raise _bad("Invalid batch payload format: each request must have an id of its own.")
    for step in steps:
        unknown = [one for one in step.depends_on if one.lower() not in keys]
        if unknown:
            raise _bad(
                f"Invalid batch payload format: request '{step.id}' depends on"
                f" '{unknown[0][:LONGEST]}', which is not there."
            )
        typed = any(name.lower() == "content-type" for name in step.headers)
        written = step.method in {"POST", "PATCH", "PUT"} or step.body is not None
        if written and (step.body is None or not typed):
            raise _bad(
                f"Write request id : {step.id} does not contain Content-Type header or body."
            )
        if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", step.url):
            raise _bad(
                f"Invalid batch payload format: the url of request '{step.id}' must be relative."
            )


def _bad(message: str) -> Refusal:
    return Refusal(400, "BadRequest", message)
