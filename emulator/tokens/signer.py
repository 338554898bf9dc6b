"""The key that access tokens are signed with, and the document that publishes it."""

import hashlib
from base64 import urlsafe_b64encode
from typing import Any, Final

import jwt
import orjson
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from emulator.state import StateFolder

_FILE: Final = "signing.key"
_PADDING: Final = padding.PKCS1v15()
_HASH: Final = hashes.SHA256()


class Signer:
    """Signs and checks access tokens, RS256 as Entra does."""

    def __init__(self, state: StateFolder) -> None:
        key = serialization.load_pem_private_key(state.kept(_FILE, _new_key), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError(f"{_FILE} in the state folder is not the emulator's: remove the folder")
        self._key = key
        self._public = key.public_key()
        spki = self._public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.kid = _text(hashlib.sha256(spki).digest()).decode()
        self._header = _text(orjson.dumps({"typ": "JWT", "alg": "RS256", "kid": self.kid}))

    def sign(self, claims: dict[str, Any]) -> str:
        """Return a token."""
        signed = self._header + b"." + _text(orjson.dumps(claims))
        signature = self._key.sign(signed, _PADDING, _HASH)
        return (signed + b"." + _text(signature)).decode("ascii")

    def read(self, token: str) -> dict[str, Any]:
        """Return the claims of a token of ours, its times and audience left to the caller.

        Raises jwt.InvalidTokenError for any other token.
        """
        claims: dict[str, Any] = jwt.decode(
            token,
            self._public,
            algorithms=["RS256"],
            options={
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "verify_aud": False,
            },
        )
        return claims

    def keys(self) -> dict[str, Any]:
        """Return the key set. Source: RFC 7517."""
        numbers = self._public.public_numbers()
        key = {
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "alg": "RS256",
            "n": _number(numbers.n),
            "e": _number(numbers.e),
        }
        return {"keys": [key]}


def _new_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _text(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _number(value: int) -> str:
    return _text(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode()
