"""msal on the event loop: its calls run in threads, its requests by the package's own HTTP client.

msal is synchronous. Each call of it gets a thread and a `Conversation` as its HTTP client; whenever
msal asks for something there, the thread waits while the task that made the call sends the request.
So msal shares transport, time limits and errors with everything else here, no `requests` session is
made, and proxies and CAs named in the environment are not looked at. Cancelling the task cancels
the request, and the thread's part has ended before the task has.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Final

import httpx

from entra.errors import EntraError, Misconfigured, Trace, Unauthenticated, Unavailable
from entra.http import Http, Request, origin
from entra.token_answers import Discoveries, MsalResponse, Outcome, discovered, read_answer

_THREADS: Final = 8
"""Calls under way at a time; more than that wait. The threads are not asyncio's own, which resolve
host names: a call in each of those would wait for an answer that needs one of them."""

_DISCOVERY: Final = "/.well-known/openid-configuration"
_SECRETS: Final = ("client_assertion", "client_secret")
_REQUEST_IDS: Final = ("client-request-id", "x-ms-client-request-id")

Call = Callable[["Conversation"], Mapping[str, Any]]
"""What runs in the thread: makes msal's object, with the conversation as its HTTP client, and
returns what that returns."""


class MsalTransport:
    """Runs calls of msal. One is enough for a process; `aclose` ends its threads."""

    def __init__(self, http: Http, clock: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._discoveries = Discoveries(clock)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="msal")

    async def aclose(self) -> None:
        """Let the threads end; the HTTP client belongs to whoever made it."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def run(self, call: Call, *, service: str = "token") -> Outcome:
        """Run a call and return what came of it, a refusal by the token endpoint included.

        Raises what the transport raises, `Misconfigured` and others where the tenant can't be
        found, and `Unauthenticated` where msal can't use the credential that it was given.
        """
        conversation = Conversation(service)
        worker = self._threads.submit(call, conversation)
        worker.add_done_callback(conversation.end)
        try:
            while (asked := await conversation.next()) is not None:
                await self._serve(asked)
        finally:
            worker.cancel()
            await conversation.wind_down()
        return conversation.outcome(worker)

    async def _serve(self, asked: "_Asked") -> None:
        """Answer one request of the thread, by an error too."""
        try:
            response = await self._answer(asked)
        except EntraError as error:
            asked.reply.set_exception(error)
        except BaseException:
            asked.reply.set_exception(_Abandoned())
            raise
        else:
            asked.reply.set_result(response)

    async def _answer(self, asked: "_Asked") -> MsalResponse:
        request = asked.request
        if asked.trace.service == "token" and not request.url.startswith("https://"):
            raise Misconfigured(
                f"{origin(request.url)} is not asked for tokens: only https is", trace=asked.trace
            )
        if asked.is_discovery:
            return await self._discoveries.get(request.url, lambda: self._discover(asked))
        return await self._send(asked)

    async def _discover(self, asked: "_Asked") -> MsalResponse:
        return discovered(await self._send(asked), asked.request)

    async def _send(self, asked: "_Asked") -> MsalResponse:
        answer = await self._http.send(replace(asked.request, kind=asked.kind), asked.trace)
        return read_answer(answer, asked.request, asked.trace, asked.secrets)


class Conversation:
    """The HTTP client of one call of msal; `get` and `post` block, in the thread of the call.

    Source of their form: `msal.oauth2cli.http.HttpClient`.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._loop = asyncio.get_running_loop()
        self._asked: asyncio.Queue[_Asked | None] = asyncio.Queue()
        self._last: MsalResponse | None = None
        self._over = False

    # In the thread.

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> MsalResponse:
        """Ask for a document."""
        whole = str(httpx.URL(url, params=dict(params))) if params else url
        return self._ask(Request("GET", whole, headers or {}))

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> MsalResponse:
        """Send a form."""
        whole = str(httpx.URL(url, params=dict(params))) if params else url
        form = {name: _text(value) for name, value in (data or {}).items()}
        return self._ask(Request("POST", whole, headers or {}, form=form))

    def close(self) -> None:
        """Do nothing: the connections are not this call's own."""

    def _ask(self, request: Request) -> MsalResponse:
        ids = {name.lower(): value for name, value in request.headers.items()}
        sent = next((ids[name] for name in _REQUEST_IDS if name in ids), "")
        asked = _Asked(request, Trace(service=self._service, correlation_id=sent))
        self._loop.call_soon_threadsafe(self._asked.put_nowait, asked)
        self._last = asked.reply.result()
        return self._last

    # On the event loop.

    def end(self, _: "Future[Mapping[str, Any]]") -> None:
        """Say, from any thread, that the call is over."""
        self._loop.call_soon_threadsafe(self._asked.put_nowait, None)

    async def next(self) -> "_Asked | None":
        """Wait for what the thread asks next; None when its call is over."""
        asked = await self._asked.get()
        self._over = asked is None
        return asked

    async def wind_down(self) -> None:
        """Wait until the call is over, refusing whatever it still asks; cancelled or not."""
        while not self._over:
            try:
                asked = await self.next()
            except asyncio.CancelledError:
                continue  # it is on its way already, and the thread needs no more than a moment
            if asked is not None:
                asked.reply.set_exception(_Abandoned())

    def outcome(self, worker: "Future[Mapping[str, Any]]") -> Outcome:
        """Return what the call came to, or raise what is behind its failure."""
        last = self._last
        nothing_was_sent = last is None or "token_endpoint" in last.answer.body
        try:
            result = worker.result()
        except EntraError:
            raise
        except Exception as error:
            if nothing_was_sent:
                raise Unauthenticated(
                    f"msal can't sign with the credential ({type(error).__name__}); check the key,"
                    " the certificate and the password"
                ) from error
            raise Unavailable("msal can't make sense of the answer") from error
        if last is None or nothing_was_sent:
            raise Unavailable("msal answered by itself, without asking for a token")
        return Outcome(result, last.answer)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that the thread waits for the answer of."""

    request: Request
    trace: Trace
    reply: "Future[MsalResponse]" = field(default_factory=Future)

    @property
    def is_discovery(self) -> bool:
        """Whether it is about where tokens are to be had."""
        return self.request.method == "GET" and self.request.url.endswith(_DISCOVERY)

    @property
    def kind(self) -> str:
        """What it is counted as: `token grant`, `token discovery` or `imds grant`."""
        return f"{self.trace.service} {'discovery' if self.is_discovery else 'grant'}"

    @property
    def secrets(self) -> list[str]:
        """What an answer must not repeat."""
        form = self.request.form or {}
        return [form[name] for name in _SECRETS if name in form]


class _Abandoned(BaseException):
    """Whoever made the call is gone. Not an Exception: nothing that msal catches may stop it."""


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
