"""A real node on this machine, without Docker: kubelet, containerd, kube-proxy, DNS.

    with node(progress=printed()) as running:
        running.load(Path("webhook.tar"))
        ...running.kubeconfig, running.host_address, running.cluster.restart_api_server()...

`python -m hack.node up` keeps one running; README.md says how it is made.
"""

from hack.node.errors import CannotRun, LoadFailed
from hack.node.node import Node
from hack.node.running import node

__all__ = ["CannotRun", "LoadFailed", "Node", "node"]
