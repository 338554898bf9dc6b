"""Which issuer this cluster's tokens have: Entra compares it exactly, so it is read from one."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

from controller.kube import Kube

_DISCOVERY = "/.well-known/openid-configuration"


class IssuerUnknown(Exception):  # noqa: N818 - it says all
    """Neither a token nor the API server's discovery document tells it."""


async def issuer_of(kube: Kube, *, given: str | None, token_file: Path | None) -> str:
    """Return the issuer: as given, or as a token says, or as the API server does.

    Raises `IssuerUnknown`, or `KubeError` where the API server can't be asked.
    """
    if given:
        return given
    if token_file is not None:
        return await asyncio.to_thread(_from_token, token_file)
    document = await kube.get(_DISCOVERY)
    issuer = document.get("issuer")
    if not isinstance(issuer, str) or not issuer:
        raise IssuerUnknown(f"{_DISCOVERY} of the API server names no issuer; give --issuer")
    return issuer


def _from_token(path: Path) -> str:
    try:
        payload = path.read_text(encoding="ascii").strip().split(".")[1]
        claims: Any = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        issuer = claims["iss"]
    except (OSError, ValueError, IndexError, KeyError, TypeError) as error:
        # Without the text: it may hold the token.
        raise IssuerUnknown(
            f"{path} is no token that names its issuer ({type(error).__name__}); give --issuer"
        ) from None
    if not isinstance(issuer, str) or not issuer:
        raise IssuerUnknown(f"the token in {path} names no issuer; give --issuer")
    return issuer
