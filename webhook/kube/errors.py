"""What can go wrong between us and the API server, told apart by what a caller can do about it.

    KubeError
    ├── NotConfigured         there is no way to the API server: a person has to set it up
    ├── Unreachable           no whole answer came: wait and ask again
    ├── Unauthorized          the server does not know us: the credential is wrong or has run out
    ├── Forbidden             it knows us and refuses; `rule` is what an admin would have to grant
    ├── NotFound
    ├── Conflict              somebody else was faster: read again, then decide
    │   └── AlreadyExists
    ├── Gone                  a resource version or page that the server no longer has: list anew
    ├── Invalid               the request is bad and stays so
    ├── TooManyRequests       wait `retry_after` seconds
    └── ServerError           the server failed, or its answer can't be understood: ask again

Answers and transport failures become one of these here and nowhere else.
Source: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/
api-conventions.md#response-status-kind
"""

# ruff: noqa: N818  "Gone" and "NotFound" say all that "GoneError" would

import ssl
from collections.abc import Mapping
from typing import Any, Final

import httpx
import orjson

from webhook.kube.places import Place

_LONGEST_MESSAGE = 400
_LONGEST_WAIT = 3600.0


class KubeError(Exception):
    """Every error of this package. Its text is one line for people and never holds a credential."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        reason: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(_one_line(message))
        self.status = status
        """The answer's HTTP status (or the code of a watch's ERROR event); None without one."""
        self.reason = reason
        """The Status object's machine-readable reason, `AlreadyExists` say; may be empty."""
        self.retry_after = retry_after
        """Seconds that the server asks us to wait; None if it says nothing."""


class NotConfigured(KubeError):
    """There is no usable way to an API server; the text says what is missing and what to do."""


class Unreachable(KubeError):
    """No whole answer came: refused, cut off, too late, or TLS that failed."""

    def __init__(self, message: str, *, broken: bool = False) -> None:
        super().__init__(message)
        self.broken = broken
        """A connection that was there broke; a fresh one may well work at once."""


class Unauthorized(KubeError):
    """The API server does not accept our credential."""


class Forbidden(KubeError):
    """The API server refuses this to us."""

    def __init__(self, message: str, *, rule: str, reason: str = "") -> None:
        super().__init__(f"{message}; it takes the rule {rule}", status=403, reason=reason)
        self.rule = rule
        """The RBAC rule that would grant it, and which kind of role can hold it."""


class NotFound(KubeError):
    """There is no such object."""


class Conflict(KubeError):
    """The object is no longer as the request supposes."""


class AlreadyExists(Conflict):
    """An object of this name is there already."""


class Gone(KubeError):
    """The resource version or continue token has expired."""


class Invalid(KubeError):
    """The request itself is wrong."""


class TooManyRequests(KubeError):
    """The API server, or a disruption budget in it, asks for patience."""


class ServerError(KubeError):
    """The API server failed, or what answers there is not an API server."""


def error_from_transport(error: Exception, server: str) -> KubeError:
    """Translate what httpx raises when no whole answer comes.

    The text of a protocol error is left out: it may quote a header, and so a credential.
    """
    match error:
        case httpx.TimeoutException() | TimeoutError():
            return Unreachable(f"{server} {_what_was_late(error)}")
        case httpx.ConnectError():
            return Unreachable(_why_not_connected(_cause(error), server))
        case httpx.LocalProtocolError() | httpx.UnsupportedProtocol():
            return Invalid(f"the request to {server} breaks the protocol")
        case httpx.TransportError() | OSError():
            return Unreachable(f"the connection to {server} broke", broken=True)
        case _:  # it can't be decoded, or is a redirect without end
            return ServerError(f"the answer of {server} makes no sense; is it an API server?")


def _what_was_late(error: Exception) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        return "did not take the connection in time"
    if isinstance(error, httpx.PoolTimeout):
        return "is asked too much at once: no connection became free in time"
    return "did not answer in time"


def _why_not_connected(cause: BaseException, server: str) -> str:
    if isinstance(cause, ssl.SSLError):
        return f"TLS with {server} failed: {_words(cause)}"
    return f"{server} can't be reached: {_words(cause)}"


def error_from_answer(
    status: int, body: bytes, headers: Mapping[str, str], place: Place, verb: str
) -> KubeError:
    """Translate an answer that is not a success."""
    parsed = _status_object(body)
    wait = _seconds(headers.get("retry-after"))
    return error_from_status(parsed, place, verb, code=status, retry_after=wait)


def error_from_status(
    status: Mapping[str, Any],
    place: Place,
    verb: str,
    *,
    code: int | None = None,
    retry_after: float | None = None,
) -> KubeError:
    """Translate a Status object: the body of an answer, or a watch's ERROR event."""
    if code is None:
        found = status.get("code")
        code = found if isinstance(found, int) else 500
    reason = _text(status.get("reason"))
    if retry_after is None:
        retry_after = _seconds(_details(status).get("retryAfterSeconds"))
    told = _text(status.get("message")) or f"status {code} without a message"
    message = f"{verb} {place.path}: {told}"
    if code == 403:
        return Forbidden(message, rule=place.rule(verb), reason=reason)
    kind = _kind_of(code, reason)
    return kind(message, status=code, reason=reason, retry_after=retry_after)


def not_understood(place: Place, verb: str, what: str) -> ServerError:
    """Return the error for an answer that came whole and makes no sense."""
    return ServerError(f"{verb} {place.path}: {what}; is it an API server?")


_KINDS: Final[Mapping[int, type[KubeError]]] = {
    401: Unauthorized,
    404: NotFound,
    409: Conflict,
    410: Gone,
    429: TooManyRequests,
    408: ServerError,  # the server gave up waiting: as passing as a 504
}


def _kind_of(code: int, reason: str) -> type[KubeError]:
    if code == 409 and reason == "AlreadyExists":
        return AlreadyExists
    if reason in {"Expired", "Gone"}:
        return Gone
    return _KINDS.get(code) or (Invalid if 400 <= code < 500 else ServerError)


def _status_object(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = None
    if isinstance(parsed, dict) and parsed.get("kind") == "Status":
        return parsed
    return {"message": body[:200].decode("utf-8", "replace")}


def _details(status: Mapping[str, Any]) -> Mapping[str, Any]:
    details = status.get("details")
    return details if isinstance(details, dict) else {}


def _seconds(value: object) -> float | None:
    """Read a number of seconds; the date form of Retry-After is never sent by an API server."""
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return min(seconds, _LONGEST_WAIT) if seconds >= 0 else None


def _cause(error: BaseException) -> BaseException:
    """Return the OSError or SSLError at the bottom of a transport error, else the error itself."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError):
            return below
        below = below.__cause__ or below.__context__
    return error


def _words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message or "the certificate is not trusted"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _one_line(message: str) -> str:
    line = " ".join(message.split())
    line = "".join(char if char.isprintable() else "?" for char in line)
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "~"
