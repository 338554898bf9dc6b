"""Certificates for these tests."""

import ssl
from dataclasses import dataclass

import trustme


@dataclass(frozen=True)
class Authority:
    """A CA, a server of 127.0.0.1 signed by it, and a client."""

    ca: trustme.CA

    @property
    def ca_pem(self) -> str:
        return self.ca.cert_pem.bytes().decode()

    def server(self, name: str = "127.0.0.1", *, ask: bool = False) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.ca.issue_cert(name).configure_cert(context)
        if ask:
            self.ca.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client(self) -> tuple[str, str]:
        """Return a certificate and its key."""
        leaf = self.ca.issue_cert("admin@example")
        return leaf.cert_chain_pems[0].bytes().decode(), leaf.private_key_pem.bytes().decode()
