"""How the documents of an issuer are fetched: over HTTPS, within bounds, by its CA and token.

A redirect is not followed, nothing but https is asked, and what comes is at most a megabyte within
ten seconds: whatever an issuer does, an exchange ends.
"""

import asyncio
import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from emulator.json_text import read_json

LONGEST: Final = 1 << 20
"""Bytes of a document."""
TIMEOUT_SECONDS: Final = 10.0
"""For a document to be there in whole."""
_LONGEST_URL: Final = 2048
_HEADERS: Final = {
    # kube-apiserver answers 406 to those who accept application/json alone.
    "Accept": "application/json, application/jwk-set+json",
    "Accept-Encoding": "identity",  # a small body must not become a large one
}


@dataclass(frozen=True, slots=True)
class Reach:
    """How an issuer is reached, where that is not simply its name."""

    issuer: str
    url: str | None = None
    """Where its documents really are, for names that don't resolve here."""
    ca: Path | None = None
    token_file: Path | None = None
    """A bearer token for it, read anew for each fetch; sent to no other host than its own."""
    ca_data: str | None = field(default=None, repr=False)
    """PEM, in the place of a file."""
    token: str | None = field(default=None, repr=False)
    """In the place of a file."""

    @property
    def base(self) -> str:
        """Where its documents begin, without a slash at the end."""
        return (self.url or self.issuer).rstrip("/")


class IssuerError(Exception):
    """An issuer's documents are of no use; the text says why."""


class Unreachable(IssuerError):  # noqa: N818 - says all that "UnreachableError" would
    """They could not be fetched."""


class Malformed(IssuerError):  # noqa: N818 - as above
    """They are there, and not what they have to be."""


class HttpFetch:
    """Fetches JSON over HTTPS, with the CA and the token of an issuer's reach."""

    def __init__(self, default_ca: Path | None, timeout: float = TIMEOUT_SECONDS) -> None:
        self._default_ca = default_ca
        self._timeout = timeout

    async def __call__(self, url: str, reach: Reach) -> Any:
        """Return what an address holds. Raises Unreachable or Malformed."""
        if len(url) > _LONGEST_URL or _origin(url) is None:
            raise Malformed(f"{url[:_LONGEST_URL]} is no https address")
        try:
            headers = _HEADERS | _authorization(url, reach)
            async with (
                asyncio.timeout(self._timeout),
                httpx.AsyncClient(
                    verify=self._context(reach), trust_env=False, timeout=self._timeout
                ) as client,
                client.stream("GET", url, headers=headers) as answer,
            ):
                content = await _content(url, answer)
        except TimeoutError as error:
            raise Unreachable(f"{url} does not answer in {self._timeout:g} seconds") from error
        except (OSError, httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            # Of the text nothing is told: it may quote a header, and so the token.
            raise Unreachable(f"{url} can't be fetched: {_why(error)}") from error
        try:
            return read_json(content)
        except ValueError as error:
            raise Malformed(f"{url} does not answer with JSON") from error

    def _context(self, reach: Reach) -> ssl.SSLContext:
        # Made for each fetch, since the file may have changed; fetches are rare.
        file = reach.ca or (None if reach.ca_data else self._default_ca)
        return ssl.create_default_context(cafile=file, cadata=reach.ca_data)


async def _content(url: str, answer: httpx.Response) -> bytes:
    if answer.status_code != httpx.codes.OK:
        raise Unreachable(f"{url} answers with status {answer.status_code}")
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise Malformed(f"{url} answers compressed, unasked")
    parts, size = [], 0
    async for part in answer.aiter_raw():
        size += len(part)
        if size > LONGEST:
            raise Malformed(f"{url} answers with more than {LONGEST} bytes")
        parts.append(part)
    return b"".join(parts)


def _authorization(url: str, reach: Reach) -> dict[str, str]:
    if _origin(url) != _origin(reach.base):
        return {}
    token = reach.token if reach.token_file is None else reach.token_file.read_text("ascii")
    return {} if token is None else {"Authorization": f"Bearer {token.strip()}"}


def _origin(url: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        return None
    return (parts.hostname, port) if parts.scheme == "https" and parts.hostname else None


def _why(error: BaseException) -> str:
    """Return what the system says at the bottom of an error, else the error's kind."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, ssl.SSLCertVerificationError):
            return f"TLS: {below.verify_message}"
        if isinstance(below, OSError) and below.strerror:
            # Event loops have words of their own for what the system says.
            number = below.errno or 0
            return os.strerror(number) if number > 0 else below.strerror
        below = below.__cause__ or below.__context__
    return type(error).__name__
