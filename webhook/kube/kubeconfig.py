"""Reading a kubeconfig: the current context, its cluster and its user.

Source: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

import base64
import binascii
import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from webhook.kube.connection import Connection, read_text, trusting
from webhook.kube.errors import NotConfigured
from webhook.kube.tokens import StaticToken, TokenFile, TokenSource

_UNSUPPORTED_OF_USER = {
    "exec": "an exec plugin",
    "auth-provider": "an auth provider",
    "username": "a user name and password",
    "as": "impersonation",
    "as-groups": "impersonation",
    "as-uid": "impersonation",
}
_INSTEAD = (
    "use a kubeconfig with a client certificate or a token"
    " (kubectl create token makes one for a ServiceAccount)"
)


def kubeconfig_connection(path: Path) -> Connection:
    """Connect as the kubeconfig's current context says."""
    file = _File(path, _parse(path))
    context = file.entry("contexts", "context", file.current_context())
    cluster_name = context.text("cluster")
    if not cluster_name:
        raise NotConfigured(f"{path}: its current context names no cluster")
    cluster = file.entry("clusters", "cluster", cluster_name)
    user_name = context.text("user")
    user = file.entry("users", "user", user_name) if user_name else _Entry(path, "user", {})
    for key, what in _UNSUPPORTED_OF_USER.items():
        if user.fields.get(key):
            raise NotConfigured(
                f"{user.where} signs in by {what} ({key}), which is not supported: {_INSTEAD}"
            )
    if cluster.text("proxy-url"):
        raise NotConfigured(f"{cluster.where} has a proxy-url, which is not supported")
    server = _server(cluster)
    token = _token(user)
    if server.startswith("http://"):
        if token is not None:
            raise NotConfigured(f"{cluster.where}: a token may only be sent to an https server")
        return Connection(server, ssl_context=None)
    return Connection(
        base_url=server,
        ssl_context=_ssl_context(cluster, user),
        token=token,
        server_name=cluster.text("tls-server-name") or None,
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    """One named cluster, user or context, read with words for whoever wrote it."""

    path: Path
    where: str
    fields: dict[str, Any] = field(repr=False)

    def text(self, key: str) -> str:
        value = self.fields.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise NotConfigured(f"{self.where}: {key} must be text")
        return value

    def flag(self, key: str) -> bool:
        value = self.fields.get(key, False)
        if not isinstance(value, bool):
            raise NotConfigured(f"{self.where}: {key} must be true or false")
        return value

    def file(self, key: str) -> Path | None:
        """Return the path under this key; a relative one starts at the kubeconfig's folder."""
        value = self.text(key)
        return self.path.parent / value if value else None

    def pem(self, key: str) -> str:
        """Return PEM text: base64 under `KEY-data`, which wins, or in the file that `KEY` names."""
        data = self.text(f"{key}-data")
        if data:
            try:
                return base64.b64decode(data, validate=True).decode("ascii")
            except (binascii.Error, UnicodeDecodeError, ValueError) as error:
                raise NotConfigured(f"{self.where}: {key}-data is not base64 of PEM") from error
        path = self.file(key)
        return read_text(path, f"{self.where}: the {key}") if path else ""


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    content: dict[str, Any] = field(repr=False)

    def current_context(self) -> str:
        name = self.content.get("current-context")
        if not isinstance(name, str) or not name:
            raise NotConfigured(
                f"{self.path} has no current-context: choose one with"
                " kubectl config use-context NAME"
            )
        return name

    def entry(self, section: str, kind: str, name: str) -> _Entry:
        entries = self.content.get(section)
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict) and entry.get("name") == name:
                fields = entry.get(kind)
                where = f"{self.path}: {kind} {name!r}"
                return _Entry(self.path, where, fields if isinstance(fields, dict) else {})
        raise NotConfigured(f"{self.path} has no {kind} named {name!r}")


def _parse(path: Path) -> dict[str, Any]:
    import yaml  # noqa: PLC0415  a webhook in a cluster never needs it, and it costs 2 MiB

    text = read_text(path, "the kubeconfig")
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        # Not the parser's words: they quote the file, which holds credentials.
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark is not None else ""
        raise NotConfigured(f"the kubeconfig {path} is not YAML{line}") from None
    if not isinstance(content, dict):
        raise NotConfigured(f"the kubeconfig {path} is empty or not a mapping")
    return content


def _server(cluster: _Entry) -> str:
    server = cluster.text("server").rstrip("/")
    wrong = NotConfigured(f"{cluster.where}: server must be like https://HOST:PORT")
    try:
        url = httpx.URL(server)
    except httpx.InvalidURL:
        raise wrong from None
    port_is_possible = url.port is None or 0 < url.port < 65536
    if url.scheme not in {"http", "https"} or not url.host or not port_is_possible or url.query:
        raise wrong
    if url.userinfo:
        raise NotConfigured(f"{cluster.where}: server must not hold a user name or password")
    return server


def _token(user: _Entry) -> TokenSource | None:
    path = user.file("tokenFile")
    if path is not None:
        return TokenFile(path)
    token = user.text("token")
    return StaticToken(token) if token else None


def _ssl_context(cluster: _Entry, user: _Entry) -> ssl.SSLContext:
    ca = cluster.pem("certificate-authority")
    if cluster.flag("insecure-skip-tls-verify"):
        if ca:
            raise NotConfigured(
                f"{cluster.where}: certificate-authority and insecure-skip-tls-verify"
                " exclude each other"
            )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = trusting(ca or None)
    certificate, key = user.pem("client-certificate"), user.pem("client-key")
    if bool(certificate) != bool(key):
        missing = "client-key" if certificate else "client-certificate"
        raise NotConfigured(f"{user.where}: {missing} is missing")
    if certificate:
        _load_client_certificate(context, certificate, key, user.where)
    return context


def _load_client_certificate(
    context: ssl.SSLContext, certificate: str, key: str, where: str
) -> None:
    """Load a certificate and its key from memory: `ssl` takes paths only, disks keep what they get.

    The path is that of a memfd, an unnamed file in memory, which ends with its descriptor (Linux).
    """
    descriptor = os.memfd_create("client-certificate")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(f"{key}\n{certificate}\n".encode("ascii"))
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=_no_password)
    except (ssl.SSLError, UnicodeEncodeError, _EncryptedKey) as error:
        why = "is encrypted" if isinstance(error, _EncryptedKey) else "is not a PEM pair"
        raise NotConfigured(f"{where}: the client-certificate with its client-key {why}") from None
    finally:
        os.close(descriptor)


class _EncryptedKey(Exception):  # noqa: N818  never seen outside of this module
    """OpenSSL asks for a password; without this it would ask on the terminal."""


def _no_password() -> str:
    raise _EncryptedKey
