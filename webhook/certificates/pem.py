"""PEM text in pieces: the certificates of a bundle, and what each is known by."""

import binascii
import hashlib
import re
import ssl
from typing import Final

_BLOCK: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----\s(.*?)-----END CERTIFICATE-----", re.DOTALL
)

FINGERPRINT_DIGITS: Final = 32
"""128 bits of SHA-256: beyond chance, and short enough for an annotation that people read."""


def split(bundle: bytes) -> list[str]:
    """Return each certificate of a bundle in one normal form; what is not base64 is left out."""
    found = []
    for block in _BLOCK.findall(bundle):
        try:
            der = binascii.a2b_base64(b"".join(block.split()))
        except binascii.Error:
            continue
        if der:
            found.append(ssl.DER_cert_to_PEM_cert(der))
    return found


def fingerprint(certificate: str) -> str:
    """Return what a certificate (PEM) is known by in notes, logs and plans."""
    return fingerprint_of_der(ssl.PEM_cert_to_DER_cert(certificate))


def fingerprint_of_der(certificate: bytes) -> str:
    """Return the same from the certificate's bytes, as a TLS peer shows them."""
    return hashlib.sha256(certificate).hexdigest()[:FINGERPRINT_DIGITS]
