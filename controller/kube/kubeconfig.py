"""Reading a kubeconfig: the current context, its cluster and its user.

Source: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

import base64
import binascii
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from controller.kube.errors import NotConfigured
from controller.kube.tls import read_text, trusting, trusting_anybody, with_certificate
from controller.kube.tokens import StaticToken, TokenFile, TokenSource
from controller.kube.ways import Connection

_UNSUPPORTED_OF_USER: Final = {
    "exec": "an exec plugin",
    "auth-provider": "an auth provider",
    "username": "a user name and password",
    "as": "impersonation",
    "as-groups": "impersonation",
    "as-uid": "impersonation",
}
_INSTEAD: Final = (
    "use a kubeconfig with a client certificate or a token"
    " (kubectl create token makes one for a ServiceAccount)"
)


def from_kubeconfig(path: Path) -> Connection:
    """Connect as the kubeconfig's current context says. Raises `NotConfigured`."""
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
    server, token = _server(cluster), _token(user)
    if server.startswith("http://"):
        if token is not None:
            raise NotConfigured(f"{cluster.where}: a token may only be sent to an https server")
        return Connection(server, ssl_context=None)
    server_name = cluster.text("tls-server-name") or None
    return Connection(server, _ssl_context(cluster, user, server_name), token, server_name)


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
            except (binascii.Error, ValueError):
                raise NotConfigured(f"{self.where}: {key}-data is not base64 of PEM") from None
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
        url = urlsplit(server)
        port = url.port
    except ValueError:
        raise wrong from None
    if url.scheme not in {"http", "https"} or not url.hostname or port == 0:
        raise wrong
    if url.query or url.fragment:
        raise wrong
    if url.username is not None or url.password is not None:
        raise NotConfigured(f"{cluster.where}: server must not hold a user name or password")
    return server


def _token(user: _Entry) -> TokenSource | None:
    path = user.file("tokenFile")
    if path is not None:
        return TokenFile(path)
    token = user.text("token")
    return StaticToken(token) if token else None


def _ssl_context(cluster: _Entry, user: _Entry, server_name: str | None) -> ssl.SSLContext:
    ca = cluster.pem("certificate-authority")
    if not cluster.flag("insecure-skip-tls-verify"):
        context = trusting(ca or None, server_name)
    elif ca:
        raise NotConfigured(
            f"{cluster.where}: certificate-authority and insecure-skip-tls-verify"
            " exclude each other"
        )
    else:
        context = trusting_anybody(server_name)
    certificate, key = user.pem("client-certificate"), user.pem("client-key")
    if bool(certificate) != bool(key):
        missing = "client-key" if certificate else "client-certificate"
        raise NotConfigured(f"{user.where}: {missing} is missing")
    return with_certificate(context, certificate, key, user.where) if certificate else context
