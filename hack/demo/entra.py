"""Entra ID as the demo has it: the emulator, what it starts with, and what stands in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.cluster import Cluster
from hack.demo.api import Api
from hack.demo.quick_start import QuickStart
from hack.emulator import Emulator
from hack.emulator import running as running_emulator
from hack.webhook import TENANT_ID

Object = dict[str, Any]

CONTROLLER_ID = "a41d7c60-5f28-4e9b-8b3d-0c6e2f9d7b15"
"""The controller's own identity in Entra ID."""
SUBSCRIPTION = "e6b0f2a9-1c47-4d83-9e5a-7f30c8d1b264"
FIRST_CREDENTIAL = "by-hand"
_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/demo"
_READER_TOKEN = "reader.token"  # the name of a file


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity, and the federated credentials on it."""

    name: str
    kind: str
    client_id: str
    credentials: tuple[Object, ...]
    """With name, issuer, subject and audiences."""


def identities(emulator: Emulator) -> list[Identity]:
    """List all identities with all that stands on them, by the emulator's admin API."""
    state = emulator.admin("GET", "/state")
    return [
        *(
            Identity(one["displayName"], "application", one["appId"], _credentials(one))
            for one in state["applications"]
        ),
        *(
            Identity(
                one["resourceId"].rpartition("/")[2],
                "managed identity",
                one["clientId"],
                _credentials(one),
            )
            for one in state["managedIdentities"]
        ),
    ]


def seed(
    quick_start: QuickStart, issuer: str, cluster: Cluster, controller_subject: str
) -> dict[str, Any]:
    """Write what it starts with: the identities, and how the cluster's issuer is reached.

    None has a credential but the controller's own: the first one in a tenant is made by hand.
    """
    return {
        "tenants": [{"id": TENANT_ID, "displayName": "demo"}],
        "applications": [
            {
                "appId": CONTROLLER_ID,
                "displayName": "azwi-controller",
                "tenant": TENANT_ID,
                "federatedIdentityCredentials": [
                    {"name": FIRST_CREDENTIAL, "issuer": issuer, "subject": controller_subject}
                ],
            },
            {
                "appId": quick_start.client_id,
                "displayName": quick_start.account_name,
                "tenant": TENANT_ID,
                "owner": CONTROLLER_ID,
            },
        ],
        "managedIdentities": [
            {
                "resourceId": f"{_GROUP}/providers/Microsoft.ManagedIdentity"
                f"/userAssignedIdentities/{quick_start.account_name}-next",
                "clientId": quick_start.next_client_id,
                "tenant": TENANT_ID,
            }
        ],
        "roleAssignments": [
            {
                "scope": f"/subscriptions/{SUBSCRIPTION}",
                "role": "Managed Identity Contributor",
                "principal": CONTROLLER_ID,
            }
        ],
        "enforceRoleAssignments": True,
        "issuers": [
            {
                "issuer": issuer,
                "reach": cluster.url,
                "ca": str(cluster.ca_file.resolve()),
                "tokenFile": _READER_TOKEN,
            }
        ],
    }


@contextmanager
def running(cluster: Cluster, seeded: dict[str, Any], reader_token: str) -> Iterator[Emulator]:
    """Run it for as long as the block runs; `reader_token` reads the issuer's documents."""
    folder = cluster.folder / "entra"
    folder.mkdir(mode=0o700)
    write_token(folder / _READER_TOKEN, reader_token)
    with running_emulator(Emulator(folder, seeded)) as emulator:
        yield emulator


def write_token(path: Path, token: str) -> None:
    """Write a token to a file that nobody else reads."""
    path.touch(mode=0o600)
    path.write_text(token, encoding="ascii")


def issuer_of(api: Api) -> str:
    """Return `iss` of the cluster's tokens."""
    return str(api.get("/.well-known/openid-configuration")["issuer"])


def _credentials(told: Object) -> tuple[Object, ...]:
    return tuple(told["federatedIdentityCredentials"])
