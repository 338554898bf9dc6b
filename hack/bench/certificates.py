"""Serving certificates for the webhook under measurement, with keys of two kinds."""

from pathlib import Path
from typing import Final

import trustme

_TYPES: Final = {"p256": trustme.KeyType.ECDSA, "rsa": trustme.KeyType.RSA}
"""P-256 is what ours makes for itself, RSA 2048 what the original makes."""
KEYS: Final = tuple(_TYPES)


def write_certificates(folder: Path, host: str) -> None:
    """Make an authority and, for each kind of key, a folder with tls.crt and tls.key."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.crt")
    for kind, key_type in _TYPES.items():
        issued = authority.issue_cert(host, key_type=key_type)
        place = folder / kind
        place.mkdir()
        (place / "tls.crt").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(place / "tls.key")
        (place / "tls.key").chmod(0o600)
