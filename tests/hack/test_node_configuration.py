"""The files that the node's programs read."""

import json
import tomllib
from pathlib import Path

from hack.node.configuration import CONTAINERD_SOCKET, Layout, files
from hack.node.image import PAUSE
from hack.node.networks import Network

LAYOUT = Layout(Path("/home/a/node"), "node", Network(1), Path("/opt/cni/bin"))
FILES = files(LAYOUT)


def test_containerd_runs_the_sandbox_that_is_made_here() -> None:
    read = tomllib.loads(FILES["containerd.toml"])
    cri = read["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["sandbox_image"] == PAUSE
    assert cri["cni"] == {"bin_dir": "/opt/cni/bin", "conf_dir": "/home/a/node/conf/cni"}
    assert read["grpc"]["address"] == CONTAINERD_SOCKET


def test_kubelet_lets_in_nobody_without_a_name_and_asks_the_api_server_what_they_may() -> None:
    read = json.loads(FILES["kubelet.yaml"])
    assert read["authentication"]["anonymous"] == {"enabled": False}
    assert read["authorization"] == {"mode": "Webhook"}
    assert read["authentication"]["x509"] == {"clientCAFile": "/home/a/node/node-pki/ca.crt"}


def test_names_are_asked_of_the_node() -> None:
    assert json.loads(FILES["kubelet.yaml"])["clusterDNS"] == ["10.213.1.2"]
    assert FILES["resolv.conf"] == "nameserver 10.213.1.2\n"
    assert "bind 10.213.1.2\n" in FILES["Corefile"]
    assert "hosts /home/a/node/conf/hosts {" in FILES["Corefile"]


def test_pods_have_the_addresses_that_kube_proxy_takes_for_theirs() -> None:
    bridge = json.loads(FILES["cni/10-bridge.conflist"])["plugins"][0]
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.215.0.0/16"}]]
    assert json.loads(FILES["kube-proxy.yaml"])["clusterCIDR"] == "10.215.0.0/16"
