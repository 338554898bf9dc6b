"""What kopf signs in with: the connection that our own client has."""

import itertools
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import kopf

from controller.kube.connection import Connection
from controller.kube.tls import trusting
from controller.kube.tokens import StaticToken

RENEWED_AFTER: Final = timedelta(minutes=10)
"""When kopf asks again for a token that is in a file. The kubelet renews one at 80 % of its life,
12 minutes before the end of an hour."""
APART: Final = 5.0
"""Seconds between two logins: kopf comes back at once from an API server that refuses one."""

_numbers = itertools.count()


@dataclass(frozen=True, kw_only=True, repr=False)
class _Login(kopf.ConnectionInfo):
    """kopf's own class, but for a repr without the token, and with our TLS context."""

    context: ssl.SSLContext = field(compare=False)
    number: int = field(default_factory=lambda: next(_numbers))
    """Makes each login another one: kopf takes none that equals one that was refused, and would
    watch nothing from then on without a word, even if the API server refused it for a moment only.
    """

    def __repr__(self) -> str:
        return f"kopf.ConnectionInfo(server={self.server!r})"

    def as_ssl_context(self) -> ssl.SSLContext:
        return self.context


def kopf_login(connection: Connection, now: datetime | None = None) -> kopf.ConnectionInfo:
    """Return the result of a handler of `kopf.on.login`; reads a token file if it is time to.

    With a token file it ends after ten minutes, so that kopf comes back for another. Use it through
    `KopfLogin`, which keeps kopf from asking without a pause.
    """
    token = connection.token
    lasting = token is None or isinstance(token, StaticToken)
    return _Login(
        server=connection.server,
        token=token.current() if token else None,
        context=connection.ssl_context or trusting(None),
        expiration=None if lasting else (now or datetime.now(UTC)) + RENEWED_AFTER,
    )


class KopfLogin:
    """A handler of `kopf.on.login`, to be called without arguments."""

    def __init__(self, connection: Connection, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._clock = clock
        self._given = -APART
        self._token = ""

    def __call__(self) -> kopf.ConnectionInfo:
        """Return a login; raise kopf's word for later if the last one is a moment old only.

        The last one has ended or was refused, so that a token in a file is read anew.
        """
        now = self._clock()
        wait = self._given + APART - now
        if wait > 0:
            raise kopf.TemporaryError("the API server refused the last login", delay=wait)
        self._given = now
        source = self._connection.token
        if source is not None and self._token:
            source.renew(self._token)
        login = kopf_login(self._connection)
        self._token = login.token or ""
        return login
