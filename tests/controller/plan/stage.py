"""One identity for tests of the plan: wishes with their rulings, and what stands in Entra ID."""

from dataclasses import replace
from typing import Any

from controller.model import ClusterIdentity, DeletionPolicy, Key, Wish
from controller.plan import Ruled, Situation, Standing
from entra.model import FederatedCredential
from identity.credential_names import cluster_tag, credential_name, description

ISSUER = "https://issuer.example/cluster/"
EARLIER = "https://issuer.example/earlier/"
FOREIGN = "https://token.actions.githubusercontent.com"
AUDIENCE = "api://AzureADTokenExchange"
CLIENT_ID = "11111111-2222-3333-4444-555555555555"
CLUSTER = ClusterIdentity(ISSUER, cluster_tag(ISSUER))
AGEING = ClusterIdentity(
    ISSUER, cluster_tag(ISSUER), ageing=frozenset({cluster_tag(EARLIER)}), predecessors=(EARLIER,)
)
OUTLIVED = ClusterIdentity(
    ISSUER, cluster_tag(ISSUER), outlived=frozenset({cluster_tag(EARLIER)}), predecessors=(EARLIER,)
)


def wish(
    account: str = "app",
    *,
    namespace: str = "shop",
    age: int = 0,
    name: str = "",
    foreign: str = "",
    **changes: Any,
) -> Wish:
    """Return an object's wish; of two, the one of the higher `age` is older.

    `foreign`: a subject of another issuer, instead of a ServiceAccount.
    """
    name = name or f"{account}-object"
    made = Wish(
        key=Key(namespace, name),
        uid=f"{namespace}/{name}/{age}",
        created=f"2026-01-01T00:{59 - age // 60:02}:{59 - age % 60:02}Z",
        generation=1,
        issuer=FOREIGN if foreign else ISSUER,
        subject=foreign or f"system:serviceaccount:{namespace}:{account}",
        audience=AUDIENCE,
        account="" if foreign else account,
        client_id=CLIENT_ID,
        finalized=True,
    )
    return replace(made, **changes)


def granted(one: Wish, *, may_retain: bool = False) -> Ruled:
    return Ruled(one, Standing.GRANTED, may_retain)


def doubted(one: Wish, *, may_retain: bool = False) -> Ruled:
    return Ruled(one, Standing.DOUBTED, may_retain)


def denied(one: Wish) -> Ruled:
    return Ruled(one, Standing.DENIED)


def going(one: Wish, policy: DeletionPolicy | None = None) -> Wish:
    """Return the wish of an object that is being deleted."""
    return replace(one, deleting=True, policy=policy)


def ours(one: Wish, **changes: Any) -> FederatedCredential:
    """Return the credential that the controller writes for a wish, on a managed identity."""
    name = credential_name(ISSUER, one.key.namespace, one.key.name, one.issuer, one.subject)
    there = FederatedCredential(name, one.issuer, one.subject, one.audience, id=f"id of {one.key}")
    return replace(there, **changes)


def earlier(one: Wish) -> FederatedCredential:
    """Return what stood for a wish while the cluster had its earlier issuer."""
    issuer = EARLIER if one.issuer == ISSUER else one.issuer
    name = credential_name(EARLIER, one.key.namespace, one.key.name, issuer, one.subject)
    return FederatedCredential(name, issuer, one.subject, one.audience, id=f"earlier of {one.key}")


def theirs(one: Wish, name: str = "by-hand", **changes: Any) -> FederatedCredential:
    """Return a credential of a wish's issuer and subject that somebody else wrote."""
    there = FederatedCredential(name, one.issuer, one.subject, one.audience, id=f"id of {name}")
    return replace(there, **changes)


def strangers(count: int) -> tuple[FederatedCredential, ...]:
    """Return credentials of other people, for subjects that nobody here asks for."""
    return tuple(
        FederatedCredential(f"stranger-{n:02}", "https://elsewhere.example", f"s{n}", AUDIENCE)
        for n in range(count)
    )


def described(one: Wish) -> str:
    return description(ISSUER, one.key.namespace, one.key.name)


def situation(
    *ruled: Ruled,
    there: tuple[FederatedCredential, ...] = (),
    cluster: ClusterIdentity = CLUSTER,
    **changes: Any,
) -> Situation:
    return Situation(cluster, ruled, there, **changes)
