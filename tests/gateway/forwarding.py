"""One call's way through a gateway: written down, rules applied, forwarded, passed on."""

import asyncio
import io
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from tests.gateway.calls import Call, Fate, Ledger
from tests.gateway.rules import Answer, Outcome, Rule
from tests.gateway.upstream import Upstream

_HOP_BY_HOP: Final = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "upgrade", "host", "content-length", "te"}
)
"""RFC 9110, 7.6.1, and what each side writes by itself."""
_CONNECT_SECONDS: Final = 10.0


@dataclass(slots=True, eq=False)
class _UnderWay:
    call: Call
    request: web.BaseRequest
    forward: "asyncio.Task[aiohttp.ClientResponse] | None" = field(default=None)

    def drop(self) -> None:
        if self.request.transport is not None:
            self.request.transport.abort()


class Forwarding:
    """Handles the calls of one gateway."""

    def __init__(self, name: str, ledger: Ledger) -> None:
        self.upstream: Upstream | None = None
        self.flowing = asyncio.Event()
        self.flowing.set()
        self._name = name
        self._ledger = ledger
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._under_way: set[_UnderWay] = set()
        self._forwards: set[asyncio.Task[aiohttp.ClientResponse]] = set()
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Get ready to call the upstream."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_SECONDS),
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """End what is under way."""
        for task in self._forwards:
            task.cancel()
        await asyncio.gather(*self._forwards, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def add_rule(self, rule: Rule) -> None:
        """Apply a rule to the calls that come from now on."""
        with self._lock:
            self._rules.append(rule)

    def take_rules(self) -> list[Rule]:
        """Take all rules away, and return them."""
        with self._lock:
            rules, self._rules = self._rules, []
        return rules

    def cut(self, wanted: Callable[[Call], bool]) -> int:
        """Break the connections of calls under way."""
        found = [one for one in self._under_way if wanted(one.call)]
        for one in found:
            one.drop()
        return len(found)

    def under_way(self, wanted: Callable[[Call], bool]) -> int:
        """Count the calls under way."""
        return sum(wanted(one.call) for one in self._under_way)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Handle a call from its arrival to its end."""
        body = await request.content.read()  # not `read()`, which has a limit
        query = dict(request.rel_url.query)
        call = self._ledger._enter(self._name, request.method, request.rel_url.path, query, body)
        with self._lock:
            rules = [rule for rule in self._rules if rule.takes(call)]
        under_way = _UnderWay(call, request)
        self._under_way.add(under_way)
        try:
            return await self._lead(under_way, rules)
        except asyncio.CancelledError:
            self._ledger._note(call, Fate.LEFT)
            raise
        finally:
            self._under_way.discard(under_way)

    async def _lead(self, one: _UnderWay, rules: list[Rule]) -> web.StreamResponse:
        for rule in rules:
            if (outcome := await rule.action.before(one.call)) is not None:
                return self._ended(one, outcome, Fate.DROPPED_BEFORE)
        # Forwarded to its end even if the caller is gone by then, as by a network.
        task = asyncio.create_task(self._forward(one))
        self._forwards.add(task)
        task.add_done_callback(self._forwards.discard)
        try:
            answer = await asyncio.shield(task)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._ledger._note(one.call, Fate.FAILED)
            return web.Response(status=503, text=f"gateway: {type(error).__name__}")
        except asyncio.CancelledError:
            task.add_done_callback(_closed)
            raise
        async with answer:
            for rule in rules:
                if (outcome := await rule.action.after(one.call)) is not None:
                    one.call.status = answer.status
                    return self._ended(one, outcome, Fate.DROPPED_AFTER)
            return await self._pass_on(one, answer)

    async def _forward(self, one: _UnderWay) -> aiohttp.ClientResponse:
        upstream, session = self.upstream, self._session
        if upstream is None or session is None:
            raise aiohttp.ClientConnectionError("no upstream yet")
        answer = await session.request(
            one.request.method,
            URL(upstream.url + one.request.raw_path, encoded=True),
            headers=_headers(one.request, upstream),
            data=io.BytesIO(one.call.body) if one.call.body else None,
            ssl=upstream.context,
            allow_redirects=False,
        )
        if one.call.kind != "watch":
            await answer.read()
        return answer

    async def _pass_on(self, one: _UnderWay, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        headers = CIMultiDict(
            (name, value)
            for name, value in answer.headers.items()
            if name.lower() not in _HOP_BY_HOP
        )
        if one.call.kind != "watch":
            self._ledger._note(one.call, Fate.ANSWERED, answer.status)
            return web.Response(status=answer.status, headers=headers, body=await answer.read())
        stream = web.StreamResponse(status=answer.status, headers=headers)
        one.call.status = answer.status
        await stream.prepare(one.request)
        try:
            async for chunk in answer.content.iter_any():
                await self.flowing.wait()
                await stream.write(chunk)
        except (aiohttp.ClientError, OSError):
            one.drop()  # one side is gone: the other one learns of it
        self._ledger._note(one.call, Fate.ANSWERED)
        return stream

    def _ended(self, one: _UnderWay, outcome: Outcome, dropped: Fate) -> web.StreamResponse:
        if isinstance(outcome, Answer):
            self._ledger._note(one.call, Fate.MADE_UP, outcome.status)
            return web.Response(
                status=outcome.status, body=outcome.body, headers=dict(outcome.headers)
            )
        self._ledger._note(one.call, dropped)
        one.drop()
        return web.Response()  # which nobody gets


def _headers(request: web.BaseRequest, upstream: Upstream) -> CIMultiDict[str]:
    dropped = _HOP_BY_HOP | ({"authorization"} if upstream.signed_in else set())
    headers = CIMultiDict(
        (name, value) for name, value in request.headers.items() if name.lower() not in dropped
    )
    headers.update(upstream.headers)
    return headers


def _closed(task: "asyncio.Task[aiohttp.ClientResponse]") -> None:
    """Give back what an answer holds that nobody waits for any more."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()
