"""The built-in roles that matter here, and what each lets its holders do. Pure.

Source: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_IDENTITIES: Final = "Microsoft.ManagedIdentity/userAssignedIdentities"
_CREDENTIALS: Final = f"{_IDENTITIES}/federatedIdentityCredentials"
_BLOBS: Final = "Microsoft.Storage/storageAccounts/blobServices"
_EVERYDAY: Final = (
    "Microsoft.Authorization/*/read",
    "Microsoft.Insights/alertRules/*",
    "Microsoft.Resources/deployments/*",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Support/*",
)
"""What most built-in roles for one service let their holders do besides."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role definition. Actions may have `*` in them, and are compared without case."""

    id: str
    name: str
    description: str
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()

    def allows(self, action: str) -> bool:
        """Tell whether the role lets its holders do this to resources (not to their data)."""
        return _matches(self.actions, action) and not _matches(self.not_actions, action)


ROLES: Final = (
    Role(
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        "Owner",
        "Grants full access to manage all resources, including the ability to assign roles.",
        actions=("*",),
    ),
    Role(
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "Contributor",
        "Grants full access to manage all resources, but does not allow you to assign roles.",
        actions=("*",),
        not_actions=(
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
        ),
    ),
    Role(
        "acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "Reader",
        "View all resources, but does not allow you to make any changes.",
        actions=("*/read",),
    ),
    Role(
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        "User Access Administrator",
        "Lets you manage user access to Azure resources.",
        actions=("*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"),
    ),
    Role(
        "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59",
        "Managed Identity Contributor",
        "Create, Read, Update, and Delete User Assigned Identity",
        actions=(
            f"{_IDENTITIES}/read",
            f"{_IDENTITIES}/write",
            f"{_IDENTITIES}/delete",
            f"{_CREDENTIALS}/read",
            f"{_CREDENTIALS}/write",
            f"{_CREDENTIALS}/delete",
            *_EVERYDAY,
        ),
    ),
    Role(
        "f1a07417-d97a-45cb-824c-7a7467783830",
        "Managed Identity Operator",
        "Read and Assign User Assigned Identity",
        actions=(f"{_IDENTITIES}/*/read", f"{_IDENTITIES}/*/assign/action", *_EVERYDAY),
    ),
    Role(
        "4633458b-17de-408a-b874-0445c86b69e6",
        "Key Vault Secrets User",
        "Read secret contents.",
        data_actions=(
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        ),
    ),
    Role(
        "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
        "Key Vault Secrets Officer",
        "Perform any action on the secrets of a key vault, except manage permissions.",
        actions=(*_EVERYDAY, "Microsoft.KeyVault/vaults/*/read"),
        data_actions=("Microsoft.KeyVault/vaults/secrets/*",),
    ),
    Role(
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "Storage Blob Data Contributor",
        "Allows for read, write and delete access to Azure Storage blob containers and data",
        actions=(
            f"{_BLOBS}/containers/delete",
            f"{_BLOBS}/containers/read",
            f"{_BLOBS}/containers/write",
            f"{_BLOBS}/generateUserDelegationKey/action",
        ),
        data_actions=(
            f"{_BLOBS}/containers/blobs/delete",
            f"{_BLOBS}/containers/blobs/read",
            f"{_BLOBS}/containers/blobs/write",
            f"{_BLOBS}/containers/blobs/move/action",
            f"{_BLOBS}/containers/blobs/add/action",
        ),
    ),
    Role(
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        "Storage Blob Data Reader",
        "Allows for read access to Azure Storage blob containers and data",
        actions=(f"{_BLOBS}/containers/read", f"{_BLOBS}/generateUserDelegationKey/action"),
        data_actions=(f"{_BLOBS}/containers/blobs/read",),
    ),
)


def role_named(text: str) -> Role | None:
    """Find a role by its name or GUID, in any letter case."""
    wanted = text.lower()
    for role in ROLES:
        if wanted in {role.id, role.name.lower()}:
            return role
    return None


def _matches(patterns: Sequence[str], action: str) -> bool:
    return any(_pattern(one).fullmatch(action) for one in patterns)


def _pattern(written: str) -> re.Pattern[str]:
    # "a/*/read" takes "a/read" in, too: it is how Managed Identity Operator reads identities.
    text = re.escape(written).replace(r"/\*/", "/(?:.*/)?").replace(r"\*", ".*")
    return re.compile(text, re.IGNORECASE)
