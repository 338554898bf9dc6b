"""The keys of a published set that Entra uses. Pure.

Sources: RFC 7517; https://learn.microsoft.com/entra/workload-id/workload-identity-federation (the
first 100 keys are kept, RS256 only) and its page about SPIFFE ("use" must be "sig").
"""

import binascii
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from emulator.tokens.jws import NotATokenError, from_base64url

MOST_KEYS: Final = 100

Keys = Mapping[str, RSAPublicKey]
"""By key id."""


def usable_keys(key_set: Any) -> Keys | None:
    """Return RSA keys for signatures, among the first 100 keys; None for what is no key set.

    Of keys with one id the first counts. A key that can't be read is passed over.
    """
    listed = key_set.get("keys") if isinstance(key_set, dict) else None
    if not isinstance(listed, list):
        return None
    found: dict[str, RSAPublicKey] = {}
    for entry in listed[:MOST_KEYS]:
        key = _key(entry)
        if key is not None and isinstance(entry.get("kid"), str):
            found.setdefault(entry["kid"], key)
    return found


def _key(entry: Any) -> RSAPublicKey | None:
    if not isinstance(entry, dict) or entry.get("kty") != "RSA" or entry.get("use") != "sig":
        return None
    if entry.get("alg", "RS256") != "RS256":
        return None
    try:
        return RSAPublicNumbers(_number(entry.get("e")), _number(entry.get("n"))).public_key()
    except (ValueError, binascii.Error):
        return None


def _number(value: Any) -> int:
    if not isinstance(value, str) or not value.isascii():
        raise NotATokenError("a key's number is not base64url")
    return int.from_bytes(from_base64url(value.encode("ascii"), "key"), "big")
