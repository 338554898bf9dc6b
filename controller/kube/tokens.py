"""The bearer token, which the kubelet writes anew before it runs out."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from controller.kube.errors import NotConfigured

REREAD_SECONDS: Final = 60.0
"""A projected token is renewed at 80 % of its life, so a minute late is still early enough."""

_log = logging.getLogger("azwi.controller.kube")


class TokenSource(Protocol):
    """Where the bearer token comes from."""

    def current(self) -> str:
        """Return the token to send."""

    def renew(self, refused: str) -> bool:
        """Look again, since the server refused this one; tell whether there is another now."""


class StaticToken:
    """A token that stands in a kubeconfig."""

    def __init__(self, token: str) -> None:
        self._token = sendable(token, "the token in the kubeconfig")

    def __repr__(self) -> str:
        return "StaticToken()"

    def current(self) -> str:
        """Return the token to send."""
        return self._token

    def renew(self, refused: str) -> bool:  # noqa: ARG002
        """There is never another."""
        return False


class TokenFile:
    """A token in a file, read again at most each minute and whenever the server refuses it.

    A file that can't be read for once does not matter: the last token stands, and is good for
    longer than that.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._token = self._read()
        self._read_at = clock()

    def __repr__(self) -> str:
        return f"TokenFile({str(self._path)!r})"

    def current(self) -> str:
        """Return the token to send; reads the file when the last reading is a minute old."""
        if self._clock() - self._read_at >= REREAD_SECONDS:
            self._read_again()
        return self._token

    def renew(self, refused: str) -> bool:
        """Read the file now, unless it was read since; tell whether another token is there."""
        if self._token == refused:
            self._read_again()
        return self._token != refused

    def _read_again(self) -> None:
        self._read_at = self._clock()
        try:
            self._token = self._read()
        except NotConfigured as error:
            _log.warning(
                "the token file can't be read, going on with the last token",
                extra={"error": str(error)},
            )

    def _read(self) -> str:
        try:
            content = self._path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            # Not chained: the bytes that are no text would be quoted by the cause.
            raise NotConfigured(f"the token file {self._path} can't be read: {why}") from None
        return sendable(content, f"the token file {self._path}")


def sendable(token: str, where: str) -> str:
    """Return the token without the white space around it; refuse what no header can carry.

    An error of the HTTP library about a bad header would quote it, so that none gets that far.
    """
    token = token.strip()
    if not token:
        raise NotConfigured(f"{where} is empty")
    if not all("!" <= char <= "~" for char in token):
        raise NotConfigured(f"{where} holds characters that no token has")
    return token
