"""What a mutation comes to: data, so that it can be printed, compared and tested."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from identity.faults import Fault

Operation: TypeAlias = dict[str, Any]
"""One operation of a JSON patch (RFC 6902): `add` or `replace`, never `remove`."""


class Reason(StrEnum):
    """Why a warning is given; the label of `azwi_warnings_total`."""

    NO_CLIENT_ID = "no-client-id"
    CLIENT_ID_NOT_UUID = "client-id-not-uuid"
    UNKNOWN_ANNOTATION = "unknown-annotation"
    UNKNOWN_CONTAINER = "unknown-container"
    NOT_A_BOOLEAN = "not-a-boolean"
    PATH_TAKEN = "path-taken"
    CONTAINER_NAME_TAKEN = "container-name-taken"


@dataclass(frozen=True, slots=True)
class Warn:
    """One sentence for whoever creates the pod, of at most 120 characters."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Injected:
    """The pod is let in, with what it needs; no operations when it has all of it already."""

    operations: list[Operation]
    warnings: list[Warn]
    audit: dict[str, str]
    """Audit annotations; keys without `/`, since the API server adds the webhook's name."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The pod asks for something that can't be right; nothing of it is changed."""

    faults: list[Fault]

    @property
    def message(self) -> str:
        """All faults in one line, for `status.message`."""
        return "; ".join(str(fault) for fault in self.faults)
