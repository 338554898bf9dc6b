"""What Entra ID's token endpoint says when it refuses, read and made into an error. Pure.

The code comes from `error_codes`, and where that is missing from the description's prefix. Codes
change over time and Entra asks clients to react to `error`, so that is what a code is read by that
`entra.aadsts_codes` lacks.
Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from entra.aadsts_codes import MEANINGS, Class, Meaning
from entra.errors import (
    EntraError,
    Invalid,
    Misconfigured,
    NotPropagated,
    Throttled,
    Trace,
    Unavailable,
)

_LONGEST_DESCRIPTION: Final = 250
_CODE: Final = re.compile(r"AADSTS(\d+)")
_TOKEN: Final = re.compile(r"eyJ[\w.=+/-]+")
"""A JWT, or any part of one that begins with its header or its claims (`{"` in base64)."""
_FOLLOWED_BY_IDS: Final = re.compile(r"\s*Trace ID:.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """An answer of the token endpoint or of IMDS: a JSON object, whole."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    body: Mapping[str, Any] = field(repr=False)
    """May hold a token."""
    retry_after: float | None = None
    """Seconds that the service asks us to wait."""
    service: str = "token"
    """`token` or `imds`."""


_BY_OAUTH_ERROR: Final[Mapping[str, type[EntraError]]] = {
    "temporarily_unavailable": Unavailable,
    "server_error": Unavailable,
    "invalid_client": Misconfigured,
    "unauthorized_client": Misconfigured,
    "invalid_resource": Misconfigured,
    "access_denied": Misconfigured,
    "interaction_required": Misconfigured,
    "invalid_tenant": Misconfigured,
}
"""For codes that the table lacks. Source: RFC 6749 section 5.2, and the page above."""


def error_from_answer(answer: TokenAnswer, *, written_lately: bool = False) -> EntraError:
    """Turn a refusal into the error to raise.

    `written_lately` says that a credential of the identity was written within the last 5 minutes:
    then what may be a matter of propagation becomes NotPropagated, else Misconfigured.
    """
    code = code_of(answer)
    meaning = MEANINGS.get(code) if code else None
    error = _kind(answer, meaning)
    if written_lately and meaning is not None and meaning.group is Class.PROPAGATING:
        error = NotPropagated
    return error(_message(answer, meaning), trace=trace_of(answer), retry_after=answer.retry_after)


def code_of(answer: TokenAnswer) -> int | None:
    """Return the number of the answer's AADSTS code, the first one that the table knows if any."""
    listed = answer.body.get("error_codes")
    found = [code for code in listed if type(code) is int] if isinstance(listed, list) else []
    if not found:
        found = [int(code) for code in _CODE.findall(_text(answer, "error_description"))]
    known = [code for code in found if code in MEANINGS]
    return next(iter(known or found), None)


def trace_of(answer: TokenAnswer) -> Trace:
    """Return what the vendor's support asks for."""
    code = code_of(answer)
    return Trace(
        service=answer.service,
        status=answer.status,
        code=f"AADSTS{code}" if code else _text(answer, "error"),
        request_id=_text(answer, "trace_id") or answer.headers.get("x-ms-request-id", ""),
        correlation_id=_text(answer, "correlation_id")
        or answer.headers.get("client-request-id", ""),
    )


def cleaned(description: str) -> str:
    """Return a description fit to be shown: no tokens, no ids that stand elsewhere, not too long.

    What it quotes of the assertion (issuer, subject) stays: that is what people look for.
    """
    text = _FOLLOWED_BY_IDS.sub("", description)
    text = _TOKEN.sub("(token)", " ".join(text.split()))
    if len(text) > _LONGEST_DESCRIPTION:
        text = text[: _LONGEST_DESCRIPTION - 1] + "~"
    return text


def _kind(answer: TokenAnswer, meaning: Meaning | None) -> type[EntraError]:
    if meaning is not None and meaning.group is Class.TRANSIENT:
        return meaning.error
    if answer.status == 429:
        return Throttled
    if answer.status >= 500 or answer.status == 408:
        return Unavailable
    if meaning is not None:
        return meaning.error
    return _BY_OAUTH_ERROR.get(_text(answer, "error"), Invalid)


def _message(answer: TokenAnswer, meaning: Meaning | None) -> str:
    told = cleaned(_text(answer, "error_description"))
    if meaning is None:
        who = "IMDS" if answer.service == "imds" else "Entra ID"
        return f"{who} gives no token: {told or _text(answer, 'error') or 'no reason is given'}"
    words = f"{meaning.wrong}; {meaning.remedy}"
    return f"{words} (Entra ID says: {told})" if told else words


def _text(answer: TokenAnswer, name: str) -> str:
    value = answer.body.get(name)
    return value if isinstance(value, str) else ""
