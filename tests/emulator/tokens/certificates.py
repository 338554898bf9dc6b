"""A certificate that an application signs in with, and the assertions that it signs."""

import base64
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.fakes.issuer import rsa_key


@dataclass(frozen=True)
class ClientCertificate:
    """A self-signed certificate with its key, as people upload them."""

    key: rsa.RSAPrivateKey = field(repr=False)
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    def thumbprint(self, algorithm: hashes.HashAlgorithm) -> bytes:
        return self.certificate.fingerprint(algorithm)

    @property
    def sha1(self) -> bytes:
        """The thumbprint that the portal shows."""
        return self.thumbprint(hashes.SHA1())

    def headers(self) -> dict[str, str]:
        """What msal sends: SHA-256, padded."""
        digest = self.thumbprint(hashes.SHA256())
        return {"x5t#S256": base64.urlsafe_b64encode(digest).decode()}

    def assertion(
        self,
        *,
        client: str,
        audience: str,
        now: float,
        algorithm: str = "PS256",
        headers: dict[str, str] | None = None,
        **changed: Any,
    ) -> str:
        claims = {
            "iss": client,
            "sub": client,
            "aud": audience,
            "jti": str(uuid.uuid4()),
            "nbf": int(now),
            "exp": int(now) + 600,
        }
        sent = self.headers() if headers is None else headers
        return jwt.encode(claims | changed, self.key, algorithm=algorithm, headers=sent)


def client_certificate(now: float, *, days: float = 365, key: int = 101) -> ClientCertificate:
    """Make one that begins a day ago and ends so many days from now."""
    private = rsa_key(key)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "payments")])
    moment = datetime.fromtimestamp(now, UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(moment, moment + timedelta(days=days)) - timedelta(days=1))
        .not_valid_after(moment + timedelta(days=days))
        .sign(private, hashes.SHA256())
    )
    return ClientCertificate(private, certificate)
