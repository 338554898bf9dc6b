"""What a plan is made from: everything known about one identity at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from controller.model import ClusterIdentity, Wish
from entra.model import SLOTS, FederatedCredential
from identity.credential_names import credential_name, tag_of


class Standing(Enum):
    """What a wish may have, as far as it is known."""

    GRANTED = "granted"
    DOUBTED = "doubted"
    """Denied once, or the check failed: what stands stays, nothing new is written."""
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Ruled:
    """A wish, and what grants say of it."""

    wish: Wish
    standing: Standing
    may_retain: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """One identity: who wants what, and what stands in Entra ID."""

    cluster: ClusterIdentity
    ruled: tuple[Ruled, ...]
    observed: tuple[FederatedCredential, ...]
    described: bool = False
    """Whether its credentials have descriptions: those of applications do."""
    retained: Mapping[str, str] = field(default_factory=dict)
    """Credentials that stay without an object, by name, and the namespace that each counts for."""
    per_namespace: int = 10
    """Slots that one namespace may take of this identity."""
    slots: int = SLOTS
    complete: bool = True
    """Whether all objects of the cluster are known: else nothing is taken for left over."""

    def is_ours(self, credential: FederatedCredential) -> bool:
        """Tell whether this cluster's controller wrote it, by its name."""
        return is_ours(credential, self.cluster)

    def name_for(self, wish: Wish) -> str:
        """Return the name of the credential that is written for a wish."""
        key = wish.key
        return credential_name(
            self.cluster.issuer, key.namespace, key.name, wish.issuer, wish.subject
        )

    def is_ageing(self, credential: FederatedCredential) -> bool:
        """Tell whether it is of an earlier issuer whose tokens may live yet."""
        return tag_of(credential.name) in self.cluster.ageing


def is_ours(credential: FederatedCredential, cluster: ClusterIdentity) -> bool:
    """Tell whether a credential was written by the controller of this cluster, now or earlier."""
    tag = tag_of(credential.name)
    return tag is not None and (
        tag == cluster.tag or tag in cluster.ageing or tag in cluster.outlived
    )
