"""Answers of the token endpoint and of IMDS, as far as they are fit to be given to msal."""

import asyncio
import json
import math
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote_plus

from entra.aadsts import TokenAnswer, error_from_answer, trace_of
from entra.errors import Trace, Unavailable
from entra.http import Answer, Request, origin
from entra.tokens import AccessToken

_HIDDEN: Final = b"(hidden)"
_SHORTEST_SECRET: Final = 8
"""Characters; what is shorter is no secret, and would be found in any answer."""
_LARGEST: Final = 1024 * 1024
"""Bytes. A token is a few thousand, a discovery document as much."""
_SENDABLE: Final = re.compile(r"[!-~]+")
_KEPT_SECONDS: Final = 3600.0
_MOST_KEPT: Final = 100


@dataclass(frozen=True, slots=True)
class MsalResponse:
    """An answer in the shape that msal expects of its HTTP client (`msal.oauth2cli.http`)."""

    answer: TokenAnswer
    text: str = field(repr=False)

    @property
    def status_code(self) -> int:
        """The HTTP status."""
        return self.answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case."""
        return self.answer.headers

    def raise_for_status(self) -> None:
        """Do nothing: what msal would raise for has been raised already."""


def read_answer(
    answer: Answer, request: Request, trace: Trace, secrets: Iterable[str] = ()
) -> MsalResponse:
    """Read an answer; raises the error of one that passes by itself, or is not Entra ID's.

    A refusal is an answer too. Secrets that were sent are taken out of it, should it repeat them:
    msal logs what it does not understand. What `trace` knows of the call fills in what the answer
    does not say.
    """
    server = origin(request.url)
    content = _without(secrets, answer.content)
    body = Answer(answer.status, answer.headers, content).json()
    if 300 <= answer.status < 400:
        why = "answers with a redirect, which is not followed"
    elif len(content) > _LARGEST:
        why = "answers with more than any token takes"
    elif body is None:
        why = "failed" if answer.status >= 500 else "answers with something else than a JSON object"
    else:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        headers.setdefault("client-request-id", trace.correlation_id)
        told = TokenAnswer(answer.status, headers, body, answer.retry_after, trace.service)
        if answer.status >= 500 or answer.status == 429:
            raise error_from_answer(told)
        return MsalResponse(told, json.dumps(body))
    hint = "IMDS? Check its address" if trace.service == "imds" else "Entra ID? Check the authority"
    raise Unavailable(
        f"{server} {why}; is it {hint}",
        trace=replace(trace, status=answer.status),
        retry_after=answer.retry_after,
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call of msal came to."""

    result: Mapping[str, Any] = field(repr=False)
    """What msal returned; a token stands in it."""
    answer: TokenAnswer
    """The last answer that came."""

    @property
    def refused(self) -> bool:
        """Tell whether the service gave a reason instead of a token."""
        if self.answer.status >= 400:
            return True
        return "access_token" not in self.result and "error" in self.result

    def grant(self, now: float) -> "Grant":
        """Return the token; raises `Unavailable` if none can be made out.

        `now` is when it was asked for, in seconds since the epoch: a token ends rather early here
        than late.
        """
        value = self.result.get("access_token")
        lifetime = _seconds(self.result.get("expires_in"))
        trace = trace_of(self.answer)
        if not isinstance(value, str) or not _SENDABLE.fullmatch(value) or lifetime is None:
            raise Unavailable("the answer holds no token that can be used", trace=trace)
        return Grant(
            AccessToken(value, now + lifetime),
            lifetime,
            _seconds(self.answer.body.get("refresh_in")),
            trace,
        )


@dataclass(frozen=True, slots=True)
class Grant:
    """A token that was given, and what was said with it."""

    token: AccessToken
    lifetime: float
    """Seconds from when it was asked for."""
    refresh_in: float | None
    """Seconds after which Entra ID would like it to be renewed, if it says so."""
    trace: Trace


class Discoveries:
    """Discovery documents, each asked for once an hour however many need it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._documents: OrderedDict[str, _Document] = OrderedDict()

    async def get(self, url: str, fetch: Callable[[], Awaitable[MsalResponse]]) -> MsalResponse:
        """Return the document of that address; only one that leads to a token endpoint is kept."""
        document = self._documents.setdefault(url, _Document())
        self._documents.move_to_end(url)
        if len(self._documents) > _MOST_KEPT:
            self._documents.popitem(last=False)
        async with document.lock:
            if document.response is None or document.until <= self._clock():
                document.response = await fetch()
                document.until = self._clock() + _KEPT_SECONDS
            return document.response


@dataclass(slots=True)
class _Document:
    response: MsalResponse | None = None
    until: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


def discovered(response: MsalResponse, request: Request) -> MsalResponse:
    """Return a discovery document that msal can use; raises what the answer is instead."""
    answer = response.answer
    if answer.status != 200:
        raise error_from_answer(answer)
    for name in ("token_endpoint", "authorization_endpoint"):
        endpoint = answer.body.get(name)
        if not isinstance(endpoint, str) or not endpoint.startswith("https://"):
            raise Unavailable(
                f"the discovery document at {request.url} has no {name} with https;"
                " check the authority host"
            )
    return response


def _without(secrets: Iterable[str], content: bytes) -> bytes:
    """Hide secrets in an answer, as they stand or as JSON and forms write them."""
    for secret in (secret for secret in secrets if len(secret) >= _SHORTEST_SECRET):
        for written in (secret, json.dumps(secret)[1:-1], quote_plus(secret)):
            content = content.replace(written.encode(), _HIDDEN)
    return content


def _seconds(value: object) -> float | None:
    """Read a number of seconds, which IMDS writes as text; None if it is none."""
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return seconds if 0 < seconds < math.inf else None
