"""The types of resources that are served, and the API versions that each of them knows.

Sources: https://github.com/Azure/azure-rest-api-specs (msi, authorization, resources);
https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/
error-register-resource-provider (the words for a version that is not known).
"""

import re
from dataclasses import dataclass
from typing import Final

from emulator.calls.refusal import Refusal

_VERSION: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(-[a-z]+)?")


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of resource."""

    namespace: str
    name: str
    versions: tuple[str, ...]
    """Newest first."""

    @property
    def full(self) -> str:
        """Its name with the namespace, as resources say their type."""
        return f"{self.namespace}/{self.name}"

    def action(self, verb: str) -> str:
        """Name what a role has to allow for `read`, `write` or `delete`."""
        return f"{self.full}/{verb}"


_WITH_CREDENTIALS: Final = (
    "2025-01-31-preview",
    "2024-11-30",
    "2023-07-31-preview",
    "2023-01-31",
    "2022-01-31-preview",
)
_ROLES: Final = (
    "2022-05-01-preview",
    "2022-04-01",
    "2020-04-01-preview",
    "2018-01-01-preview",
    "2015-07-01",
)

SUBSCRIPTIONS: Final = Kind(
    "Microsoft.Resources",
    "subscriptions",
    ("2022-12-01", "2021-01-01", "2020-01-01", "2019-11-01", "2019-06-01", "2016-06-01"),
)
IDENTITIES: Final = Kind(
    "Microsoft.ManagedIdentity",
    "userAssignedIdentities",
    (*_WITH_CREDENTIALS, "2021-09-30-preview", "2018-11-30"),
)
CREDENTIALS: Final = Kind(
    "Microsoft.ManagedIdentity",
    "userAssignedIdentities/federatedIdentityCredentials",
    _WITH_CREDENTIALS,
)
ROLE_DEFINITIONS: Final = Kind("Microsoft.Authorization", "roleDefinitions", _ROLES)
ROLE_ASSIGNMENTS: Final = Kind("Microsoft.Authorization", "roleAssignments", _ROLES)

KINDS: Final = (SUBSCRIPTIONS, IDENTITIES, CREDENTIALS, ROLE_DEFINITIONS, ROLE_ASSIGNMENTS)


def present_version(version: str | None) -> str:
    """Return the version that a call names. Raises Refusal (400) if it names none."""
    if not version:
        raise Refusal(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    return version


def check_version(kind: Kind, version: str) -> None:
    """Refuse a version that the type doesn't know. Raises Refusal (400)."""
    if version.lower() in kind.versions:
        return
    if kind is SUBSCRIPTIONS or not _VERSION.fullmatch(version.lower()):
        raise Refusal(
            400,
            "InvalidApiVersionParameter",
            f"The api-version '{version[:100]}' is invalid. The supported versions are"
            f" '{','.join(kind.versions)}'.",
        )
    raise Refusal(
        400,
        "NoRegisteredProviderFound",
        f"No registered resource provider found for location 'global' and API version '{version}'"
        f" for type '{kind.name}'. The supported api-versions are '{', '.join(kind.versions)}'."
        " The supported locations are ', global'.",
    )
