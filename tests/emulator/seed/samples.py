"""A seed with one of everything."""

from typing import Any

Json = dict[str, Any]

TENANT = "5f1c9d1e-9f3b-4a53-8d0c-2f6d0c1b7a42"
OTHER_TENANT = "0c9c1f0e-47bb-4d5c-8f6e-0b8a7c3d2e10"
SUBSCRIPTION = "7d2f4a5e-3c1b-4f0e-9a67-5b8c2d1e0f34"
APP = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
MANAGED = "c0ffee00-1111-4222-8333-444455556666"
ISSUER = "https://issuer.test/cluster/"
RESOURCE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/team/providers"
    "/Microsoft.ManagedIdentity/userAssignedIdentities/worker"
)


def credential(name: str = "cluster", subject: str = "system:serviceaccount:team:app") -> Json:
    return {"name": name, "issuer": ISSUER, "subject": subject}


def application(**changed: Any) -> Json:
    found = {
        "appId": APP,
        "displayName": "payments",
        "tenant": TENANT,
        "secret": "s3cret~of-the.app",
        "federatedIdentityCredentials": [credential()],
    }
    return found | changed


def identity(**changed: Any) -> Json:
    found = {
        "resourceId": RESOURCE,
        "clientId": MANAGED,
        "tenant": TENANT,
        "federatedIdentityCredentials": [credential()],
    }
    return found | changed


def seed(**changed: Any) -> Json:
    found = {
        "tenants": [{"id": TENANT, "displayName": "Contoso"}],
        "applications": [application()],
        "managedIdentities": [identity()],
        "roleAssignments": [
            {"scope": f"/subscriptions/{SUBSCRIPTION}", "role": "Contributor", "principal": APP}
        ],
        "issuers": [{"issuer": ISSUER, "reach": "https://127.0.0.1:6443"}],
        "faults": {"latencySeconds": 0.5},
    }
    return found | changed
