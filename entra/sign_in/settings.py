"""How this program signs in: one of four ways, as settings that can be checked before use. Pure."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from entra.client_credentials import Application, check_application, is_origin
from identity.account import is_uuid
from identity.faults import Faults

DEFAULT_IMDS: Final = "http://169.254.169.254"
"""Where each Azure VM finds its metadata service; link-local, hence without TLS.

Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
"""


@dataclass(frozen=True, slots=True)
class WorkloadIdentity:
    """By a token of ours that the application has a federated credential for."""

    application: Application
    token_file: Path
    """Read anew for each sign-in: the kubelet renews it."""


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """By the node's metadata service, as an identity that is assigned to the node."""

    client_id: str | None = None
    """Of a user-assigned identity; None for the system-assigned one."""
    endpoint: str = DEFAULT_IMDS


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """By a secret of the application."""

    application: Application
    secret_file: Path
    """Read anew for each sign-in, so that a rotated secret is taken up."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """By a certificate of the application."""

    application: Application
    certificate_file: Path
    """PEM, with the key in it or in `key_file`; or PKCS#12, by its suffix .pfx or .p12."""
    key_file: Path | None = None
    """PEM; None where the key stands in `certificate_file`."""
    password_file: Path | None = None
    """What the key or the PKCS#12 file is encrypted with; None where it is not."""


SignInSettings = WorkloadIdentity | ManagedIdentity | ClientSecret | Certificate


def check(settings: SignInSettings, faults: Faults) -> None:
    """Add whatever is wrong with the settings, files unread."""
    match settings:
        case WorkloadIdentity(application, token_file):
            check_application(application, faults)
            _check_path("token_file", token_file, faults)
        case ClientSecret(application, secret_file):
            check_application(application, faults)
            _check_path("secret_file", secret_file, faults)
        case Certificate(application):
            check_application(application, faults)
            _check_certificate(settings, faults)
        case ManagedIdentity(client_id, endpoint):
            if client_id is not None and not is_uuid(client_id):
                faults.add("client_id", client_id, "a UUID, or none for the system-assigned one")
            if not is_origin(endpoint, "http", "https"):
                faults.add("endpoint", endpoint, "http://host")


def _check_certificate(settings: Certificate, faults: Faults) -> None:
    _check_path("certificate_file", settings.certificate_file, faults)
    if settings.key_file is not None:
        _check_path("key_file", settings.key_file, faults)
        if is_pkcs12(settings.certificate_file):
            faults.add(
                "key_file", str(settings.key_file), "none: a PKCS#12 file holds the key as well"
            )
    if settings.password_file is not None:
        _check_path("password_file", settings.password_file, faults)


def is_pkcs12(path: Path) -> bool:
    """Tell by its suffix whether a file is PKCS#12."""
    return path.suffix.lower() in {".pfx", ".p12"}


def _check_path(where: str, path: Path, faults: Faults) -> None:
    if not path.is_absolute():
        faults.add(where, str(path), "an absolute path")
