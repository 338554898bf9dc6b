"""What the emulated tenant holds. Frozen; ids and resource ids stand as they were written."""

from dataclasses import dataclass, field
from typing import Final, Literal

SLOTS: Final = 20
"""Federated credentials that an application or managed identity may have.

Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
"""

PrincipalType = Literal["Application", "ManagedIdentity"]


@dataclass(frozen=True, slots=True)
class Tenant:
    """A directory."""

    id: str
    display_name: str = ""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription of Azure, which belongs to a tenant."""

    id: str
    tenant: str
    display_name: str = ""


@dataclass(frozen=True, slots=True)
class Secret:
    """A client secret of an application."""

    key_id: str
    value: str = field(repr=False)
    ends: float | None = None
    """Seconds since the epoch; None: never."""
    begins: float | None = None
    """Seconds since the epoch; None: it has always been there."""
    display_name: str | None = None


@dataclass(frozen=True, slots=True)
class Application:
    """An app registration."""

    object_id: str
    app_id: str
    tenant: str
    display_name: str
    secrets: tuple[Secret, ...] = ()
    owners: tuple[str, ...] = ()
    """Client ids (app ids) of those who may change it by `Application.ReadWrite.OwnedBy`.

    None of them: everybody with that permission may, so that small seeds stay small.
    """
    permissions: tuple[str, ...] | None = None
    """Of Microsoft Graph, for the application as a caller; None: those of `DEFAULT_PERMISSIONS`."""
    identifier_uris: tuple[str, ...] = ()
    token_version: int = 1
    """`requestedAccessTokenVersion`: of tokens for this application as a resource, 1 or 2."""
    tags: tuple[str, ...] = ()
    created: float = 0.0
    certificates: tuple[str, ...] = ()
    """PEM, one certificate each: the application may sign in with any of them."""

    @property
    def client_id(self) -> str:
        """What callers sign in as."""
        return self.app_id

    @property
    def key(self) -> str:
        """What its credentials are kept under."""
        return self.object_id.lower()


@dataclass(frozen=True, slots=True)
class ServicePrincipal:
    """What stands for an application or managed identity in a tenant."""

    object_id: str
    app_id: str
    tenant: str
    display_name: str
    type: PrincipalType = "Application"
    alternative_names: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """A user-assigned managed identity; its service principal is a row of its own."""

    subscription: str
    group: str
    name: str
    client_id: str
    principal_id: str
    tenant: str
    location: str = "westeurope"
    tags: dict[str, str] = field(default_factory=dict)
    permissions: tuple[str, ...] | None = None

    @property
    def resource_id(self) -> str:
        """Its id in Azure Resource Manager, in the documented spelling."""
        return (
            f"/subscriptions/{self.subscription}/resourcegroups/{self.group}"
            f"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{self.name}"
        )

    @property
    def key(self) -> str:
        """What it and its credentials are kept under."""
        return self.resource_id.lower()

    @property
    def display_name(self) -> str:
        """What people call it."""
        return self.name


Holder = Application | ManagedIdentity
"""Whoever can have federated credentials."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A federated identity credential."""

    id: str
    name: str
    issuer: str
    subject: str
    audiences: tuple[str, ...]
    description: str | None = None


@dataclass(frozen=True, slots=True)
class RoleAssignment:
    """A role that a principal has at a scope of Azure."""

    name: str
    """A GUID."""
    scope: str
    principal_id: str
    """An object id."""
    role_definition: str
    """A GUID of `emulator.arm`'s built-in roles."""
    principal_type: str = "ServicePrincipal"
    """Or `User`, `Group`, `ForeignGroup`, `Device`, of whom the emulator knows nothing else."""

    @property
    def id(self) -> str:
        """Its id in Azure Resource Manager."""
        scope = self.scope.rstrip("/")
        return f"{scope}/providers/Microsoft.Authorization/roleAssignments/{self.name}"


DEFAULT_PERMISSIONS: Final = ("Application.ReadWrite.OwnedBy", "Application.Read.All")
"""What an application of the seed may do in Microsoft Graph if it doesn't say."""
