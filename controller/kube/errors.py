"""What can go wrong between us and the API server, told apart by what a caller can do about it.

    KubeError
    ├── Transient             nobody has to do anything: ask again
    │   ├── Unreachable       no whole answer came; a write may have been done or not
    │   ├── Unavailable       the server failed or asks for patience (`retry_after`), or what came
    │   │                     makes no sense
    │   └── NotServed         the kind of object is not served (now): never an absence of the object
    ├── NotFound              there is no such object (or no such namespace to make it in)
    ├── AlreadyExists         an object of this name is there
    ├── Changed               the object is no longer as the request supposes: read, then decide
    ├── Expired               the rest of a list is gone: list anew
    ├── Forbidden             RBAC or an admission policy refuses
    │   └── Terminating       the namespace is going: nothing can be made in it
    ├── Unauthenticated       the server does not know us
    ├── Invalid               the request is bad and stays so
    └── NotConfigured         there is no way to the API server: a person has to set it up

Answers become one of these here, failures of the transport in `controller.kube.client`, and nowhere
else.
Source: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/
api-conventions.md#response-status-kind
"""

# ruff: noqa: N818  "Changed" and "NotFound" say all that "ChangedError" would

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

_LONGEST_MESSAGE: Final = 600
_LONGEST_WAIT: Final = 3600.0


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
        super().__init__(one_line(message))
        self.status = status
        """The answer's HTTP status; None without an answer."""
        self.reason = reason
        """The Status object's machine-readable reason, `AlreadyExists` say; may be empty."""
        self.retry_after = retry_after
        """Seconds that the server asks us to wait; None if it says nothing."""


class Transient(KubeError):
    """It may work the next time; nothing is to be changed."""


class Unreachable(Transient):
    """No whole answer came: refused, cut off, too late, or TLS that failed."""


class Unavailable(Transient):
    """The API server failed or is busy, or what answers there is not an API server."""


class NotServed(Transient):
    """The API server answers 404 for the kind, not for the object: without the CRD, say."""


class NotFound(KubeError):
    """There is no such object."""


class AlreadyExists(KubeError):
    """An object of this name is there already."""


class Changed(KubeError):
    """The object is no longer as the request supposes (resource version, uid), or is going."""


class Expired(KubeError):
    """The continue token has expired: what was read so far is not all, list anew."""


class Forbidden(KubeError):
    """The API server knows us, and refuses."""


class Terminating(Forbidden):
    """The namespace is being deleted, and takes no new objects."""


class Unauthenticated(KubeError):
    """The API server does not accept our credential."""


class Invalid(KubeError):
    """The request itself is wrong."""


class NotConfigured(KubeError):
    """There is no usable way to an API server; the text says what is missing and what to do."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is not a success."""

    asked: str
    """Method and path, for people: `GET /api/v1/namespaces/a/serviceaccounts/b`."""
    status: int
    retry_after: str | None
    """The header, as it came."""
    body: bytes


def error_from(answer: Answer) -> KubeError:
    """Translate an answer that is not a success."""
    told = _status_object(answer.body)
    status, reason = answer.status, _text(told.get("reason"))
    wait = _seconds(answer.retry_after)
    if wait is None:
        wait = _seconds(_mapping(told.get("details")).get("retryAfterSeconds"))
    why = _text(told.get("message")) or "no message"
    said = f"status {status} {reason}".rstrip()
    return _kind_of(status, reason, told)(
        f"{answer.asked}: {said}: {why}", status=status, reason=reason, retry_after=wait
    )


_KINDS: Final[Mapping[int, type[KubeError]]] = {
    401: Unauthenticated,
    403: Forbidden,
    408: Unavailable,  # the server gave up waiting: as passing as a 504
    409: Changed,
    410: Expired,
    429: Unavailable,
}


def _kind_of(status: int, reason: str, told: Mapping[str, Any]) -> type[KubeError]:
    details = _mapping(told.get("details"))
    if status == 404:
        # Without the object's name it is the kind (or the whole group) that is not there.
        return NotFound if reason == "NotFound" and details.get("name") else NotServed
    if status == 409 and reason == "AlreadyExists":
        return AlreadyExists
    if status == 403 and _is_terminating(details):
        return Terminating
    if 400 <= status < 500:
        return Expired if reason in {"Expired", "Gone"} else _KINDS.get(status, Invalid)
    return Unavailable


def _is_terminating(details: Mapping[str, Any]) -> bool:
    """Tell whether the refusal is the namespace lifecycle's.

    Source: k8s.io/api/core/v1 NamespaceTerminatingCause
    """
    causes = details.get("causes")
    return any(
        isinstance(cause, dict) and cause.get("reason") == "NamespaceTerminating"
        for cause in (causes if isinstance(causes, list) else [])
    )


def _status_object(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = None
    if isinstance(parsed, dict) and parsed.get("kind") == "Status":
        return parsed
    return {"message": body[:200].decode("utf-8", "replace")}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _seconds(value: object) -> float | None:
    """Read a number of seconds; the date form of Retry-After is never sent by an API server."""
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return min(seconds, _LONGEST_WAIT) if seconds >= 0 else None


def one_line(text: str) -> str:
    """Return a text fit for a log line and a condition: one line, printable, of bounded length."""
    line = " ".join(text.split())
    line = "".join(char if char.isprintable() else "?" for char in line)
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "~"
