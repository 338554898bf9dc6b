"""What every cluster can do, whichever way it came about."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path


class Cluster(ABC):
    """A real API server."""

    way: str
    """kubeconfig, kind, assets or build."""
    ours: bool
    """Whether it was started here: only then may it be stopped and restarted."""
    folder: Path
    """A folder of this cluster's own; gone when the cluster is."""
    kubeconfig: Path
    """Of an administrator (group system:masters where the cluster is ours)."""
    url: str
    ca_file: Path
    """The authorities that the API server's certificate is checked against."""
    version: str
    """As the API server tells it: v1.36.3."""

    @property
    @abstractmethod
    def host_address(self) -> str:
        """An address of this machine, not loopback, that the API server can call.

        It may stand in an EndpointSlice of a Service (with `aggregator_routing`, no kube-proxy is
        needed). Raises NoHostAddress.
        """

    @abstractmethod
    def kubeconfig_for(self, user: str, groups: Iterable[str] = ()) -> Path:
        """Return a kubeconfig of somebody who has no rights but those that RBAC grants."""

    @abstractmethod
    def kubectl(self) -> Path:
        """Return a kubectl that fits; it may have to be built first (1 minute)."""

    @abstractmethod
    def stop_api_server(self, *, kill: bool = False) -> None:
        """Stop the API server only: all that is stored stays. `kill`: without a farewell."""

    @abstractmethod
    def start_api_server(self) -> None:
        """Start it again on the same port; returns when it is ready."""

    def restart_api_server(self, *, kill: bool = False) -> None:
        """Stop it, then start it again."""
        self.stop_api_server(kill=kill)
        self.start_api_server()
