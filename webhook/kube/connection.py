"""How to reach the API server: from inside of a cluster; `kubeconfig.py` does it from outside."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from webhook.kube.errors import NotConfigured
from webhook.kube.tokens import TokenFile, TokenSource

SERVICE_ACCOUNT_ROOT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where every pod finds its ServiceAccount's token and the cluster's CA.

Source: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
"""


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything that it takes to talk to one API server; holds no secret that its repr shows."""

    base_url: str
    """Scheme, host and port, and a path where a proxy serves several clusters; no slash at the end.
    """
    ssl_context: ssl.SSLContext | None = field(repr=False)
    """With the client's certificate loaded, if there is one; None where the URL is plain http."""
    token: TokenSource | None = None
    server_name: str | None = None
    """What the server's certificate must be for, where that is not the host of the URL."""


def in_cluster_connection(
    host: str | None, port: str | None, root: Path = SERVICE_ACCOUNT_ROOT
) -> Connection:
    """Connect as the pod that this process runs in.

    Host and port are those of `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`.
    """
    if not host or not port:
        raise NotConfigured(
            "not in a cluster (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set):"
            " give --kubeconfig=FILE"
        )
    if not port.isascii() or not port.isdigit():
        raise NotConfigured(f"KUBERNETES_SERVICE_PORT must be a number, not {port!r}")
    if not root.is_dir():
        raise NotConfigured(
            f"{root} is not there: the pod needs automountServiceAccountToken: true,"
            " or give --kubeconfig=FILE"
        )
    bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return Connection(
        base_url=f"https://{bracketed}:{port}",
        ssl_context=trusting(read_text(root / "ca.crt", "the cluster's CA")),
        token=TokenFile(root / "token"),
    )


def trusting(ca: str | None) -> ssl.SSLContext:
    """Return a TLS context that trusts these CAs (PEM); None stands for those of the machine."""
    try:
        context = ssl.create_default_context(cadata=ca)
    except (ssl.SSLError, ValueError) as error:
        raise NotConfigured("the cluster's CA is not a PEM certificate") from error
    # Python 3.13 asks for extensions that the CAs of many running clusters do not carry.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def read_text(path: Path, what: str) -> str:
    """Read a file that somebody named, or say in one line why that is not possible."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise NotConfigured(f"{what}, {path}, can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise NotConfigured(f"{what}, {path}, is not text") from error
