"""The issuers of assertions: their discovery documents and keys, fetched as Entra fetches them.

Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation and OpenID
Connect Discovery 1.0. Entra takes RS256 only, and the first 100 keys of a set.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

MOST_KEYS: Final = 100
_KEPT_SECONDS: Final = 300.0
_PAUSE_SECONDS: Final = 1.0
"""At least so long between two readings of one issuer for keys that it did not have."""
_TIMEOUT_SECONDS: Final = 10.0
_LONGEST: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Reach:
    """How an issuer is reached, where that is not simply its name."""

    issuer: str
    url: str | None = None
    """Where its documents really are, for names that don't resolve here."""
    ca: Path | None = None
    token_file: Path | None = None
    """A bearer token for it, read anew for each fetch."""


class IssuerError(Exception):
    """An issuer's documents are of no use; the text says why."""


class Unreachable(IssuerError):  # noqa: N818
    """They could not be fetched."""


class Malformed(IssuerError):  # noqa: N818
    """They are there, and not what they have to be."""


@dataclass(slots=True)
class _Known:
    keys: dict[str, RSAPublicKey] = field(default_factory=dict)
    read: float | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


Fetch = Callable[[str, Reach], Awaitable[Any]]


class Issuers:
    """Keys of issuers by key id, remembered for five minutes; an unknown one is looked up anew."""

    def __init__(self, reaches: Sequence[Reach], fetch: Fetch, moment: Callable[[], float]) -> None:
        self._reaches = {reach.issuer: reach for reach in reaches}
        self._fetch = fetch
        self._moment = moment
        self._known: dict[str, _Known] = {}

    def add(self, reach: Reach) -> None:
        """Take another way to an issuer; what was known of it is forgotten."""
        self._reaches[reach.issuer] = reach
        self._known.pop(reach.issuer, None)

    def replace(self, reaches: Sequence[Reach]) -> None:
        """Take these ways and no others; what was known of any issuer is forgotten."""
        self._reaches = {reach.issuer: reach for reach in reaches}
        self._known.clear()

    def reaches(self) -> list[Reach]:
        """Return the ways that were given."""
        return list(self._reaches.values())

    async def key(self, issuer: str, kid: str) -> RSAPublicKey | None:
        """Return an issuer's key; None if it publishes none of that id.

        Raises IssuerError where its documents can't be had.
        """
        known = self._known.setdefault(issuer, _Known())
        async with known.lock:
            if self._must_read(known, kid):
                known.keys = await self._read(self._reaches.get(issuer) or Reach(issuer))
                known.read = self._moment()
        return known.keys.get(kid)

    def _must_read(self, known: _Known, kid: str) -> bool:
        if known.read is None:
            return True
        age = self._moment() - known.read
        return age > _KEPT_SECONDS or (kid not in known.keys and age > _PAUSE_SECONDS)

    async def _read(self, reach: Reach) -> dict[str, RSAPublicKey]:
        base = (reach.url or reach.issuer).rstrip("/")
        document = await self._fetch(f"{base}/.well-known/openid-configuration", reach)
        if not isinstance(document, dict) or document.get("issuer") != reach.issuer:
            found = document.get("issuer") if isinstance(document, dict) else None
            raise Malformed(
                f"the discovery document at {base} is for the issuer {found!r},"
                f" not for {reach.issuer!r}"
            )
        address = document.get("jwks_uri")
        if not isinstance(address, str):
            raise Malformed(f"the discovery document at {base} has no jwks_uri")
        key_set = await self._fetch(_moved(address, reach), reach)
        return usable_keys(key_set)


def usable_keys(key_set: Any) -> dict[str, RSAPublicKey]:
    """Return what Entra uses of a key set: RSA keys for signatures, among its first 100 keys.

    Raises Malformed for what is no key set.
    """
    listed = key_set.get("keys") if isinstance(key_set, dict) else None
    if not isinstance(listed, list):
        raise Malformed("the key set has no list `keys`")
    found = {}
    for entry in listed[:MOST_KEYS]:
        if not isinstance(entry, dict) or entry.get("kty") != "RSA":
            continue
        if entry.get("use", "sig") != "sig" or entry.get("alg", "RS256") != "RS256":
            continue
        try:
            key = jwt.PyJWK(entry, algorithm="RS256").key
        except jwt.InvalidKeyError:
            continue
        if isinstance(key, RSAPublicKey) and isinstance(entry.get("kid"), str):
            found[entry["kid"]] = key
    return found


def _moved(address: str, reach: Reach) -> str:
    if reach.url is None:
        return address
    if address.startswith(reach.issuer):
        return reach.url.rstrip("/") + "/" + address.removeprefix(reach.issuer).lstrip("/")
    origin = urlsplit(reach.url)
    return f"{origin.scheme}://{origin.netloc}{urlsplit(address).path}"


class HttpFetch:
    """Fetches JSON over HTTPS, with the CA and the token of an issuer's reach."""

    def __init__(self, default_ca: Path | None) -> None:
        self._default_ca = default_ca
        self._contexts: dict[Path | None, ssl.SSLContext] = {}

    async def __call__(self, url: str, reach: Reach) -> Any:
        """Return what an address holds. Raises Unreachable or Malformed."""
        if not url.startswith("https://"):
            raise Malformed(f"{url} is not https")
        try:
            context = self._context(reach.ca or self._default_ca)
            # kube-apiserver answers 406 to those who accept application/json alone.
            headers = {"Accept": "application/json, application/jwk-set+json"}
            if reach.token_file is not None:
                headers["Authorization"] = f"Bearer {reach.token_file.read_text().strip()}"
            async with httpx.AsyncClient(
                verify=context, trust_env=False, timeout=_TIMEOUT_SECONDS
            ) as client:
                answer = await client.get(url, headers=headers)
        except (OSError, httpx.HTTPError, httpx.InvalidURL, UnicodeDecodeError) as error:
            raise Unreachable(f"{url} can't be fetched: {type(error).__name__}") from error
        if answer.status_code != httpx.codes.OK:
            raise Unreachable(f"{url} answers with status {answer.status_code}")
        if len(answer.content) > _LONGEST:
            raise Malformed(f"{url} answers with more than {_LONGEST} bytes")
        try:
            return answer.json()
        except ValueError as error:
            raise Malformed(f"{url} does not answer with JSON") from error

    def _context(self, ca: Path | None) -> ssl.SSLContext:
        context = self._contexts.get(ca)
        if context is None:
            context = self._contexts[ca] = ssl.create_default_context(cafile=ca)
        return context
