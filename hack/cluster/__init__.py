"""A real Kubernetes API server on this machine, for development, the demo and the tests.

    with local_cluster(controller_manager=True, progress=printed()) as cluster:
        ...cluster.kubeconfig, cluster.url, cluster.restart_api_server()...

`python -m hack.cluster up` keeps one running. `hack.cluster.ways` says which ways there are to one.
"""

from hack.cluster.cluster import Cluster
from hack.cluster.errors import (
    BadSetting,
    BuildFailed,
    ClusterError,
    NoHostAddress,
    NotOurs,
    NoWay,
    StartFailed,
)
from hack.cluster.local import local_cluster
from hack.cluster.progress import Progress, Step, printed, silent

__all__ = [
    "BadSetting",
    "BuildFailed",
    "Cluster",
    "ClusterError",
    "NoHostAddress",
    "NoWay",
    "NotOurs",
    "Progress",
    "StartFailed",
    "Step",
    "local_cluster",
    "printed",
    "silent",
]
