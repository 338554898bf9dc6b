"""Where a gateway leads, and who it is there."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from webhook.kube.kubeconfig import kubeconfig_connection


@dataclass(frozen=True, slots=True)
class Upstream:
    """An HTTPS server."""

    url: str
    """`https://host:port`."""
    context: ssl.SSLContext = field(repr=False)
    """What it is checked against, and the client certificate if there is one."""
    signed_in: bool = False
    """The gateway's credentials are used, in the place of the caller's."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of_kubeconfig(cls, path: Path) -> "Upstream":
        """Lead to a kubeconfig's API server, as its user."""
        connection = kubeconfig_connection(path)
        token = connection.token.current() if connection.token else None
        return cls(
            str(connection.base_url).rstrip("/"),
            connection.ssl_context or ssl.create_default_context(),
            signed_in=True,
            headers={"Authorization": f"Bearer {token}"} if token else {},
        )

    @classmethod
    def trusting(cls, url: str, ca_file: Path) -> "Upstream":
        """Lead to a server, callers' credentials passed on as they are."""
        return cls(url.rstrip("/"), ssl.create_default_context(cafile=ca_file))
