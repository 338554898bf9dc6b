"""An emulator as a process, an issuer that it trusts, and an application that signs in by it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt

from hack.emulator import Emulator, running
from tests.emulator.tokens.certificates import ClientCertificate, client_certificate
from tests.fakes.issuer import SUBJECT, FakeIssuer, served

Json = dict[str, Any]

TENANT = "5f1c9d1e-9f3b-4a53-8d0c-2f6d0c1b7a42"
APP = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
SECRET = "s3cret~of-the.app"
GRAPH = "https://graph.microsoft.com/.default"
VAULT = "https://vault.azure.net/.default"


@dataclass
class SignIn:
    """What a test signs in with, and to."""

    emulator: Emulator
    issuer: FakeIssuer
    certificate: ClientCertificate = field(repr=False)
    folder: Path

    @property
    def authority(self) -> str:
        return self.emulator.addresses.authority

    @property
    def ca(self) -> str:
        return str(self.emulator.addresses.ca)

    def token_file(self, name: str, **claims: Any) -> Path:
        """A file as the kubelet projects it."""
        file = self.folder / name
        file.write_text(self.issuer.token(**claims))
        return file

    def certificate_file(self) -> Path:
        """Certificate and key in one file."""
        file = self.folder / "app.pem"
        file.write_text(self.certificate.key_pem + self.certificate.pem)
        return file

    def last_exchange(self) -> Json:
        """What the emulator keeps of the latest exchange."""
        [found] = self.emulator.admin("GET", "/exchanges?limit=1")["exchanges"]
        assert isinstance(found, dict)
        return found


@contextmanager
def signing_in(folder: Path) -> Iterator[SignIn]:
    """Run an issuer and an emulator that reaches it by another address than its name."""
    issuer, certificate = FakeIssuer(), client_certificate(time.time())
    with served(issuer, folder) as address:
        seed = {
            "tenants": [{"id": TENANT}],
            "applications": [
                {
                    "appId": APP,
                    "displayName": "payments",
                    "tenant": TENANT,
                    "secret": SECRET,
                    "certificate": certificate.pem,
                    "federatedIdentityCredentials": [
                        {"name": "cluster", "issuer": issuer.name, "subject": SUBJECT}
                    ],
                }
            ],
            "issuers": [{"issuer": issuer.name, "reach": address.url, "ca": str(address.ca)}],
        }
        with running(Emulator(folder, seed)) as emulator:
            yield SignIn(emulator, issuer, certificate, folder)


def claims(token: str) -> Json:
    found: Json = jwt.decode(token, options={"verify_signature": False})
    return found
