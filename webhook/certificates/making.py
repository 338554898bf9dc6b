"""Making certificates: pure, with `cryptography`, which is why only the child process imports it.

The CA has the form that the original accepts (it keeps a CA that is RSA in PKCS#1 with this DNS
name): RSA 2048, ten years by default. The serving certificate is P-256, whose handshakes cost less
than half, and is known by its SANs alone: `<service>.<namespace>.svc`, the one name that API
servers ask for. It is longer than a common name may be (64) in the default namespace.
"""

import ipaddress
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from webhook.certificates.form import CA_NAME, CA_ORGANIZATION

BACKDATE: Final = timedelta(hours=1)
"""A certificate begins this much before it is made, as the original's do: clocks differ."""

_ORGANIZATION: Final = x509.NameAttribute(NameOID.ORGANIZATION_NAME, CA_ORGANIZATION)


class Pair(NamedTuple):
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "Pair(...)"


def make_authority_key() -> rsa.RSAPrivateKey:
    """Make a CA's key: 0.1 s of CPU, or a second if chance is against it."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def make_authority(key: rsa.RSAPrivateKey, now: datetime, lifetime: timedelta) -> Pair:
    """Make a CA of this key that lives for `lifetime` from now."""
    name = x509.Name([_ORGANIZATION, x509.NameAttribute(NameOID.COMMON_NAME, CA_NAME)])
    certificate = (
        _builder(name, name, key.public_key(), now, lifetime)
        .not_valid_after(now + lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(CA_NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pem(certificate, key)


def make_serving(authority: Pair, names: Sequence[str], now: datetime, lifetime: timedelta) -> Pair:
    """Make a serving certificate for these names that ends no later than its authority.

    Raises ValueError if the authority's key can't be read, is another's, or has no life left.
    """
    signer, signing_key = _read_authority(authority)
    end = min(now + lifetime, signer.not_valid_after_utc)
    if end <= now:
        raise ValueError("the authority has no life left")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(x509.Name([_ORGANIZATION]), signer.subject, key.public_key(), now, lifetime)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_identifier_of(signer, signing_key), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
        )
        .sign(signing_key, hashes.SHA256())
    )
    return _pem(certificate, key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .public_key(public_key)
        .not_valid_before(now - min(BACKDATE, lifetime / 10))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _read_authority(authority: Pair) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    with warnings.catch_warnings():
        # The original's CAs have the serial number 0, which RFC 5280 does not allow.
        warnings.simplefilter("ignore")
        certificate = x509.load_pem_x509_certificate(authority.certificate)
    key = serialization.load_pem_private_key(authority.key, password=None)
    if not isinstance(key, rsa.RSAPrivateKey) or certificate.public_key() != key.public_key():
        raise ValueError("the authority's key is not the one in its certificate")
    return certificate, key


def _identifier_of(signer: x509.Certificate, key: rsa.RSAPrivateKey) -> x509.AuthorityKeyIdentifier:
    """Name the signer's key: two CAs of one name stand in a bundle, and OpenSSL goes by this."""
    try:
        own = signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own.value)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(
    certificate: x509.Certificate, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
) -> Pair:
    rsa_form = serialization.PrivateFormat.TraditionalOpenSSL
    form = rsa_form if isinstance(key, rsa.RSAPrivateKey) else serialization.PrivateFormat.PKCS8
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()),
    )


def moment(seconds: float) -> datetime:
    """Return a time in whole seconds, as certificates have it."""
    return datetime.fromtimestamp(int(seconds), UTC)
