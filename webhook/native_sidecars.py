"""Whether the cluster runs sidecar containers: by the API server's release. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Final

FIRST: Final = (1, 32)
"""Sidecar containers are on by default from 1.29; a kubelet may be three releases behind.

Source: https://kubernetes.io/releases/version-skew-policy/
"""

_RELEASE: Final = re.compile(r"v?(\d{1,4})\.(\d{1,4})(?:\D|$)", re.ASCII)


def has_native_sidecars(version: Mapping[str, Any]) -> bool:
    """Tell it from what `/version` answers, such as `{"gitVersion": "v1.36.3-gke.1"}`.

    Raises ValueError for an answer that names no release.
    """
    match = _RELEASE.match(str(version.get("gitVersion", "")))
    if match is None:
        raise ValueError("the API server's /version names no release in gitVersion")
    return (int(match[1]), int(match[2])) >= FIRST
