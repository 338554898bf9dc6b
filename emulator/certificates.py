"""The emulator's own CA, and the certificate that it serves with."""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from emulator.state import StateFolder

CA_FILE: Final = "ca.crt"
_CA_KEY: Final = "ca.key"
_CA_LIFE: Final = timedelta(days=3650)
_CA_MARGIN: Final = timedelta(days=30)
_LIFE: Final = timedelta(days=365)
_SKEW: Final = timedelta(hours=1)


class Serving(NamedTuple):
    """Files for a TLS server, and of the CA for its callers."""

    certificate: Path
    key: Path
    authority: Path


def serving_certificate(
    state: StateFolder, names: Sequence[str], now: datetime | None = None
) -> Serving:
    """Make a certificate for these names and addresses, under a CA that stays in the folder.

    Raises ValueError or TypeError for a CA in the folder that is not as it was written.
    """
    now = now or datetime.now(UTC)
    key = _read_key(state.kept(_CA_KEY, lambda: _pem(_new_key())))
    authority = _authority(state, key, now)
    own = _new_key()
    certificate = (
        _builder("azwi-emulator", authority.subject, own.public_key(), now)
        .not_valid_after(min(now + _LIFE, authority.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .add_extension(x509.SubjectAlternativeName([*map(_alternative, names)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Serving(
        state.write("tls.crt", certificate.public_bytes(serialization.Encoding.PEM)),
        state.write("tls.key", _pem(own)),
        state.path / CA_FILE,
    )


def _authority(
    state: StateFolder, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.Certificate:
    """Return the CA's certificate; one whose time is nearly over is made anew, of the same key."""
    made = x509.load_pem_x509_certificate(state.kept(CA_FILE, lambda: _make_authority(key, now)))
    if made.public_key() != key.public_key():
        raise ValueError(f"{CA_FILE} and {_CA_KEY} in the state folder don't belong together")
    if made.not_valid_after_utc - _CA_MARGIN > now:
        return made
    return x509.load_pem_x509_certificate(
        state.write(CA_FILE, _make_authority(key, now)).read_bytes()
    )


def _make_authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "azwi-emulator CA")])
    certificate = (
        _builder("azwi-emulator CA", name, key.public_key(), now)
        .not_valid_after(now + _CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _read_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{_CA_KEY} in the state folder is not the emulator's: remove the folder")
    return key


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
