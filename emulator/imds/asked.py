"""What a caller asks the metadata service for, and whose token that is. Pure.

Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/
how-to-use-vm-token#get-a-token-using-http
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from emulator.calls.refusal import Refusal
from emulator.directory import Directory, ManagedIdentity

OLDEST: Final = "2018-02-01"
_VERSION: Final = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")

_NAMES: Final = {
    "client_id": "client_id",
    "object_id": "object_id",
    "msi_res_id": "resource_id",
    "mi_res_id": "resource_id",
    "msi-res-id": "resource_id",
}
"""Ways to name an identity; SDKs differ in how they spell the last one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a token, understood."""

    resource: str
    by: str = ""
    """`client_id`, `object_id` or `resource_id`; empty: the machine's own identity."""
    value: str = ""


def read(parameters: Sequence[tuple[str, str]]) -> Asked:
    """Read a query. Raises Refusal (400)."""
    given: dict[str, str] = {}
    for name, value in parameters:
        key = name.lower()
        if key in given and key in {"resource", "api-version", *_NAMES}:
            raise refused(f"Query variable '{key}' is given more than once")
        given[key] = value
    _check_version(given)
    resource = given.get("resource")
    if not resource:
        raise _missing("resource")
    named = [(by, given[name]) for name, by in _NAMES.items() if given.get(name)]
    if len(named) > 1:
        raise refused("At most one of client_id, object_id and msi_res_id can be given")
    return Asked(resource, *named[0]) if named else Asked(resource)


def attached(asked: Asked, directory: Directory) -> ManagedIdentity | None:
    """Find the user-assigned identity that is asked for; None if there is none."""
    if asked.by == "resource_id":
        return directory.identities.get(asked.value.rstrip("/"))
    client_id = asked.value
    if asked.by == "object_id":
        principal = directory.principals.get(asked.value)
        client_id = principal.app_id if principal else ""
    found = directory.holder(client_id)
    return found if isinstance(found, ManagedIdentity) else None


def refused(words: str, error: str = "invalid_request") -> Refusal:
    """Say no."""
    return Refusal(400, error, words)


def _check_version(given: Mapping[str, str]) -> None:
    version = given.get("api-version")
    if not version:
        raise _missing("api-version")
    if not _VERSION.fullmatch(version) or version < OLDEST:
        raise refused(
            f"The api-version '{version[:50]}' is invalid: {OLDEST} or a later date is expected"
        )


def _missing(name: str) -> Refusal:
    return refused(f"Required query variable '{name}' is missing")
