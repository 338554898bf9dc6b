"""A refusal, and how each service words it.

Sources: https://learn.microsoft.com/graph/errors,
https://github.com/cloud-and-ai-microsoft/resource-provider-contract (ARM's error body),
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#error-response,
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from identity.faults import Fault

ERROR_PAGE: Final = "https://login.microsoftonline.com/error?code="


class Surface(Enum):
    """One of the services that the emulator stands for."""

    TOKEN = "token"
    GRAPH = "graph"
    ARM = "arm"
    IMDS = "imds"
    ADMIN = "admin"

    @staticmethod
    def of(path: str) -> "Surface":
        """Tell whose a path is, known or not, so that every refusal has the right shape."""
        if path in _OWN:
            return Surface.ADMIN
        first = path.lower().split("/", 2)[1] if path.startswith("/") else ""
        return _BY_FIRST_SEGMENT.get(first, Surface.TOKEN)


_BY_FIRST_SEGMENT: Final = {
    "v1.0": Surface.GRAPH,
    "beta": Surface.GRAPH,
    "subscriptions": Surface.ARM,
    "providers": Surface.ARM,
    "_admin": Surface.ADMIN,
    "metadata": Surface.IMDS,
}
_OWN: Final = frozenset({"/", "/healthz"})


class Refusal(Exception):  # noqa: N818 - it is an answer, not a failure of ours
    """An answer that says no. `code` and `message` are the service's own."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    @property
    def known_as(self) -> str:
        """What it is looked up by: the code, or the AADSTS number of the token endpoint."""
        return self.code


class AdminRefusal(Refusal):
    """One of the admin API: `faults` are all that is wrong with what was sent, by its paths."""

    def __init__(self, status: int, code: str, message: str, faults: Iterable[Fault] = ()) -> None:
        super().__init__(status, code, message)
        self.faults = tuple(faults)


class TokenRefusal(Refusal):
    """One of the token endpoint: `code` is the OAuth error, `aadsts` the number behind it."""

    def __init__(self, status: int, error: str, aadsts: int, message: str) -> None:
        super().__init__(status, error, message)
        self.aadsts = aadsts

    @property
    def known_as(self) -> str:
        """The number, as people search for it."""
        return f"AADSTS{self.aadsts}"


def retry_after(seconds: float) -> dict[str, str]:
    """Return the header that asks for patience; whole seconds are all that SDKs read."""
    return {"Retry-After": str(math.ceil(seconds))}


@dataclass(frozen=True, slots=True)
class Ids:
    """What a request is known by on both sides."""

    request: str
    client: str
    """As the caller sent it, else the same as `request`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A refusal in a service's own words."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


def worded(surface: Surface, refusal: Refusal, ids: Ids, now: float) -> Answer:
    """Put a refusal into the shape that callers of a service expect."""
    body = _BODIES[surface](refusal, ids, datetime.fromtimestamp(now, UTC))
    return Answer(refusal.status, body, refusal.headers)


def _graph(refusal: Refusal, ids: Ids, now: datetime) -> dict[str, Any]:
    inner = {
        "date": now.strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": ids.request,
        "client-request-id": ids.client,
    }
    return {"error": {"code": refusal.code, "message": refusal.message, "innerError": inner}}


def _arm(refusal: Refusal, _: Ids, __: datetime) -> dict[str, Any]:
    return {"error": {"code": refusal.code, "message": refusal.message}}


def _token(refusal: Refusal, ids: Ids, now: datetime) -> dict[str, Any]:
    stamp = now.strftime("%Y-%m-%d %H:%M:%SZ")
    number = refusal.aadsts if isinstance(refusal, TokenRefusal) else None
    prefix = "" if number is None else f"AADSTS{number}: "
    description = (
        f"{prefix}{refusal.message} Trace ID: {ids.request} Correlation ID: {ids.client}"
        f" Timestamp: {stamp}"
    )
    body: dict[str, Any] = {
        "error": refusal.code,
        "error_description": description,
        "error_codes": [] if number is None else [number],
        "timestamp": stamp,
        "trace_id": ids.request,
        "correlation_id": ids.client,
    }
    return body if number is None else body | {"error_uri": f"{ERROR_PAGE}{number}"}


def _imds(refusal: Refusal, _: Ids, __: datetime) -> dict[str, Any]:
    return {"error": refusal.code, "error_description": refusal.message}


def _admin(refusal: Refusal, _: Ids, __: datetime) -> dict[str, Any]:
    faults = refusal.faults if isinstance(refusal, AdminRefusal) else ()
    told = [{"where": fault.where, "message": str(fault)} for fault in faults]
    return {"error": {"code": refusal.code, "message": refusal.message, "faults": told}}


_BODIES: Final = {
    Surface.TOKEN: _token,
    Surface.GRAPH: _graph,
    Surface.ARM: _arm,
    Surface.IMDS: _imds,
    Surface.ADMIN: _admin,
}
