"""What certificates are good for, found out by the standard library alone.

Private keys are compared by OpenSSL (loading a pair that does not match fails), chains and names by
a whole handshake in memory. `cryptography` is not needed for any of it.
"""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from webhook.certificates import pem
from webhook.certificates.contexts import PeerCertificate, context_with, rehearse
from webhook.certificates.errors import Unusable
from webhook.certificates.form import CA_KEY_HEADER, CA_NAME

CLOCK_SKEW: Final = 300.0
"""A certificate may seem to begin this many seconds from now: clocks differ."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA's certificate. Times are seconds since 1970."""

    pem: str = field(repr=False, compare=False)
    fingerprint: str
    not_before: float
    not_after: float
    names: frozenset[str]
    """Its DNS names."""

    def alive(self, now: float) -> bool:
        """Tell whether it is valid now."""
        return self.not_before - CLOCK_SKEW <= now < self.not_after


@dataclass(frozen=True, slots=True)
class Serving:
    """A certificate that clients of its authority accept under our names."""

    fingerprint: str
    not_before: float
    not_after: float
    names: frozenset[str]
    """DNS names and IP addresses."""
    authority: Authority
    """The one that signed it."""
    context: ssl.SSLContext = field(repr=False, compare=False)
    """Presents it; fresh and tried out."""

    def alive(self, now: float) -> bool:
        """Tell whether it and its authority are valid now."""
        begun = self.not_before - CLOCK_SKEW <= now
        return begun and now < self.not_after and self.authority.alive(now)


def authorities(bundle: bytes) -> tuple[Authority, ...]:
    """Read the CAs of a bundle in their order, each once; what is no CA is left out."""
    found: dict[str, Authority] = {}
    for certificate in pem.split(bundle):
        authority = _authority(certificate)
        if authority is not None:
            found.setdefault(authority.fingerprint, authority)
    return tuple(found.values())


@lru_cache(maxsize=16)
def _authority(certificate: str) -> Authority | None:
    store = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        store.load_verify_locations(cadata=certificate)
        found: list[PeerCertificate] = store.get_ca_certs()
        if len(found) != 1:
            return None
        return Authority(
            pem=certificate,
            fingerprint=pem.fingerprint(certificate),
            not_before=begin_of(found[0]),
            not_after=end_of(found[0]),
            names=names_of(found[0]),
        )
    except (ssl.SSLError, Unusable, UnicodeDecodeError):  # the last one by a name in it
        return None


def signs(authority: Authority, key: bytes) -> bool:
    """Tell whether the original, too, can sign with this key in the authority's name."""
    if not key.lstrip().startswith(CA_KEY_HEADER) or CA_NAME not in authority.names:
        return False
    try:
        context_with(authority.pem.encode(), key, "1.3")
    except Unusable:
        return False
    return True


def serving(
    certificate: bytes, key: bytes, signers: Iterable[Authority], name: str, min_version: str
) -> Serving:
    """Find out what a pair serves: whose client accepts it under this name; raises `Unusable`."""
    leaf = next(iter(pem.split(certificate)), None)
    if leaf is None:
        raise Unusable("there is no certificate")
    context = context_with(certificate, key, min_version)
    fault = Unusable("there is no CA that could have signed it")
    for authority in signers:
        try:
            seen = rehearse(context, authority.pem, name=name)
        except Unusable as error:
            fault = error
            continue
        return Serving(
            fingerprint=pem.fingerprint(leaf),
            not_before=begin_of(seen),
            not_after=end_of(seen),
            names=names_of(seen),
            authority=authority,
            context=context,
        )
    raise fault


def begin_of(certificate: PeerCertificate) -> float:
    """Return when a certificate's life begins; raises `Unusable` for an impossible date."""
    return _seconds(certificate["notBefore"])


def end_of(certificate: PeerCertificate) -> float:
    """Return when a certificate's life ends; raises `Unusable` for an impossible date."""
    return _seconds(certificate["notAfter"])


def _seconds(date: str) -> float:
    try:
        return ssl.cert_time_to_seconds(date)
    except ValueError:
        raise Unusable("it has an impossible date") from None


def names_of(certificate: PeerCertificate) -> frozenset[str]:
    """Return a certificate's DNS names and IP addresses."""
    names = certificate.get("subjectAltName", ())
    return frozenset(value for kind, value in names if kind in {"DNS", "IP Address"})
