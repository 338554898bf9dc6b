"""What the controller speaks of: wishes, verdicts, this cluster. Pure."""

from dataclasses import dataclass, field
from enum import Enum

from identity.faults import Fault


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What a namespaced object is known by."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """Return it as kubectl users write it."""
        return f"{self.namespace}/{self.name}"


class DeletionPolicy(Enum):
    """What becomes of the credential when its object goes."""

    DELETE = "Delete"
    """Written explicitly: the credential goes, even one that was there before the object."""
    RETAIN = "Retain"
    """It stays, if the verb `retain` is granted."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One `FederatedIdentityCredential` object, read: what somebody wants to be in Entra ID.

    It is a wish and no right: what it may have is for grants to say.
    """

    key: Key
    uid: str
    created: str
    """RFC 3339 in UTC, as the API server wrote it: sorts as text."""
    generation: int
    issuer: str
    """This cluster's in its exact spelling, or a foreign one as written."""
    subject: str
    audience: str
    account: str = ""
    """The ServiceAccount of this cluster whose tokens are meant; empty for a foreign issuer."""
    client_id: str = ""
    """In lower case; empty where the identity is named by resource id."""
    resource_id: str = ""
    """A managed identity's, as written; empty where it is named by client id."""
    tenant_id: str = ""
    """As written, in lower case; empty: the controller's."""
    policy: DeletionPolicy | None = None
    """None: nothing was said; ours goes, an adopted one stays."""
    deleting: bool = False
    finalized: bool = False
    """Our finalizer is on it: what we wrote for it will be removed before it is gone."""
    made_for: str = ""
    """The ServiceAccount that the controller made it for; empty if it was written by hand."""
    owner: str = ""
    """The uid of that ServiceAccount."""
    faults: tuple[Fault, ...] = ()
    """What keeps it from being anything but refused; all of them."""

    @property
    def pair(self) -> tuple[str, str]:
        """Issuer and subject: what its credential is known by."""
        return self.issuer, self.subject

    @property
    def seniority(self) -> tuple[str, str]:
        """Sorts the oldest first; never a tie."""
        return self.created, self.uid

    @property
    def foreign(self) -> bool:
        """Whether the tokens are another issuer's."""
        return not self.account


@dataclass(frozen=True, slots=True)
class ClusterIdentity:
    """What this cluster is to Entra ID."""

    issuer: str
    """The `iss` of its tokens, exactly."""
    tag: str
    """What the names of its credentials carry (`identity.credential_names`)."""
    ageing: frozenset[str] = field(default_factory=frozenset)
    """Tags of earlier issuers whose tokens may live yet: their credentials stay for now."""
    outlived: frozenset[str] = field(default_factory=frozenset)
    """Tags of earlier issuers whose tokens are all over: their credentials go."""
    predecessors: tuple[str, ...] = ()
    """Earlier issuers of this cluster: subjects of theirs are bound as those of the present one."""
