"""One sign-in by msal in each of the four ways. All of it runs in a conversation's thread."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from entra.client_credentials import Credential, ask_for_token
from entra.errors import Unauthenticated
from entra.msal_transport import Conversation
from entra.sign_in.files import read_bytes, read_text, read_word
from entra.sign_in.settings import (
    Certificate,
    ClientSecret,
    ManagedIdentity,
    SignInSettings,
    WorkloadIdentity,
    is_pkcs12,
)
from entra.token_answers import MsalResponse

_KEY: Final = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)
_CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)
_IMDS_PATH: Final = "/metadata/identity/oauth2/token"
_IMDS_VERSION: Final = "2018-02-01"


def acquire(settings: SignInSettings, scope: str, http: Conversation) -> Mapping[str, Any]:
    """Sign in and return what msal does; raises `Unauthenticated` where a file is of no use."""
    match settings:
        case WorkloadIdentity(application, token_file):
            assertion: Credential = {
                "client_assertion": lambda: read_word(token_file, "token file")
            }
            return ask_for_token(http, application, assertion, scope)
        case ClientSecret(application, secret_file):
            secret = read_word(secret_file, "client secret file")
            return ask_for_token(http, application, secret, scope)
        case Certificate(application):
            return ask_for_token(http, application, _certificate(settings), scope)
        case ManagedIdentity():
            return _at_node(settings, scope, http)


def _certificate(settings: Certificate) -> Credential:
    """Return a certificate in msal's form: it takes a PKCS#12 file by its path, PEM as text."""
    path = settings.certificate_file
    password = {}
    if settings.password_file is not None:
        password["passphrase"] = read_word(settings.password_file, "password file")
    if is_pkcs12(path):
        read_bytes(path, "certificate file")  # for the words, where it can't be read
        return {"private_key_pfx_path": str(path), **password}
    text = read_text(path, "certificate file")
    key_path = settings.key_file or path
    key_text = text if key_path == path else read_text(key_path, "key file")
    return {
        "private_key": _block(_KEY, key_text, "private key", key_path),
        "public_certificate": _block(_CERTIFICATE, text, "certificate", path),
        **password,
    }


def _block(pattern: re.Pattern[str], text: str, what: str, path: Path) -> str:
    """Return the first PEM block of a kind; of certificates, that is the application's own."""
    found = pattern.search(text)
    if found is None:
        raise Unauthenticated(f"{path} holds no {what} in PEM")
    return found[0] + "\n"


def _at_node(settings: ManagedIdentity, scope: str, http: Conversation) -> Mapping[str, Any]:
    import msal  # noqa: PLC0415  as in `ask_for_token`

    identity = (
        msal.SystemAssignedManagedIdentity()
        if settings.client_id is None
        else msal.UserAssignedManagedIdentity(client_id=settings.client_id)
    )
    client = msal.ManagedIdentityClient(
        identity, http_client=_Imds(http, settings.endpoint), token_cache=msal.TokenCache()
    )
    resource = scope.removesuffix("/.default")
    result: Mapping[str, Any] = client.acquire_token_for_client(resource=resource)
    return result


class _Imds:
    """msal's HTTP client for a VM's metadata service at our endpoint, whatever msal makes out.

    msal looks for other kinds of hosts and for another endpoint in variables of the environment.
    """

    def __init__(self, http: Conversation, endpoint: str) -> None:
        self._http = http
        self._endpoint = endpoint.rstrip("/")

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> MsalResponse:
        """Ask the metadata service."""
        version = (params or {}).get("api-version")
        if urlsplit(url).path != _IMDS_PATH or version != _IMDS_VERSION:
            raise Unauthenticated(
                "msal takes this host for another kind than a virtual machine, and only those are"
                " supported; unset IDENTITY_ENDPOINT and MSI_ENDPOINT, or sign in another way"
            )
        return self._http.get(self._endpoint + _IMDS_PATH, params=params, headers=headers)

    def close(self) -> None:
        """Do nothing: the connections are not this call's own."""
