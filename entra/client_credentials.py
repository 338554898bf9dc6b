"""The client credentials grant, by msal: what sign-in and exchange both stand on.

Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from entra.msal_transport import Conversation
from identity.account import is_uuid
from identity.clouds import PUBLIC
from identity.faults import Faults

_DOMAIN: Final = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*\.)+[a-zA-Z0-9-]*[a-zA-Z0-9]")
_LONGEST_DOMAIN: Final = 253


@dataclass(frozen=True, slots=True)
class Application:
    """Who asks, and where: an application, or a managed identity that has federated credentials."""

    tenant_id: str
    """A UUID, or a domain name of the tenant."""
    client_id: str
    authority: str = PUBLIC.authority_host
    """https://host. Any host is taken, without asking Microsoft whether it knows it: air-gapped
    clouds have their own."""


Credential = str | Mapping[str, str | Callable[[], str]]
"""A secret, or one of msal's dicts: a callable for an assertion, or a certificate."""


def ask_for_token(
    http: Conversation, application: Application, credential: Credential, scope: str
) -> Mapping[str, Any]:
    """Make msal ask for a token, really: nothing is answered from what it remembers.

    msal keeps tokens, and for a minute answers of status 400 by URL and form, so that a further try
    with the same assertion would not reach the network. Each call has a fresh msal application with
    caches of its own therefore; it costs 0.2 ms. Regional endpoints are off, which a variable of
    the environment would turn on. To be called in the thread of the conversation.
    """
    import msal  # noqa: PLC0415  80 ms that only those wait for who sign in

    client = msal.ConfidentialClientApplication(
        application.client_id,
        client_credential=credential,
        authority=f"{application.authority.rstrip('/')}/{application.tenant_id}",
        instance_discovery=False,
        azure_region=False,
        http_client=http,
        http_cache={},
        token_cache=msal.TokenCache(),
    )
    result: Mapping[str, Any] = client.acquire_token_for_client([scope])
    return result


def check_application(application: Application, faults: Faults) -> None:
    """Add whatever is wrong with a tenant, a client id or an authority."""
    if not is_tenant(application.tenant_id):
        faults.add("tenant_id", application.tenant_id, "a UUID, or a domain name of the tenant")
    if not is_uuid(application.client_id):
        faults.add("client_id", application.client_id, "a UUID")
    if not is_origin(application.authority, "https"):
        faults.add("authority", application.authority, "https://host, without a path")


def is_tenant(value: str) -> bool:
    """Tell whether a value names one tenant: words such as `common` stand for many."""
    return is_uuid(value) or (
        len(value) <= _LONGEST_DOMAIN and _DOMAIN.fullmatch(value) is not None
    )


def is_origin(url: str, *schemes: str) -> bool:
    """Tell whether a URL is a scheme and a host, with or without a port and a slash at the end."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = all("!" <= char <= "~" for char in url) and not set(url) & set("?#@\\")
    bare = parts.path in {"", "/"}
    return bool(parts.scheme in schemes and parts.hostname and port != 0 and plain and bare)
