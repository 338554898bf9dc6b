"""The node that the emulator stands on: a machine with an identity of its own.

Every managed identity of the directory is attached to it besides.
Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview
"""

from dataclasses import dataclass
from typing import Final

from emulator.directory import Directory, ManagedIdentity, ServicePrincipal
from emulator.directory.directory import stable_id

NAME: Final = "azwi-emulator-node"
_GROUP: Final = "azwi-emulator"


@dataclass(frozen=True, slots=True)
class Node(ManagedIdentity):
    """A machine's system-assigned identity.

    It has no credentials, and is no resource of its own: its service principal is all of it that
    the directory holds.
    """

    @property
    def resource_id(self) -> str:
        """The machine's id in Azure Resource Manager."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
            f"/providers/Microsoft.Compute/virtualMachines/{self.name}"
        )


def attach_node(directory: Directory, moment: float) -> Node | None:
    """Return the node of the first tenant, with a service principal there; None without a tenant.

    Its ids are the same in every run.
    """
    tenant = next(iter(directory.tenants.values()), None)
    if tenant is None:
        return None
    subscriptions = (
        row.id
        for row in directory.subscriptions.values()
        if row.tenant.lower() == tenant.id.lower()
    )
    node = Node(
        subscription=next(subscriptions, stable_id("node-subscription", tenant.id)),
        group=_GROUP,
        name=NAME,
        client_id=stable_id("node-client", tenant.id),
        principal_id=stable_id("node-principal", tenant.id),
        tenant=tenant.id,
    )
    if directory.principal(tenant.id, node.client_id) is None:
        directory.put_principal(_principal(node), moment)
    return node


def _principal(node: Node) -> ServicePrincipal:
    return ServicePrincipal(
        object_id=node.principal_id,
        app_id=node.client_id,
        tenant=node.tenant,
        display_name=node.name,
        type="ManagedIdentity",
        alternative_names=("isExplicit=False", node.resource_id),
    )
