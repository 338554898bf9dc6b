"""Who is there: identities in Entra ID, ServiceAccounts in the cluster, and grants. Pure."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from controller.names import GROUP
from entra.model import SLOTS
from identity.names import CLIENT_ID

Json = dict[str, Any]

TENANT: Final = "5f1c9d1e-9f3b-4a53-8d0c-2f6d0c1b7a42"
CONTROLLER: Final = "11111111-2222-4333-8444-555555555555"
"""The client id that the controller signs in by."""
SECRET: Final = "known-to-this-benchmark-only"
SLOTS_PER_NAMESPACE: Final = 10
"""What the controller lets one namespace take of an identity, unless told otherwise."""
_IN_NAMESPACE: Final = 100
"""ServiceAccounts of one namespace."""
_RBAC: Final = "rbac.authorization.k8s.io"
_NAMES: Final = uuid.UUID("6f0c4d0e-2a71-4a52-9d0b-7b6a3c1f5e80")


@dataclass(frozen=True, slots=True)
class Member:
    """One identity: an application, or a managed identity at its place."""

    client_id: str
    subscription: str = ""
    """Empty for an application."""
    resource_id: str = ""

    @property
    def managed(self) -> bool:
        """Whether Resource Manager keeps its credentials."""
        return bool(self.subscription)


@dataclass(frozen=True, slots=True)
class Account:
    """One ServiceAccount, annotated with one identity."""

    namespace: str
    name: str
    client_id: str

    def body(self) -> Json:
        """Return it as it is created."""
        return {"metadata": {"name": self.name, "annotations": {CLIENT_ID: self.client_id}}}


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    accounts: int = 10_000
    identities: int = 500
    """Every second one a managed identity."""
    subscriptions: int = 5


@dataclass(frozen=True, slots=True)
class Fleet:
    """All of it. Identities take turns, so that each has ServiceAccounts in many namespaces."""

    size: Size
    members: tuple[Member, ...]
    accounts: tuple[Account, ...]

    @property
    def namespaces(self) -> list[str]:
        """Names, in order."""
        return sorted({account.namespace for account in self.accounts})

    @property
    def wanted(self) -> Counter[str]:
        """How many credentials each client id is to have."""
        return Counter(account.client_id for account in self.accounts)

    def subscriptions(self) -> list[str]:
        """Those of the managed identities."""
        return sorted({member.subscription for member in self.members if member.managed})

    def seed(self) -> Json:
        """Return what the emulator starts with."""
        caller = {"appId": CONTROLLER, "displayName": "controller", "secret": SECRET}
        return {
            "tenants": [{"id": TENANT}],
            "applications": [
                {**caller, "tenant": TENANT},
                *(
                    {"appId": one.client_id, "displayName": f"app-{number}", "tenant": TENANT}
                    for number, one in enumerate(self.members)
                    if not one.managed
                ),
            ],
            "managedIdentities": [
                {"resourceId": one.resource_id, "clientId": one.client_id, "tenant": TENANT}
                for one in self.members
                if one.managed
            ],
        }

    def grants(self) -> Iterator[tuple[str, Json]]:
        """Yield ClusterRoles and bindings, each with the path that it is posted to.

        A role lists all identities of a namespace, and is bound to the group of ServiceAccounts of
        each namespace that has the same ones.
        """
        used: defaultdict[str, set[str]] = defaultdict(set)
        for account in self.accounts:
            used[account.namespace].add(account.client_id)
        alike: defaultdict[frozenset[str], list[str]] = defaultdict(list)
        for namespace, client_ids in used.items():
            alike[frozenset(client_ids)].append(namespace)
        for number, (granted, namespaces) in enumerate(alike.items()):
            yield from _grant(f"azwi-scale-{number}", sorted(granted), namespaces)


def fleet(size: Size) -> Fleet:
    """Lay a fleet out. Raises ValueError if an identity's 20 slots, or a namespace's, are few."""
    members = tuple(_member(number, size.subscriptions) for number in range(size.identities))
    accounts = tuple(
        Account(
            f"team-{number // _IN_NAMESPACE:03}",
            f"service-{number:05}",
            members[number % len(members)].client_id,
        )
        for number in range(size.accounts)
    )
    laid_out = Fleet(size, members, accounts)
    most = max(laid_out.wanted.values(), default=0)
    if most > SLOTS:
        raise ValueError(f"{most} ServiceAccounts on one identity, which has {SLOTS} slots")
    shares = Counter((account.namespace, account.client_id) for account in accounts)
    if (share := max(shares.values(), default=0)) > SLOTS_PER_NAMESPACE:
        raise ValueError(
            f"{share} ServiceAccounts of one namespace on one identity, and"
            f" {SLOTS_PER_NAMESPACE} may be: more identities, or fewer accounts"
        )
    return laid_out


def _member(number: int, subscriptions: int) -> Member:
    client_id = str(uuid.uuid5(_NAMES, f"identity/{number}"))
    if number % 2 == 0:
        return Member(client_id)
    subscription = str(uuid.uuid5(_NAMES, f"subscription/{number // 2 % subscriptions}"))
    place = (
        f"/subscriptions/{subscription}/resourceGroups/identities/providers"
        f"/Microsoft.ManagedIdentity/userAssignedIdentities/identity-{number}"
    )
    return Member(client_id, subscription, place)


def _grant(
    name: str, client_ids: list[str], namespaces: list[str]
) -> tuple[tuple[str, Json], tuple[str, Json]]:
    rule = {
        "apiGroups": [GROUP],
        "resources": ["identities"],
        "resourceNames": client_ids,
        "verbs": ["federate"],
    }
    subjects = [
        {"apiGroup": _RBAC, "kind": "Group", "name": f"system:serviceaccounts:{namespace}"}
        for namespace in namespaces
    ]
    role = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": name}
    metadata = {"name": name}
    return (
        (f"/apis/{_RBAC}/v1/clusterroles", {"metadata": metadata, "rules": [rule]}),
        (
            f"/apis/{_RBAC}/v1/clusterrolebindings",
            {"metadata": metadata, "roleRef": role, "subjects": subjects},
        ),
    )
