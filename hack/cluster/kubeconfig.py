"""kubeconfig files with a client certificate in them."""

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from hack.cluster.pki import Pair


def write(path: Path, *, url: str, authority: bytes, client: Pair) -> Path:
    """Write one with everything in it, readable by its user only. JSON is YAML, too."""
    name = "azwi"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": name,
                "cluster": {"server": url, "certificate-authority-data": _text(authority)},
            }
        ],
        "users": [
            {
                "name": name,
                "user": {
                    "client-certificate-data": _text(client.certificate),
                    "client-key-data": _text(client.key),
                },
            }
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(json.dumps(config, indent=2) + "\n")
    part.rename(path)
    return path


def file_name(user: str, groups: Iterable[str]) -> str:
    """Name the file for a user in groups: readable, and another for every other user."""
    exact = hashlib.sha256(json.dumps([user, list(groups)]).encode()).hexdigest()[:10]
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', user)[:60]}-{exact}.kubeconfig"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
