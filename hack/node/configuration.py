"""The configuration files of the node's programs. Pure. JSON, where YAML is read: it is YAML."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.node.image import PAUSE
from hack.node.networks import Network

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
"""Its own path: /run inside of the node is the node's."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the files tell of each other, all below one folder."""

    folder: Path
    name: str
    network: Network
    cni_plugins: Path

    def file(self, name: str) -> Path:
        """Name a file of configuration."""
        return self.folder / "conf" / name

    def pki(self, name: str) -> Path:
        """Name a key or certificate of the node."""
        return self.folder / "node-pki" / name

    def kubeconfig(self, program: str) -> Path:
        """Name the kubeconfig of a program."""
        return self.folder / f"{program}.kubeconfig"


def files(layout: Layout) -> dict[str, str]:
    """Write down all files, by their names below conf/."""
    return {
        "containerd.toml": _containerd(layout),
        "cni/10-bridge.conflist": json.dumps(_bridge(layout), indent=2),
        "kubelet.yaml": json.dumps(_kubelet(layout), indent=2),
        "kube-proxy.yaml": json.dumps(_proxy(layout), indent=2),
        "Corefile": _corefile(layout),
        "resolv.conf": f"nameserver {layout.network.node_address}\n",
        "hosts": "",
    }


def _containerd(layout: Layout) -> str:
    # restrict_oom_score_adj: root in a container often lacks CAP_SYS_RESOURCE, and without it
    # every sandbox that asks for a score below our own fails.
    # Version 2 of the file is read by containerd 1.x and 2.x.
    return f"""\
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "{CONTAINERD_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{layout.cni_plugins}"
    conf_dir = "{layout.file("cni")}"
"""


def _bridge(layout: Layout) -> dict[str, Any]:
    bridge = {
        "type": "bridge",
        "bridge": "pods",
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,  # a pod may call a Service that leads to itself
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": str(layout.network.pods)}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge, ports]}


def _kubelet(layout: Layout) -> dict[str, Any]:
    # A full disk must not taint the node, nor images be deleted that no registry gives back.
    never = ["memory.available", "nodefs.available", "nodefs.inodesFree"]
    never += ["imagefs.available", "imagefs.inodesFree"]
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": layout.network.node_address,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.pki("ca.crt"))},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(layout.pki("kubelet.crt")),
        "tlsPrivateKeyFile": str(layout.pki("kubelet.key")),
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "protectKernelDefaults": True,  # look at kernel settings, change none (first.py)
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",  # else a folder in /usr is made
        "clusterDomain": "cluster.local",
        "clusterDNS": [layout.network.node_address],
        "resolvConf": str(layout.file("resolv.conf")),
        "evictionHard": dict.fromkeys(never, "0%"),
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "syncFrequency": "5s",
        "nodeStatusUpdateFrequency": "5s",
    }


def _proxy(layout: Layout) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clientConnection": {"kubeconfig": str(layout.kubeconfig("kube-proxy"))},
        "hostnameOverride": layout.name,
        "clusterCIDR": str(layout.network.pods),
        "bindAddress": layout.network.node_address,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        # Sizes of the machine's connection table: not ours to set.
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }


def _corefile(layout: Layout) -> str:
    return f"""\
.:53 {{
  bind {layout.network.node_address}
  errors
  hosts {layout.file("hosts")} {{
    reload 1s
    fallthrough
  }}
  kubernetes cluster.local {{
    kubeconfig {layout.kubeconfig("coredns")}
  }}
}}
"""
