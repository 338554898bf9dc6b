"""A signed token taken apart, strictly, and its signature checked. Pure.

Sources: RFC 7515 (JWS, compact form) and RFC 7519 (JWT); RFC 8725 for what must not be believed:
keys that a header brings along count for nothing, and what it calls critical is not understood.
"""

import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from emulator.json_text import read_json

LONGEST: Final = 65_536
"""Characters. A ServiceAccount's token has some 1,200."""

_HASH: Final = hashes.SHA256()
_PADDINGS: Final = {
    "RS256": padding.PKCS1v15(),
    "PS256": padding.PSS(padding.MGF1(_HASH), padding.PSS.DIGEST_LENGTH),
}
_TO_STANDARD: Final = bytes.maketrans(b"-_+/", b"+/!!")
"""base64url in standard letters; those that only the standard form has become invalid."""


class NotATokenError(ValueError):
    """A text is no signed token; why is told without quoting it."""


@dataclass(frozen=True, slots=True)
class Jws:
    """What a token says. Nothing of it is believed yet."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    def is_signed_by(self, key: RSAPublicKey, algorithm: str) -> bool:
        """Tell whether a key's owner signed it; `algorithm` is RS256 or PS256."""
        try:
            key.verify(self.signature, self.signed, _PADDINGS[algorithm], _HASH)
        except InvalidSignature:
            return False
        return True


def take_apart(token: str) -> Jws:
    """Read a token. Raises NotATokenError."""
    if len(token) > LONGEST:
        raise NotATokenError(f"it has more than {LONGEST} characters")
    if not token.isascii():
        raise NotATokenError("it has characters that no token has")
    parts = token.encode("ascii").split(b".")
    if len(parts) != 3:
        raise NotATokenError("it has not three parts")
    header = _object(parts[0], "header")
    if "crit" in header:
        raise NotATokenError("its header calls something critical, which is not understood here")
    return Jws(
        header=header,
        claims=_object(parts[1], "payload"),
        signed=parts[0] + b"." + parts[1],
        signature=from_base64url(parts[2], "signature"),
    )


def from_base64url(text: bytes, what: str) -> bytes:
    """Decode base64url (RFC 4648, 5); padding is let pass, azure-identity sends it.

    Raises NotATokenError, which says `what` is not encoded well.
    """
    bare = text.translate(_TO_STANDARD).rstrip(b"=")
    try:
        return binascii.a2b_base64(bare + b"=" * (-len(bare) % 4), strict_mode=True)
    except binascii.Error as error:
        raise NotATokenError(f"its {what} is not base64url") from error


def _object(text: bytes, what: str) -> dict[str, Any]:
    try:
        found = read_json(from_base64url(text, what))
    except NotATokenError:
        raise
    except ValueError as error:
        raise NotATokenError(f"its {what} is not JSON of one reading") from error
    if not isinstance(found, dict):
        raise NotATokenError(f"its {what} is not a JSON object")
    return found
