"""What a caller may ask of a cluster."""

import ipaddress
from dataclasses import dataclass

ISSUER = "https://kubernetes.default.svc.cluster.local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a cluster; `local_cluster()` takes them by the same names."""

    controller_manager: bool = False
    """Default ServiceAccounts, Deployments and the like, garbage collection, the end of
    namespaces: without it none of these happen. 90 MiB and 2 s more."""
    aggregator_routing: bool = False
    """The API server calls a Service's EndpointSlice addresses itself, with no kube-proxy."""
    issuer: str = ISSUER
    """`iss` of ServiceAccount tokens; `{url}` in it stands for the API server's own address."""
    bind_address: str = "127.0.0.1"
    advertise_address: str | None = None
    """What the `kubernetes` Service leads to; default: `host_address`, if there is one."""
    extra_apiserver_args: tuple[str, ...] = ()
    """Flags of kube-apiserver as `--name=value`; they win over ours."""
    service_range: str = "10.96.0.0/16"
    """Addresses of Services; they lead somewhere only where a kube-proxy runs (hack.node)."""
    kubelets: bool = False
    """Kubelets join it: they may do what nodes may (Node authorizer, NodeRestriction), and the
    controllers of nodes run."""

    @property
    def service_address(self) -> str:
        """The first of the range: the `kubernetes` Service."""
        return str(ipaddress.ip_network(self.service_range)[1])

    def programs(self) -> tuple[str, ...]:
        """List the programs that a control plane of our own needs for it."""
        more = ("kube-controller-manager",) if self.controller_manager else ()
        return ("etcd", "kube-apiserver", *more)
