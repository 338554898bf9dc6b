"""A kubeconfig that leads through a gateway."""

import base64
import json
from pathlib import Path


def write_kubeconfig(path: Path, url: str, authority: bytes) -> Path:
    """Write one without credentials: the gateway has them."""
    name = "gateway"
    data = base64.b64encode(authority).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": name, "cluster": {"server": url, "certificate-authority-data": data}}
        ],
        "users": [{"name": name, "user": {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    path.write_text(json.dumps(config, indent=2))
    return path
