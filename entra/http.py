"""HTTPS calls of Graph and Resource Manager: one call, one answer or one error of `entra.errors`.

Nothing here retries, signs in or knows what an answer means.
"""

import asyncio
import json
import math
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpx

from entra.errors import EntraError, Invalid, Trace, Unavailable, Unreachable
from identity.version import VERSION

AT_ONCE: Final = 24
"""Calls under way: with answers in 0.3 s that is 80 a second, and the published rates are 30.

To be no more than the transport has connections: httpcore goes through all connections, and all
calls that wait for one, whenever a call begins or ends. A few hundred that wait stop everything.
"""
USER_AGENT: Final = f"azwi/{VERSION}"
LARGEST_ANSWER: Final = 16 * 1024 * 1024
"""Bytes; a page of a thousand managed identities is less than one of the sixteen."""


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long one call may take, in seconds."""

    connect: float = 5.0
    total: float = 30.0
    """From the first byte sent to the last one read, connecting included."""

    @property
    def longest(self) -> float:
        """Seconds after which nothing more of a call is sent, and no answer to it is waited for.

        Counted from `entra.service.Means.before_write`: who writes under a Lease sees there that
        it lasts for so long. A service may finish later what it received within this time.
        """
        return self.total


@dataclass(frozen=True, slots=True)
class Request:
    """One call."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    """With the bearer token, so that they never appear anywhere."""
    body: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = field(default=None, repr=False)
    """Sent instead of a body; of the token endpoint, whose secrets it holds."""
    kind: str = ""
    """What it is counted as: `graph write`, as `entra.rates.Cost` has it, or `token grant`."""


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How one call ended; each try is one."""

    kind: str
    """As in its `Request`."""
    status: int | None
    """HTTP status; None without a whole answer."""
    error: str
    """Type of what ended it without an answer: `Unreachable`, `CancelledError`; else empty."""
    seconds: float
    """From the first byte sent to the last one read."""


Told = Callable[[CallEnd], None]
"""Hears of each call when it has ended. To be quick, and to raise nothing: it ends the call."""


def unheard(_: CallEnd) -> None:
    """Where nobody wants to hear of calls."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer that came whole."""

    status: int
    headers: httpx.Headers = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def succeeded(self) -> bool:
        """Tell whether the service did what it was asked."""
        return 200 <= self.status < 300

    @property
    def retry_after(self) -> float | None:
        """The seconds that the service asks us to wait; None if it says nothing."""
        return seconds_asked(self.headers.get("retry-after"), self.headers.get("date"))

    def json(self) -> dict[str, Any] | None:
        """Return the object in the body, an empty one for an empty body; None for anything else."""
        if not self.content.strip():
            return {}
        try:
            parsed = json.loads(self.content)
        except (ValueError, RecursionError):
            return None
        return parsed if isinstance(parsed, dict) else None


class Http:
    """Connections to the services, over a transport that the caller gives."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        limits: TimeLimits | None = None,
        told: Told = unheard,
    ) -> None:
        self._limits = limits or TimeLimits()
        self._told = told
        self.places = asyncio.Semaphore(AT_ONCE)
        """For callers that may be many: to be held for each call, and waited for before it."""
        self._client = httpx.AsyncClient(
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            timeout=httpx.Timeout(self._limits.total, connect=self._limits.connect),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    async def aclose(self) -> None:
        """Close the connections and the transport."""
        await self._client.aclose()

    async def send(self, request: Request, trace: Trace) -> Answer:
        """Send and read the whole answer, whatever its status.

        `trace` is what is known of the call already. Raises `Unreachable`, `Unavailable`,
        `Invalid`; their texts name the server, never a header or a body.
        """
        with _telling(request.kind, self._told) as end:
            answer = await self._send(request, trace)
            end.append(answer.status)
        return answer

    async def _send(self, request: Request, trace: Trace) -> Answer:
        try:
            async with asyncio.timeout(self._limits.total), self._stream(request) as response:
                content = await _read(response)
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL):
            # h11 quotes the header that it does not like: its text is not to be carried along.
            raise Invalid(f"the request to {origin(request.url)} is none", trace=trace) from None
        except (httpx.HTTPError, OSError, TimeoutError) as error:
            raise _failure(error, origin(request.url), trace) from error
        if content is None:
            raise Unavailable(f"the answer of {origin(request.url)} has no end", trace=trace)
        return Answer(response.status_code, response.headers, content)

    @asynccontextmanager
    async def _stream(self, request: Request) -> AsyncIterator[httpx.Response]:
        content = None
        headers = dict(request.headers)
        if request.body is not None:
            content = json.dumps(request.body).encode()
            headers["Content-Type"] = "application/json"
        async with self._client.stream(
            request.method, request.url, headers=headers, content=content, data=request.form
        ) as response:
            yield response


def origin(url: str) -> str:
    """Return scheme, host and port of a URL, the last only where it is not the scheme's own.

    Nothing for what is no URL, or has a user in it.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return ""
    if parsed.userinfo or not parsed.host:
        return ""
    return f"{parsed.scheme}://{parsed.netloc.decode('ascii')}"


def seconds_asked(value: str | None, now: str | None) -> float | None:
    """Read a Retry-After header: seconds, or a date, seen from the answer's own Date.

    Source: RFC 9110, section 10.2.3
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value, now)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _seconds_until(moment: str, now: str | None) -> float:
    try:
        until, since = parsedate_to_datetime(moment), parsedate_to_datetime(now or "")
        return (until - since).total_seconds()
    except (ValueError, TypeError):  # no dates, or one without a time zone
        return math.nan


@contextmanager
def _telling(kind: str, told: Told) -> Iterator[list[int]]:
    """Tell of a call's end; the status is to be put into what this yields."""
    clock = asyncio.get_running_loop().time
    begun, statuses, error = clock(), list[int](), ""
    try:
        yield statuses
    except BaseException as failure:
        error = type(failure).__name__
        raise
    finally:
        told(CallEnd(kind, statuses[0] if statuses else None, error, clock() - begun))


async def _read(response: httpx.Response) -> bytes | None:
    """Return the body; None if it is larger than any that makes sense."""
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > LARGEST_ANSWER:
            return None
    return bytes(content)


def _failure(error: Exception, server: str, trace: Trace) -> EntraError:
    match error:
        case httpx.ConnectTimeout():
            return Unreachable(f"{server} did not take the connection in time", trace=trace)
        case httpx.PoolTimeout():
            return Unreachable(f"no connection to {server} became free in time", trace=trace)
        case httpx.TimeoutException() | TimeoutError():
            return Unreachable(f"{server} did not answer in time", trace=trace)
        case httpx.ConnectError():
            return Unreachable(_why_not_connected(_cause(error), server), trace=trace)
        case httpx.TransportError() | OSError():
            return Unreachable(f"the connection to {server} broke", trace=trace)
        case _:  # its content can't be decoded
            return Unavailable(f"the answer of {server} makes no sense", trace=trace)


def _cause(error: BaseException) -> BaseException:
    """Return the OSError or SSLError at the bottom of a transport error, else the error itself."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError):
            return below
        below = below.__cause__ or below.__context__
    return error


def _why_not_connected(cause: BaseException, server: str) -> str:
    match cause:
        case ssl.SSLCertVerificationError():
            why = cause.verify_message or "the certificate is not trusted"
            return f"TLS with {server} failed: {why}"
        case ssl.SSLError():
            why = getattr(cause, "reason", None) or "no agreement"
            return f"TLS with {server} failed: {why}"
        case OSError() if cause.strerror:
            return f"{server} can't be reached: {cause.strerror}"
        case _:
            return f"{server} can't be reached"
