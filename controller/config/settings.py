"""The controller's configuration: parsed once at start, frozen, and in need of no further checks.

All times are seconds.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from entra.client import Settings as EntraSettings
from entra.sign_in import ManagedIdentity, SignInSettings
from identity.names import DEFAULT_AUDIENCE

LONGEST_WITHDRAWAL: Final = 300.0
"""From the moment a grant is withdrawn to the credential's end, at the most."""
REMOVAL: Final = 30.0
"""What of that is left for the removal itself."""
LONGEST_KEPT: Final = 60.0
"""A ruling about a grant is asked for anew after this, at the latest."""
UNPROBED: Final = frozenset({"kube-system"})
"""Namespaces whose ServiceAccounts nobody's tokens are asked for."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. No host means every address of the machine; port 0: the system's choice."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return the form that Go programs take: `:9440`, `127.0.0.1:9440`, `[::1]:9440`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class LeaseSettings:
    """The Lease that one of several controllers holds, who writes to Entra therefore."""

    namespace: str
    name: str
    identity: str
    """Who we are in it: our own Lease is taken back at once after a restart."""
    duration: float = 30.0
    renew: float = 5.0
    retry: float = 2.0
    """Between tries to renew or to get it, after one that failed."""


@dataclass(frozen=True, slots=True)
class EndSettings:
    """What `release` and `withdraw` need of a configuration."""

    lease: LeaseSettings
    kubeconfig: Path | None
    """None: the ServiceAccount of the pod."""
    log_level: str


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """How this cluster is known to Entra ID."""

    issuer: str | None = None
    """Exactly as its tokens say it; None: found out at start."""
    token_file: Path | None = None
    """A token of this cluster, whose `iss` is the issuer; None outside of one: discovery."""
    audience: str = DEFAULT_AUDIENCE
    accept_issuer_change: bool = False
    """An issuer other than the one that the journal knows is taken for this cluster's new one."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often things are looked at that nobody tells us about."""

    resync: float = 180.0
    """Every object and its grant."""
    drift: float = 1800.0
    """Every identity's credentials in Entra."""
    probe: float = 21600.0
    """Every credential is proved again by an exchange."""
    denial: float = 60.0
    """Between the two denials that make a withdrawal of a grant."""

    @property
    def ruling_kept(self) -> float:
        """How long a ruling about a grant may be kept, so that a withdrawal is noticed in time."""
        left = LONGEST_WITHDRAWAL - REMOVAL - self.resync - self.denial
        return max(0.0, min(LONGEST_KEPT, left))


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """Which credentials are proved by an exchange, and for what its token is asked."""

    scope: str
    namespaces: frozenset[str] = frozenset()
    everywhere: bool = False
    """In all namespaces but `UNPROBED`."""

    @property
    def on(self) -> bool:
        """Tell whether anything is probed."""
        return self.everywhere or bool(self.namespaces)

    def covers(self, namespace: str) -> bool:
        """Tell whether ServiceAccounts of that namespace are probed."""
        if namespace in UNPROBED:
            return False
        return self.everywhere or namespace in self.namespaces


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration of the controller's process."""

    namespace: str
    """The controller's own: of its Lease, its journal and its Events without another home."""
    entra: EntraSettings
    sign_in: SignInSettings
    lease: LeaseSettings
    probe: ProbeSettings
    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    intervals: Intervals = field(default_factory=Intervals)
    kubeconfig: Path | None = None
    """None: the ServiceAccount of the pod that this process runs in."""
    ca_file: Path | None = None
    """PEM; trusted for Entra's endpoints beside the system's authorities."""
    per_namespace: int = 10
    """Slots of one identity that one namespace may take; Entra has 20."""
    resolve_resource_ids: bool = False
    """Client ids of identities named by resource id are written to ServiceAccounts."""
    watch_grants: bool = True
    """ClusterRoles and bindings are watched, so that grants are checked as soon as they change."""
    health_address: Address = Address("", 9440)
    metrics_address: Address | None = Address("", 8095)
    """None: no metrics are served."""
    log_level: str = "info"
    """error, warning, info or debug, in order of verbosity."""

    @property
    def own_client_id(self) -> str | None:
        """The identity that we sign in as, in lower case: never federated, adopted or removed.

        None for a node's system-assigned identity, which can't have federated credentials.
        """
        if isinstance(self.sign_in, ManagedIdentity):
            client_id = self.sign_in.client_id
            return None if client_id is None else client_id.lower()
        return self.sign_in.application.client_id.lower()
