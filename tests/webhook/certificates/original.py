"""The original's rotation, as far as it reads and writes our Secret: what it would do beside us.

It is open-policy-agent/cert-controller, pkg/rotator: `ValidCert` decides whether a CA and a serving
certificate are kept, `buildArtifactsFromSecret` reads the CA, 90 days ahead.
"""

import datetime
import re
import warnings
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_NAME = "azure-workload-identity-ca"
LOOKAHEAD = timedelta(days=90)
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\n.+?-----END \1-----\n?", re.DOTALL)


class Refused(AssertionError):  # noqa: N818
    """The original would make this anew."""


def accepts(data: dict[str, bytes], dns_name: str, now: datetime.datetime) -> None:
    """Go through all that the original checks; raises `Refused` with what it would not take."""
    ahead = now + LOOKAHEAD
    kind, block = _first_block(data.get("ca.crt", b""))
    _check(kind == "CERTIFICATE", "ca.crt does not begin with a certificate")
    authority = _parse(block)
    kind, block = _first_block(data.get("ca.key", b""))
    _check(kind == "RSA PRIVATE KEY", f"ca.key is {kind}, not PKCS#1")
    key = serialization.load_pem_private_key(block, None)
    _check(isinstance(key, rsa.RSAPrivateKey), "ca.key is not RSA")
    _check(key.public_key() == authority.public_key(), "ca.key is not that of the first CA")
    _verify(authority, authority, CA_NAME, ahead)
    _, block = _first_block(data.get("tls.crt", b""))
    leaf = _parse(block)
    leaf_key = serialization.load_pem_private_key(data["tls.key"], None)
    _check(leaf_key.public_key() == leaf.public_key(), "tls.key is not that of tls.crt")
    _verify(leaf, authority, dns_name, ahead)
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    _check(ExtendedKeyUsageOID.SERVER_AUTH in usage, "tls.crt is not for servers")


def _verify(
    leaf: x509.Certificate, authority: x509.Certificate, name: str, at: datetime.datetime
) -> None:
    leaf.verify_directly_issued_by(authority)
    for certificate in (leaf, authority):
        begun = certificate.not_valid_before_utc <= at
        _check(begun and at <= certificate.not_valid_after_utc, "it ends within 90 days")
    basic = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
    _check(basic.ca, "the first certificate of ca.crt is no CA")
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    _check(name in names.get_values_for_type(x509.DNSName), f"it is not for {name}")


def _first_block(text: bytes) -> tuple[str, bytes]:
    found = _BLOCK.search(text)
    if found is None:
        raise Refused("there is no PEM block")
    return found[1].decode(), found[0]


def _parse(block: bytes) -> x509.Certificate:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the original's own CAs have the serial number 0
        return x509.load_pem_x509_certificate(block)


def _check(condition: bool, fault: str) -> None:
    if not condition:
        raise Refused(fault)


def secret_data(
    dns_name: str,
    now: datetime.datetime,
    *,
    ca_key: rsa.RSAPrivateKey,
    ca_life: timedelta = timedelta(days=3650),
    life: timedelta = timedelta(days=365),
) -> dict[str, bytes]:
    """Return what the original makes: an RSA serving certificate, serial numbers 0 and 1."""
    begin = now - timedelta(hours=1)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "azure-workload-identity"),
            x509.NameAttribute(NameOID.COMMON_NAME, CA_NAME),
        ]
    )
    own = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    authority = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .serial_number(1)
        .public_key(ca_key.public_key())
        .not_valid_before(begin)
        .not_valid_after(now + ca_life)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(own, critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(CA_NAME)]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    # Its common name is cut here: cryptography refuses the 67 characters that Go lets through.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, dns_name[:64])])
    leaf = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(name)
        .serial_number(1)
        .public_key(key.public_key())
        .not_valid_before(begin)
        .not_valid_after(now + life)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(dns_name)]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return {
        "ca.crt": _with_serial_zero(authority, ca_key),
        "ca.key": _key(ca_key),
        "tls.crt": leaf.public_bytes(serialization.Encoding.PEM),
        "tls.key": _key(key),
    }


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        key_cert_sign=signs,
        crl_sign=False,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _with_serial_zero(certificate: x509.Certificate, key: rsa.RSAPrivateKey) -> bytes:
    """Sign the certificate anew with the serial number 0, which the library will not write."""
    old = certificate.tbs_certificate_bytes
    one = old.index(b"\x02\x01\x01")
    signed = old[:one] + b"\x02\x01\x00" + old[one + 3 :]
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    algorithm = bytes.fromhex("300d06092a864886f70d01010b0500")  # sha256WithRSAEncryption
    body = signed + algorithm + b"\x03" + _length(len(signature) + 1) + b"\x00" + signature
    der = b"\x30" + _length(len(body)) + body
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)


def _length(value: int) -> bytes:
    return bytes([0x82, value >> 8, value & 0xFF])
