"""The built-in roles that matter here.

Source: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Role:
    """A role definition."""

    id: str
    name: str
    reads: bool = False
    """Whether it lets managed identities be read."""
    writes: bool = False
    """Whether it lets them and their credentials be written."""
    assigns: bool = False
    """Whether it lets roles be assigned."""


ROLES: Final = (
    Role("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner", reads=True, writes=True, assigns=True),
    Role("b24988ac-6180-42a0-ab88-20f7382dd24c", "Contributor", reads=True, writes=True),
    Role("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader", reads=True),
    Role("18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", "User Access Administrator", assigns=True),
    Role(
        "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59",
        "Managed Identity Contributor",
        reads=True,
        writes=True,
    ),
    Role("f1a07417-d97a-45cb-824c-7a7467783830", "Managed Identity Operator", reads=True),
    Role("4633458b-17de-408a-b874-0445c86b69e6", "Key Vault Secrets User"),
    Role("b86a8fe4-44ce-4948-aee5-eccb2c155cd7", "Key Vault Secrets Officer"),
    Role("ba92f5b4-2d11-453d-a403-e96b0029c9fe", "Storage Blob Data Contributor"),
    Role("2a2b9908-6ea1-4ae2-8e65-a410df84e7d1", "Storage Blob Data Reader"),
)


def role_named(text: str) -> Role | None:
    """Find a role by its name or GUID, in any letter case."""
    wanted = text.lower()
    for role in ROLES:
        if wanted in {role.id, role.name.lower()}:
            return role
    return None
