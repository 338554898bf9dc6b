"""The webhook's configuration: parsed once at start, frozen, and in need of no further checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final

from identity.names import DEFAULT_AUDIENCE

MEBIBYTE: Final = 1024 * 1024


class TokenPathMode(Enum):
    """Where containers find the token's file."""

    CURRENT = "current"
    """`/var/run/secrets/azure/wi/token/azure-identity-token`, as since 1.6."""
    LEGACY = "legacy"
    """`/var/run/secrets/azure/tokens/azure-identity-token`, as before."""
    BOTH = "both"
    """Both are there; the variable names the current one."""


@dataclass(frozen=True, slots=True)
class CustomTokenEndpoint:
    """The cluster's own token endpoint (AKS identity binding), for pods that ask for it."""

    annotation: str
    """The whole key, `azure.workload.identity/use-<suffix>`."""
    audience: str
    token_proxy: str = ""
    sni_name: str = ""
    ca_data: str = ""
    ca_config_map_name: str = ""
    ca_signer_name: str = ""
    ca_label_selector: Mapping[str, Any] | None = None
    """A LabelSelector that goes with the signer's name."""

    @property
    def mounts_ca(self) -> bool:
        """Tell whether the CA comes as a file in the volume."""
        return bool(self.ca_config_map_name or self.ca_signer_name)


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """The containers that answer for the instance metadata service to old code."""

    image: str
    init_image: str
    """Not needed where nothing is redirected."""
    redirect: bool = True
    """The init container sends what is meant for 169.254.169.254 to the proxy; it runs as root with
    NET_ADMIN. False: none is injected, and SDKs are told by a variable where the proxy is."""
    native_sidecar: bool = True
    """The API server is 1.32 or later, so every kubelet has sidecar containers."""
    log_level: str = "info"
    resources: Mapping[str, Any] | None = None
    init_resources: Mapping[str, Any] | None = None
    security_context: Mapping[str, Any] | None = None
    init_security_context: Mapping[str, Any] | None = None
    """Stand in for the built-in security contexts where they are given."""


@dataclass(frozen=True, slots=True)
class MutationConfig:
    """Everything that a mutation depends on beside the pod and its ServiceAccount."""

    tenant_id: str
    authority_host: str
    proxy: ProxySettings
    audience: str = DEFAULT_AUDIENCE
    token_path_mode: TokenPathMode = TokenPathMode.CURRENT
    custom_token_endpoint: CustomTokenEndpoint | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; an empty host means every address of the machine, of both families."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return the form that Go programs take: `:9440`, `127.0.0.1:9440`, `[::1]:9440`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """The three listeners and their limits. Times are seconds."""

    port: int = 9443
    health: Address = Address("", 9440)
    metrics: Address | None = Address("", 8095)
    """None: no metrics are served."""
    tls_min_version: str = "1.3"
    max_body_bytes: int = 8 * MEBIBYTE
    """The API server sends an object and its old version: 3 MiB each at the most, and its words."""
    read_timeout: float = 10.0
    """A request's body is there within this, or the connection ends."""
    idle_timeout: float = 120.0
    """Longer than the 90 s after which the API server's client gives an idle connection up."""
    shutdown_delay: float = 15.0
    """After SIGTERM, connections are still taken for this long: endpoints lag behind."""
    shutdown_timeout: float = 10.0
    """... and requests under way get this much more."""


@dataclass(frozen=True, slots=True)
class CertificateConfig:
    """Where the serving certificate comes from, and its life. Times are seconds."""

    directory: Path
    """`--webhook-cert-dir`: read (and reread) `tls.crt` and `tls.key` in files mode."""
    rotate: bool = True
    """False (`--disable-cert-rotation`): files mode, somebody else makes the certificate."""
    namespace: str = "azure-workload-identity-system"
    secret_name: str = "azure-wi-webhook-server-cert"
    service_name: str = "azure-wi-webhook-webhook-service"
    configuration_name: str = "azure-wi-webhook-mutating-webhook-configuration"
    webhook_name: str = "mutation.azure-workload-identity.io"
    """Whose `caBundle` is ours to write: that of this webhook in that configuration."""
    ca_lifetime: float = 10 * 365 * 86400.0
    serving_lifetime: float = 365 * 86400.0
    lookahead: float = 90 * 86400.0
    """A certificate is replaced when less than this is left of its life."""
    trust_delay: float = 60.0
    """From a CA's entry into the bundle to the first certificate signed by it."""
    check_interval: float = 600.0
    adoption_delay: float = 180.0
    """From a new CA's first certificate to the old CA's removal, at the least: a replica of the
    original serves from a mounted Secret, which lags behind by up to two minutes."""
    silence_limit: float = 3600.0
    """A replica that serves under an old CA holds its removal up, until it was silent for this."""
    jitter: float = 5.0
    """What is not urgent waits a random part of this, so that one replica does it, not all."""

    @property
    def dns_name(self) -> str:
        """The name that the API server asks for, and the serving certificate is made for."""
        return f"{self.service_name}.{self.namespace}.svc"


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration of the webhook's process."""

    mutation: MutationConfig
    certificates: CertificateConfig
    server: ServerConfig = field(default_factory=ServerConfig)
    kubeconfig: Path | None = None
    """None: the ServiceAccount of the pod that this process runs in."""
    log_level: str = "info"
    """info, debug, trace or all, in order of verbosity."""
