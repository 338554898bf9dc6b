"""What can be made to go wrong, as the flags, the seed and the admin API set it."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

MOST_FAILURES: Final = 1000


def _whole(value: Any) -> Any:
    """Take 2.0 for 2, as JSON Schema does."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE: Final = BeforeValidator(_whole)
Seconds = Annotated[float, Field(ge=0, le=600)]
Share = Annotated[float, Field(ge=0, le=1)]


class Model(BaseModel):
    """Camel case outside, nothing unknown, all faults at once.

    Types are taken as they are: a number in quotes is no number. An error's text never holds what
    was given, which may be a secret.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        allow_inf_nan=False,
        strict=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )


class Failure(Model):
    """A rule by which calls fail: the next `count` of a kind, or a share of them."""

    kind: Annotated[str, Field(min_length=1, max_length=100)] = "*"
    """A shell pattern over the kinds of calls: `graph.*`, `arm.credentials.put`, `token`."""
    identity: Annotated[str, Field(max_length=100)] = ""
    """A client id; empty: calls about any identity."""
    count: Annotated[int, Field(ge=1, le=1_000_000), WHOLE] | None = 1
    """How many calls fail before the rule is gone; null: all, until it is taken away."""
    share: Share = 1.0
    """The part of the matching calls that fail, by chance."""
    status: Annotated[int, Field(ge=400, le=599), WHOLE] = 503
    """Of the failing answer."""
    code: Annotated[str, Field(max_length=200)] = ""
    """The service's code; empty: the usual one of the status."""
    message: Annotated[str, Field(max_length=1000)] = ""
    """The service's words; empty: that it was asked for."""
    retry_after: Seconds | None = None
    """Seconds that the answer asks to wait; null: it has no such header."""
    after: bool = False
    """Whether the work is done all the same, so that only the answer is lost."""
    delay_seconds: Seconds = 0.0
    """How long the failing answer is held back: longer than a caller waits is a time-out."""


class Settings(Model):
    """The faults that are on."""

    latency_seconds: Seconds = 0.0
    """Added to every call."""
    propagation_seconds: Seconds = 0.0
    """How long the token endpoint does not know of a written, changed or deleted credential."""
    stale_read_seconds: Seconds = 0.0
    """How far reads of Graph and ARM lag behind writes."""
    stale_read_share: Share = 1.0
    """The part of the reads that lag, by chance."""
    throttle: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """Throttle at the published rates times this; null: never."""
    write_seconds: Seconds = 0.0
    """How long a write of a credential takes; another write to the same managed identity
    meanwhile gets 409."""
    clock_offset_seconds: Annotated[float, Field(ge=-86400 * 400, le=86400 * 400)] = 0.0
    """How fast the emulator's clock is; negative: slow."""
    random_seed: Annotated[int, Field(ge=0, le=2**53), WHOLE] = 0
    """Of everything that is left to chance: the same calls in the same order meet the same."""
    failures: Annotated[list[Failure], Field(max_length=MOST_FAILURES)] = Field(
        default_factory=list
    )
    """The rules by which calls fail; the first that fits a call is taken."""


def merged(settings: Settings, changes: Settings) -> Settings:
    """Return settings with those over them that `changes` was given, and only those."""
    given = {name: getattr(changes, name) for name in changes.model_fields_set}
    return settings.model_copy(update=given, deep=True)
