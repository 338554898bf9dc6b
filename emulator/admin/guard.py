"""Keeps the pages of other sites away from the admin API, which asks nobody who they are.

A browser on the same machine can be made to send requests here by any page that it shows. Such a
request gives itself away by its headers; programs send none of them. Sources: the Fetch standard
(Origin), https://www.w3.org/TR/fetch-metadata/ (Sec-Fetch-Site), and for names that are made to
point here (DNS rebinding) https://www.rfc-editor.org/rfc/rfc9110#section-7.2 (Host).
"""

import ipaddress
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request

from emulator.calls.recorder import call_of
from emulator.calls.refusal import AdminRefusal
from emulator.web import world_of

_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


async def check_host(request: Request) -> None:
    """Refuse a request for a name that is not the emulator's. Raises AdminRefusal (403)."""
    call_of(request.scope).kind = "admin"
    host = request.headers.get("host")
    if host is not None and not is_ours(host, world_of(request).place.hosts):
        raise AdminRefusal(
            403,
            "HostNotAllowed",
            f"This emulator is not called {host[:100]!r}. If it is, start it with --tls-name or"
            " --public-url; addresses and localhost are always allowed.",
        )


async def check_site(request: Request) -> None:
    """Refuse what a browser sends for another site's page. Raises AdminRefusal (403)."""
    await check_host(request)
    headers = request.headers
    own = {world_of(request).origin, f"https://{headers.get('host', '')}".lower()}
    origin = headers.get("origin")
    foreign = origin is not None and origin.lower() not in own
    site = headers.get("sec-fetch-site", "none").lower()
    if foreign or (request.method not in _READS and site not in {"none", "same-origin"}):
        raise AdminRefusal(
            403,
            "OriginNotAllowed",
            "The admin API takes no requests of other sites' pages. Programs send neither Origin"
            " nor Sec-Fetch-Site.",
        )


def is_ours(host: str, names: Collection[str]) -> bool:
    """Tell whether a Host header names the emulator: an address, localhost, or one of `names`.

    A name may be a wildcard, `*.example.org`, for one label.
    """
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".").lower()
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost") or name in names:
        return True
    if "." in name and f"*.{name.partition('.')[2]}" in names:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
