"""What the emulator holds: tenants, applications, managed identities, credentials, assignments."""

from emulator.directory.directory import Directory
from emulator.directory.model import (
    DEFAULT_PERMISSIONS,
    SLOTS,
    Application,
    Credential,
    Holder,
    ManagedIdentity,
    RoleAssignment,
    Secret,
    ServicePrincipal,
    Subscription,
    Tenant,
)
from emulator.directory.table import ALWAYS, Table

__all__ = [
    "ALWAYS",
    "DEFAULT_PERMISSIONS",
    "SLOTS",
    "Application",
    "Credential",
    "Directory",
    "Holder",
    "ManagedIdentity",
    "RoleAssignment",
    "Secret",
    "ServicePrincipal",
    "Subscription",
    "Table",
    "Tenant",
]
