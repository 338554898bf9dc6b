"""What can go wrong between us and Entra ID, told apart by what a caller can do about it.

    EntraError
    ├── Transient                 nobody has to do anything: ask again
    │   ├── Unreachable           no whole answer came
    │   ├── Throttled             wait `retry_after` seconds, or as the policy says
    │   ├── Unavailable           the service failed, or its answer can't be understood
    │   ├── ConcurrentWrite       another writer is at this identity: after it
    │   └── NotPropagated         a write that is not known everywhere yet: up to 5 minutes
    ├── NotFound                  there is no such identity or credential
    ├── Conflict                  what is there contradicts what is asked for: read, then decide
    │   ├── NameTaken             the name belongs to another credential of the identity
    │   ├── PairTaken             issuer and subject do, under another name
    │   └── LimitReached          all slots of the identity are used
    └── Refused                   somebody has to change a setting; asking again changes nothing
        ├── Denied                we lack a right on the object
        ├── Unauthenticated       our own credential is not accepted, or can't be read
        ├── Misconfigured         tenant, application, issuer, audience or subject don't fit
        ├── Unsupported           the region or cloud can't do it
        └── Invalid               the request is wrong, and so are we (or whoever gave the value)

Answers of the vendor become one of these in `entra.mapping` (Graph, ARM) and `entra.aadsts` (the
token endpoint; `entra.token_answers` for what is no answer of it), failures of the transport in
`entra.http`, and nowhere else. Messages are one line for people, end with what to do, and never
hold a token, an assertion or a secret.
"""

# ruff: noqa: N818  "Throttled" and "NotFound" say all that "ThrottledError" would

from dataclasses import dataclass
from typing import Final, Self

from entra.model import FederatedCredential
from identity.faults import quoted

_LONGEST_MESSAGE: Final = 600


@dataclass(frozen=True, slots=True)
class Trace:
    """What the vendor's support asks for, and what tells one refusal from another."""

    service: str = ""
    """`graph`, `arm`, `token` or `imds`; empty where no service was asked."""
    status: int | None = None
    """HTTP status; None without a whole answer."""
    code: str = ""
    """The service's own code: `Request_ResourceNotFound`, `AADSTS700213`; may be empty."""
    request_id: str = ""
    """`request-id` (Graph), `x-ms-request-id` (ARM), `trace_id` (token endpoint)."""
    correlation_id: str = ""
    """`client-request-id`, `x-ms-correlation-request-id`, `correlation_id`."""

    def __str__(self) -> str:
        """Return the parts that are there, as they end a message."""
        parts = (
            f"{name} {value}"
            for name, value in (
                ("status", self.status),
                ("code", self.code),
                ("request id", self.request_id),
                ("correlation id", self.correlation_id),
            )
            if value
        )
        return ", ".join(parts)


NO_TRACE: Final = Trace()


class EntraError(Exception):
    """Every error of this package."""

    advice = ""
    """What to do about it, where the message that it is made with does not say so itself."""

    def __init__(
        self,
        message: str,
        *,
        trace: Trace = NO_TRACE,
        retry_after: float | None = None,
        advice: str | None = None,
    ) -> None:
        if advice is not None:
            self.advice = advice
        self.message = one_line(message)
        """What happened, without the advice and the trace."""
        self.trace = trace
        self.retry_after = retry_after
        """Seconds that the service asks us to wait; None if it says nothing."""
        text = self.message
        if self.advice and self.advice not in text:
            text = f"{text}; {self.advice}"
        super().__init__(f"{text} ({trace})" if str(trace) else text)


class Transient(EntraError):
    """It may work the next time; nothing is to be changed."""

    advice = "it is asked again"


class Unreachable(Transient):
    """No whole answer came: refused, cut off, too late, or TLS that failed."""

    advice = "check the network and the CA if this lasts; it is asked again"


class Throttled(Transient):
    """Too many requests; `retry_after` says how long to wait, if the service does."""

    advice = "it is asked again when the service allows it"


class Unavailable(Transient):
    """The service failed, or what answers there is not the service."""


class ConcurrentWrite(Transient):
    """Another write to the credentials of the same identity is under way."""

    advice = "one writer at a time is allowed for each identity; it is asked again"


class NotPropagated(Transient):
    """A credential that was written a moment ago is not known everywhere yet."""

    advice = "a new credential takes up to 5 minutes to be known everywhere"


class NotFound(EntraError):
    """There is no such identity or credential in this tenant or subscription."""

    advice = "check the client id or resource id, and that it belongs to this tenant"


class Conflict(EntraError):
    """What is there contradicts what is asked for."""

    advice = "read what is there, then decide"
    holder: FederatedCredential | None = None
    """The credential that is in the way; None if it was not seen (yet)."""

    def held_by(self, holder: FederatedCredential) -> Self:
        """Return the same error with the credential that a second look found in the way."""
        error = type(self)(
            f"{self.message}; it is held by the credential {quoted(holder.name)}",
            trace=self.trace,
            retry_after=self.retry_after,
            advice=self.advice,
        )
        error.holder = holder
        return error


class NameTaken(Conflict):
    """A credential of this name is there, and it is another one."""

    advice = "give the credential another name, or remove the one that is there"


class PairTaken(Conflict):
    """The identity has a credential for this issuer and subject, under another name."""

    advice = "adopt the credential that is there, or remove it"


class LimitReached(Conflict):
    """The identity has as many credentials as it may have."""

    advice = "remove credentials that nobody uses, or use another identity"


class Refused(EntraError):
    """Asking again changes nothing before somebody changes a setting."""

    advice = "an administrator has to change this"


class Denied(Refused):
    """We are known, and lack a right."""

    advice = (
        "grant Application.ReadWrite.OwnedBy and ownership (applications), or"
        " Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/*"
        " (managed identities)"
    )


class Unauthenticated(Refused):
    """Our own credential is not accepted, has expired, or can't be read."""

    advice = "check how this program signs in"


class Misconfigured(Refused):
    """Tenant, application, issuer, audience or subject don't fit together."""


class Unsupported(Refused):
    """The region, cloud or kind of identity can't do this."""

    advice = "use another region, or an application instead of a managed identity"


class Invalid(Refused):
    """The request itself is wrong and stays so."""

    advice = "correct the value; if it is none of yours, report this as a bug"


def one_line(text: str) -> str:
    """Return a text fit for a log line and a condition: one line, printable, of bounded length."""
    line = " ".join(text.split())
    line = "".join(char if char.isprintable() else "?" for char in line)
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "~"
