"""What this package speaks of: identities and their federated credentials. Pure."""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

SLOTS: Final = 20
"""Federated credentials that one identity may have, application or managed identity.

Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
"""

_RESOURCE_ID: Final = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/Microsoft\.ManagedIdentity/userAssignedIdentities/(?P<name>[^/]+)",
    re.IGNORECASE,
)


class Kind(Enum):
    """Which side keeps an identity, and so its credentials."""

    APPLICATION = "application"
    """An application (app registration); its credentials are behind Microsoft Graph."""
    MANAGED_IDENTITY = "managed identity"
    """A user-assigned managed identity; its credentials are behind Azure Resource Manager."""


@dataclass(frozen=True, slots=True)
class ResourceId:
    """Where a user-assigned managed identity stands in Azure Resource Manager.

    Resource Manager compares these without case, so the key for comparisons is `folded`.
    """

    subscription: str
    group: str
    name: str

    def __str__(self) -> str:
        """Return the id in the spelling that Resource Manager documents."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
            f"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{self.name}"
        )

    @property
    def folded(self) -> str:
        """The id in lower case: equal for two spellings of the same resource."""
        return str(self).lower()


def resource_id(text: str) -> ResourceId | None:
    """Read a managed identity's resource id, in any letter case; None if it is none."""
    match = _RESOURCE_ID.fullmatch(text.rstrip("/"))
    return (
        None if match is None else ResourceId(match["subscription"], match["group"], match["name"])
    )


@dataclass(frozen=True, slots=True)
class Identity:
    """One identity in Entra ID that credentials can be written to."""

    kind: Kind
    client_id: str
    """In lower case."""
    tenant_id: str
    object_id: str
    """Of the service principal."""
    resource: ResourceId | None = None
    """Of a managed identity, always; of an application, never."""
    name: str = ""
    """The display name, for people; no decision rests on it."""

    @property
    def key(self) -> str:
        """What tells this identity from every other one: the unit of writing."""
        return self.resource.folded if self.resource else f"application/{self.client_id}"


@dataclass(frozen=True, slots=True)
class FederatedCredential:
    """What makes an identity trust a token: issuer, subject and audience, compared case-exactly."""

    name: str
    """3 to 120 characters; immutable in Entra; never what a credential is known by."""
    issuer: str
    subject: str
    audience: str
    """Entra allows exactly one."""
    description: str = ""
    """Of applications only; always empty on managed identities."""
    id: str = ""
    """As the service returned it; empty before it was written."""

    @property
    def pair(self) -> tuple[str, str]:
        """Issuer and subject: what a credential is known by, unique on an identity."""
        return self.issuer, self.subject

    def says_the_same_as(self, other: "FederatedCredential") -> bool:
        """Tell whether both trust the same tokens, whatever their names and descriptions."""
        return self.pair == other.pair and self.audience == other.audience
