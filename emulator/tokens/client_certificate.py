"""Assertions that a client signs itself, with the key of a certificate of its application. Pure.

Source: https://learn.microsoft.com/entra/identity-platform/certificate-credentials
"""

import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from emulator.tokens import assertion_refusals as refusals
from emulator.tokens.assertions import Assertion
from emulator.tokens.jws import NotATokenError, from_base64url

_ALGORITHMS: Final = {"RS256", "PS256"}


@dataclass(frozen=True, slots=True)
class _Registered:
    """A certificate of an application."""

    key: RSAPublicKey = field(repr=False)
    sha1: bytes
    sha256: bytes
    begins: datetime
    ends: datetime

    @property
    def validity(self) -> str:
        """Its time, as Entra tells it."""
        form = "%m/%d/%Y %H:%M:%S"
        return f"Start={self.begins:{form}}, End={self.ends:{form}}"


def check(
    assertion: Assertion, certificates: Sequence[str], *, client_id: str, tenant: str, now: float
) -> None:
    """See that a client made an assertion for this tenant. Raises TokenRefusal.

    `certificates` are the application's, in PEM. Which name the token service is called by does
    not matter, since the emulator goes by several; the path of the audience does.
    """
    if assertion.issuer.lower() != client_id.lower():
        raise refusals.other_client()
    if assertion.subject != assertion.issuer:
        raise refusals.other_subject()
    paths = {f"/{tenant}{end}".lower() for end in ("/oauth2/v2.0/token", "/oauth2/token", "/v2.0")}
    if not any(_path(audience).lower() in paths for audience in assertion.audiences):
        raise refusals.other_audience()
    if assertion.algorithm not in _ALGORITHMS:
        raise refusals.unsupported_algorithm(assertion.algorithm)
    thumbprint = _thumbprint(assertion.token.header)
    shown = thumbprint.hex().upper()
    found = _registered(thumbprint, certificates)
    if found is None:
        raise refusals.unregistered_certificate(shown, client_id)
    if not found.begins.timestamp() <= now <= found.ends.timestamp():
        raise refusals.expired_certificate(shown, found.validity)
    if not assertion.token.is_signed_by(found.key, assertion.algorithm):
        raise refusals.bad_signature(shown, found.validity)
    assertion.check_times(now)


def _thumbprint(header: Any) -> bytes:
    """Return the digest of the certificate that a header names. Raises TokenRefusal."""
    for name in ("x5t#S256", "x5t"):
        value = header.get(name)
        if isinstance(value, str) and value.isascii():
            try:
                return from_base64url(value.encode("ascii"), name)
            except NotATokenError as error:
                raise refusals.bad_token(str(error)) from error
    kid = header.get("kid")
    if isinstance(kid, str):
        try:
            return binascii.unhexlify(kid)
        except ValueError as error:
            raise refusals.no_key_named() from error
    raise refusals.no_key_named()


def _registered(thumbprint: bytes, certificates: Sequence[str]) -> _Registered | None:
    for pem in certificates:
        found = _read(pem)
        if thumbprint in {found.sha1, found.sha256}:
            return found
    return None


@lru_cache(maxsize=100)
def _read(pem: str) -> _Registered:
    certificate = x509.load_pem_x509_certificate(pem.encode())
    key = certificate.public_key()
    assert isinstance(key, RSAPublicKey)  # noqa: S101 - the seed takes no others
    return _Registered(
        key=key,
        sha1=certificate.fingerprint(hashes.SHA1()),  # noqa: S303 - names it, proves nothing
        sha256=certificate.fingerprint(hashes.SHA256()),
        begins=certificate.not_valid_before_utc.astimezone(UTC),
        ends=certificate.not_valid_after_utc.astimezone(UTC),
    )


def _path(audience: str) -> str:
    try:
        parts = urlsplit(audience)
    except ValueError:
        return ""
    return parts.path.rstrip("/") if parts.scheme == "https" else ""
