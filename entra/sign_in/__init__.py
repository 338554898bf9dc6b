"""How this program itself signs in at Entra ID.

By workload identity, managed identity, client secret or certificate.
"""

from entra.client_credentials import Application
from entra.sign_in.settings import (
    Certificate,
    ClientSecret,
    ManagedIdentity,
    SignInSettings,
    WorkloadIdentity,
    check,
)
from entra.sign_in.source import SignIn

__all__ = [
    "Application",
    "Certificate",
    "ClientSecret",
    "ManagedIdentity",
    "SignIn",
    "SignInSettings",
    "WorkloadIdentity",
    "check",
]
