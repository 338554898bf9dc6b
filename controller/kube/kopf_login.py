"""What kopf signs in with: the connection that our own client has."""

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import kopf

from controller.kube.tls import trusting
from controller.kube.tokens import StaticToken
from controller.kube.ways import Connection

RENEWED_AFTER: Final = timedelta(minutes=10)
"""When kopf asks again for a token that is in a file. The kubelet renews one at 80 % of its life,
12 minutes before the end of an hour."""


@dataclass(frozen=True, kw_only=True, repr=False)
class _Login(kopf.ConnectionInfo):
    """kopf's own class, but for a repr without the token, and with our TLS context."""

    context: ssl.SSLContext = field(compare=False)

    def __repr__(self) -> str:
        return f"kopf.ConnectionInfo(server={self.server!r})"

    def as_ssl_context(self) -> ssl.SSLContext:
        return self.context


def kopf_login(connection: Connection, now: datetime | None = None) -> kopf.ConnectionInfo:
    """Return the result of a handler of `kopf.on.login`; reads a token file if it is time to.

    With a token file it ends after ten minutes, so that kopf comes back for another. An API server
    that refuses a token makes kopf come back at once, so that the handler has to wait a little
    between two logins.
    """
    token = connection.token
    lasting = token is None or isinstance(token, StaticToken)
    return _Login(
        server=connection.server,
        token=token.current() if token else None,
        context=connection.ssl_context or trusting(None),
        expiration=None if lasting else (now or datetime.now(UTC)) + RENEWED_AFTER,
    )
