"""Graph or Resource Manager as one thing to ask: signed in, within the budget, asked again."""

import re
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlencode

from entra.budget import Budget
from entra.errors import EntraError, Trace, Unauthenticated, Unavailable
from entra.http import Answer, Http, Request, origin
from entra.mapping import GRAPH, RESOURCE_MANAGER, complaint, error_from
from entra.pacing import REAL, Pace
from entra.rates import Cost
from entra.retry import REQUESTS, Policy, retrying
from entra.tokens import AccessToken, TokenSource

MOST_PAGES: Final = 500
"""Of one listing: more than any tenant needs, and an end to a service that links in circles."""
_TOKEN: Final = re.compile(r"[!-~]+")
"""Thousands of characters, looked at with each call."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs between the services in how they are asked."""

    name: str
    sent_id: str
    """The header of the id that we make for each call."""
    request_id: str
    correlation_id: str
    next_link: str
    """The field that leads to the next page."""


GRAPH_DIALECT: Final = Dialect(
    GRAPH, "client-request-id", "request-id", "client-request-id", "@odata.nextLink"
)
RESOURCE_MANAGER_DIALECT: Final = Dialect(
    RESOURCE_MANAGER,
    "x-ms-client-request-id",
    "x-ms-request-id",
    "x-ms-correlation-request-id",
    "nextLink",
)


@dataclass(frozen=True, slots=True)
class Call:
    """One thing to ask."""

    what: str
    """What it does, in words, as messages begin: `list the credentials of ...`."""
    method: str
    path: str
    """From the service's root, quoted."""
    cost: Cost
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Means:
    """What both services share."""

    http: Http
    tokens: TokenSource
    budget: Budget
    policy: Policy = REQUESTS
    pace: Pace = REAL
    before_write: Callable[[], None] = lambda: None
    """Called right before anything is sent that changes something, each try anew. What it raises
    ends the call: for a controller whose Lease might run out while a write waits here. From here
    on the try takes `entra.http.TimeLimits.longest` at most."""


class Service:
    """One service at its root URL."""

    def __init__(self, dialect: Dialect, root: str, scope: str, means: Means) -> None:
        self._dialect = dialect
        self._root = root
        self._origin = origin(root)
        self._scope = scope
        self._means = means

    async def ask(self, call: Call) -> "Reply":
        """Ask, again where that may help; return the answer to what succeeded.

        Raises an error of `entra.errors`; `Unreachable` and the like when patience has ended.
        """
        query = f"?{urlencode(call.query)}" if call.query else ""
        return await self._ask(call, f"{self._root}{call.path}{query}")

    async def pages(self, call: Call) -> AsyncIterator[Mapping[str, Any]]:
        """Yield what a listing holds, page after page; raises as `ask` does."""
        reply = await self.ask(call)
        for _ in range(MOST_PAGES):
            values = reply.body.get("value")
            if not isinstance(values, list) or not all(isinstance(item, dict) for item in values):
                raise reply.nonsense(call, "it is no listing")
            for item in values:
                yield item
            link = reply.body.get(self._dialect.next_link)
            if not link:
                return
            if not isinstance(link, str) or origin(link) != self._origin:
                # Our token must not go anywhere else.
                raise reply.nonsense(call, "its next page is at another server")
            reply = await self._ask(call, link)
        raise reply.nonsense(call, f"it has more than {MOST_PAGES} pages")

    async def _ask(self, call: Call, url: str) -> "Reply":
        budget, pace = self._means.budget, self._means.pace
        in_line = 0.0

        async def attempt() -> Reply:
            nonlocal in_line
            begun = pace.now()
            await budget.spend(call.cost)
            async with self._means.http.places:
                in_line += pace.now() - begun
                return await self._once(call, url)

        # Patience is for the service: waiting in our own line takes nothing from it.
        patient = replace(pace, now=lambda: pace.now() - in_line)
        return await retrying(attempt, self._means.policy, patient)

    async def _once(self, call: Call, url: str) -> "Reply":
        """Ask with a token that we have, and with another one if the service does not take it."""
        tokens = self._means.tokens
        token = await tokens.token(self._scope)
        try:
            return await self._send(call, url, token)
        except EntraError as error:
            if error.trace.status != 401:
                raise
        tokens.forget(self._scope, token)
        return await self._send(call, url, await tokens.token(self._scope))

    async def _send(self, call: Call, url: str, token: AccessToken) -> "Reply":
        if not _TOKEN.fullmatch(token.value):
            # The HTTP library's own error would quote it.
            raise Unauthenticated(f"{call.what}: the access token holds what no token has")
        sent_id = str(uuid.uuid4())
        headers = {
            "Authorization": f"Bearer {token.value}",
            self._dialect.sent_id: sent_id,
            "return-client-request-id": "true",
            **call.headers,
        }
        if call.method != "GET":
            self._means.before_write()
        trace = Trace(self._dialect.name, correlation_id=sent_id)
        request = Request(call.method, url, headers, call.body, kind=call.cost.kind)
        answer = await self._means.http.send(request, trace)
        return self._reply(call, answer, sent_id)

    def _reply(self, call: Call, answer: Answer, sent_id: str) -> "Reply":
        body = answer.json()
        told = complaint(body)
        trace = Trace(
            self._dialect.name,
            answer.status,
            told.code,
            answer.headers.get(self._dialect.request_id, ""),
            answer.headers.get(self._dialect.correlation_id, sent_id),
        )
        if body is None and answer.status != 429:
            raise Unavailable(
                f"{call.what}: the answer of {self._origin} is no JSON object; is it the service?",
                trace=trace,
                retry_after=answer.retry_after,
            )
        if not answer.succeeded:
            raise error_from(call.what, told, trace, answer.retry_after)
        return Reply(answer.status, body or {}, trace)


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a call that succeeded."""

    status: int
    body: Mapping[str, Any]
    trace: Trace

    def nonsense(self, call: Call, why: str) -> Unavailable:
        """Return the error for an answer that came whole and is not what it should be."""
        return Unavailable(f"{call.what}: the answer makes no sense: {why}", trace=self.trace)
