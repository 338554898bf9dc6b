"""What an access token says, read without asking whether it is true. Pure.

To a client an access token is opaque: what is read here is for people and for status, and no
decision rests on it.
Source: https://learn.microsoft.com/entra/identity-platform/access-tokens#token-ownership
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from entra.errors import one_line


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of interest; empty where a token does not have one.

    Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
    """

    aud: str = ""
    """Whom the token is for."""
    iss: str = ""
    tid: str = ""
    client_id: str = ""
    """`appid` of a token of version 1, `azp` of one of version 2."""
    oid: str = ""
    """Of the service principal."""
    roles: tuple[str, ...] = ()
    idtyp: str = ""
    """`app`, where the resource asks for it."""
    xms_mirid: str = ""
    """The resource id of a managed identity."""
    exp: int | None = None
    """Seconds since the epoch."""


def claims_of(token: str) -> Claims | None:
    """Read a token's claims; None for a token that is no JWT, or an encrypted one."""
    claims = _payload(token)
    if claims is None:
        return None
    roles = claims.get("roles")
    exp = claims.get("exp")
    return Claims(
        aud=_text(claims, "aud"),
        iss=_text(claims, "iss"),
        tid=_text(claims, "tid"),
        client_id=_text(claims, "appid") or _text(claims, "azp"),
        oid=_text(claims, "oid"),
        roles=tuple(one_line(role) for role in roles if isinstance(role, str))
        if isinstance(roles, list)
        else (),
        idtyp=_text(claims, "idtyp"),
        xms_mirid=_text(claims, "xms_mirid"),
        exp=exp if type(exp) is int else None,
    )


def _payload(token: str) -> Mapping[str, Any] | None:
    parts = token.split(".")
    if len(parts) != 3:
        return None
    padded = parts[1] + "=" * (-len(parts[1]) % 4)
    try:
        claims = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, RecursionError):  # binascii.Error and UnicodeDecodeError are ValueErrors
        return None
    return claims if isinstance(claims, dict) else None


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return one_line(value) if isinstance(value, str) else ""
