"""Who is in the emulator's directory: the controller, two applications, two managed identities."""

from typing import Final

from tests.cluster.api import Json

TENANT: Final = "5f1c9d1e-9f3b-4a53-8d0c-2f6d0c1b7a42"
SUBSCRIPTION: Final = "7d2f4a5e-3c1b-4f0e-9a67-5b8c2d1e0f34"
CONTROLLER: Final = "a0000000-0000-4000-8000-00000000000a"
SECRET: Final = "only-for-tests"
ORDERS: Final = "b0000000-0000-4000-8000-000000000001"
"""An application; so is the next one."""
INVOICES: Final = "b0000000-0000-4000-8000-000000000002"
MAIL: Final = "c0000000-0000-4000-8000-000000000001"
"""A managed identity; so is the next one."""
PRINT: Final = "c0000000-0000-4000-8000-000000000002"
IDENTITIES: Final = {"orders": ORDERS, "invoices": INVOICES, "mail": MAIL, "print": PRINT}


def resource_id(name: str) -> str:
    """Where a managed identity is."""
    provider = "providers/Microsoft.ManagedIdentity/userAssignedIdentities"
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/{provider}/{name}"


def seed() -> Json:
    """An emulator's seed."""
    controller = {"appId": CONTROLLER, "displayName": "azwi", "tenant": TENANT, "secret": SECRET}
    return {
        "tenants": [{"id": TENANT}],
        "applications": [
            controller,
            *(
                {"appId": IDENTITIES[name], "displayName": name, "tenant": TENANT}
                for name in ("orders", "invoices")
            ),
        ],
        "managedIdentities": [
            {"resourceId": resource_id(name), "clientId": IDENTITIES[name], "tenant": TENANT}
            for name in ("mail", "print")
        ],
    }
