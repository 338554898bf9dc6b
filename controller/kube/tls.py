"""TLS with the API server: whom we trust, and who we are."""

import os
import ssl
from pathlib import Path
from typing import Any, Self

from controller.kube.errors import NotConfigured


def trusting(ca: str | None, server_name: str | None = None) -> ssl.SSLContext:
    """Return a TLS context that trusts these CAs (PEM); None stands for those of the machine.

    With `server_name` it expects a certificate for that name, whatever the caller asks for: kopf
    knows no such setting.
    """
    context = _Named(server_name)
    try:
        if ca is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(cadata=ca)
    except (ssl.SSLError, ValueError):
        raise NotConfigured("the cluster's CA is not a PEM certificate") from None
    return context


def trusting_anybody(server_name: str | None = None) -> ssl.SSLContext:
    """Return a TLS context that checks nothing, as a kubeconfig may ask for."""
    context = _Named(server_name)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _Named(ssl.SSLContext):
    """A context that can insist on the name of the server."""

    name: str | None

    def __new__(cls, server_name: str | None) -> Self:
        made = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        made.name = server_name
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        return made

    def __init__(self, server_name: str | None) -> None:
        """Nothing more to do: `ssl.SSLContext` is made by `__new__`."""

    def wrap_bio(self, *args: Any, **more: Any) -> ssl.SSLObject:
        """Start TLS, as asyncio asks for it: always with the server's name as a keyword."""
        if self.name is not None:
            more["server_hostname"] = self.name
        return super().wrap_bio(*args, **more)


def with_certificate(
    context: ssl.SSLContext, certificate: str, key: str, where: str
) -> ssl.SSLContext:
    """Load a client's certificate and its key (PEM): `ssl` takes paths only, disks keep things.

    The path is that of a memfd, an unnamed file in memory, which ends with its descriptor (Linux).
    """
    descriptor = os.memfd_create("client-certificate")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(f"{key}\n{certificate}\n".encode())
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=_no_password)
    except (ssl.SSLError, _EncryptedKey) as error:
        why = "is encrypted" if isinstance(error, _EncryptedKey) else "is not a PEM pair"
        raise NotConfigured(f"{where}: the client-certificate with its client-key {why}") from None
    finally:
        os.close(descriptor)
    return context


class _EncryptedKey(Exception):  # noqa: N818  never seen outside of this module
    """OpenSSL asks for a password; without this it would ask on the terminal."""


def _no_password() -> str:
    raise _EncryptedKey


def read_text(path: Path, what: str) -> str:
    """Read a file that somebody named, or say in one line why that is not possible."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise NotConfigured(f"{what}, {path}, can't be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise NotConfigured(f"{what}, {path}, is not text") from None
