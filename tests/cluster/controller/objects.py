"""`FederatedIdentityCredential` objects for tests: valid, as odd as asked for."""

from typing import Any, Final

from tests.cluster.api import Json

CLIENT: Final = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
OTHER: Final = "0b9f6f7e-5d4c-4b3a-8291-a0b1c2d3e4f5"
TENANT: Final = "72f988bf-86f1-41af-91ab-2d7cd011db47"
RESOURCE: Final = (
    "/subscriptions/40000000-0000-4000-8000-000000000001/resourceGroups/apps"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/shop-web"
)
GITHUB: Final = "https://token.actions.githubusercontent.com"
BY_CLIENT_ID: Final = {"clientId": CLIENT}
BY_RESOURCE_ID: Final = {"resourceId": RESOURCE}


def a_fic(name: str = "web", **spec: Any) -> Json:
    """An object with a valid spec, but for what is given; None takes a field away."""
    whole = {"serviceAccountName": "web", "identity": BY_CLIENT_ID, **spec}
    return {
        "apiVersion": "azure.workload.identity/v1alpha1",
        "kind": "FederatedIdentityCredential",
        "metadata": {"name": name},
        "spec": {field: value for field, value in whole.items() if value is not None},
    }


def foreign(**spec: Any) -> dict[str, Any]:
    """The spec of an object for the tokens of another issuer."""
    return {"serviceAccountName": None, "subject": "repo:o/r", "issuer": GITHUB, **spec}
