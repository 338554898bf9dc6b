"""What it takes to reach the API server, and how a pod does it."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from controller.kube.errors import NotConfigured
from controller.kube.tls import read_text, trusting
from controller.kube.tokens import TokenFile, TokenSource

SERVICE_ACCOUNT_ROOT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where every pod finds its ServiceAccount's token and the cluster's CA.

Source: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
"""
_BY_NAME: Final = "https://kubernetes.default.svc"


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything that it takes to talk to one API server; holds no secret that its repr shows."""

    server: str
    """Scheme, host and port, and a path where a proxy serves several clusters; no slash at the end.
    """
    ssl_context: ssl.SSLContext | None = field(repr=False)
    """With the client's certificate loaded, if there is one; None where the URL is plain http."""
    token: TokenSource | None = None
    server_name: str | None = None
    """What the server's certificate must be for, where that is not the host of the URL. The
    context sees to it (`trusting`)."""

    def headers(self) -> dict[str, str]:
        """Return the headers that sign a request."""
        return {"Authorization": f"Bearer {self.token.current()}"} if self.token else {}


def in_cluster(environment: Mapping[str, str], root: Path = SERVICE_ACCOUNT_ROOT) -> Connection:
    """Connect as the pod that this process runs in.

    `environment` may hold `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`; without them
    the API server is found by its name in the cluster's DNS.
    """
    if not root.is_dir():
        raise NotConfigured(
            f"not in a cluster ({root} is not there): give --kubeconfig=FILE;"
            " a pod needs automountServiceAccountToken: true"
        )
    host, port = (environment.get(f"KUBERNETES_SERVICE_{part}", "") for part in ("HOST", "PORT"))
    bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return Connection(
        server=f"https://{bracketed}:{port}" if host and port else _BY_NAME,
        ssl_context=trusting(read_text(root / "ca.crt", "the cluster's CA")),
        token=TokenFile(root / "token"),
    )
