"""SSL contexts: made from a certificate and key in memory, and tried out before they serve.

Resumption is off in TLS 1.3 (`num_tickets`): the API server's client keeps no sessions, and tickets
cost CPU. TLS 1.2 keeps its stateless tickets: without them OpenSSL would hold sessions in memory.
"""

import os
import ssl
import tempfile
from pathlib import Path
from typing import Any, Final, TypeAlias

from webhook.certificates.errors import Unusable

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

_NO_CHECK_TIME: Final = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME: dates are compared by the caller, whose clock is an argument.

Source: https://docs.openssl.org/3.0/man3/X509_VERIFY_PARAM_set_flags/
"""

PeerCertificate: TypeAlias = dict[str, Any]
"""A certificate as `ssl.SSLSocket.getpeercert` gives it."""


def blank_context(min_version: str) -> ssl.SSLContext:
    """Return a server's context without a certificate; `min_version` is `1.2` or `1.3`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[min_version]
    context.num_tickets = 0
    return context


def context_with(certificate: bytes, key: bytes, min_version: str) -> ssl.SSLContext:
    """Return a server's context that presents this certificate; raises `Unusable`."""
    if not certificate.strip() or not key.strip():
        raise Unusable("the certificate or its key is empty")
    context = blank_context(min_version)
    load_pair(context, certificate, key)
    return context


def load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Load a certificate and its key from memory; raises `Unusable` if they don't match.

    `ssl` takes paths only, and a key must not be left on a disk: the path is that of an unnamed
    file in memory (Linux), which ends with its descriptor.
    """
    content = certificate.strip() + b"\n" + key.strip() + b"\n"
    try:
        if hasattr(os, "memfd_create"):
            _load_from_memory(context, content)
        else:  # a developer's machine that is not Linux
            _load_from_file(context, content)
    except _EncryptedKey:
        raise Unusable("the key is encrypted") from None
    except ssl.SSLError as error:
        if any(word in (error.reason or "") for word in ("MISMATCH", "NO_CERTIFICATE_ASSIGNED")):
            raise Unusable("the certificate and the key don't belong together") from None
        raise Unusable("the certificate or the key is not readable PEM") from None


def _load_from_memory(context: ssl.SSLContext, content: bytes) -> None:
    descriptor = os.memfd_create("certificate")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=_no_password)
    finally:
        os.close(descriptor)


def _load_from_file(context: ssl.SSLContext, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp()  # mode 0600
    try:
        os.write(descriptor, content)
        context.load_cert_chain(name, password=_no_password)
    finally:
        os.close(descriptor)
        Path(name).unlink()


class _EncryptedKey(Exception):  # noqa: N818  never seen outside of this module
    """OpenSSL asks for a password; without this it would ask on the terminal."""


def _no_password() -> str:
    raise _EncryptedKey


def rehearse(
    server: ssl.SSLContext, trust: str, *, name: str | None, partial: bool = False
) -> PeerCertificate:
    """Do a whole handshake in memory and return what the client saw; raises `Unusable`.

    The client trusts `trust` (PEM) and nothing else, and asks for `name`; None asks for none.
    Dates are not looked at. `partial` takes a trusted certificate that is not a CA: itself.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.hostname_checks_common_name = False  # nor does Go's
    client.check_hostname = name is not None
    flags = int(client.verify_flags) | _NO_CHECK_TIME
    client.verify_flags = ssl.VerifyFlags(flags | (ssl.VERIFY_X509_PARTIAL_CHAIN if partial else 0))
    try:
        client.load_verify_locations(cadata=trust)
        return _handshake(server, client, name)
    except ssl.SSLCertVerificationError as error:
        raise Unusable(f"a client refuses the certificate: {error.verify_message}") from None
    except ssl.SSLError as error:
        raise Unusable(f"a handshake fails: {error.reason or 'no reason given'}") from None
    except UnicodeDecodeError:  # `getpeercert`, of a name in it
        raise Unusable("a name in the certificate is not text") from None


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str | None) -> PeerCertificate:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server, server_hostname=name)
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    sides = [asking, answering]
    for _ in range(8):  # TLS 1.2 takes the most rounds: three
        for side in list(sides):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            sides.remove(side)
        if not sides:
            return asking.getpeercert() or {}
    raise Unusable("a handshake does not come to its end")
