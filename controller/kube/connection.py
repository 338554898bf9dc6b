"""How to reach the API server: one `Connection`, for our own client and for kopf alike."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from controller.kube.kubeconfig import from_kubeconfig
from controller.kube.ways import Connection, in_cluster

__all__ = ["Connection", "connection"]

_NOTHING: Final[Mapping[str, str]] = {}


def connection(kubeconfig: Path | None, environment: Mapping[str, str] = _NOTHING) -> Connection:
    """Connect as the kubeconfig says; without one as the pod that this process runs in.

    `environment` is the process's own. Raises `NotConfigured`.
    """
    return from_kubeconfig(kubeconfig) if kubeconfig is not None else in_cluster(environment)
