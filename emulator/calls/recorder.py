"""The outermost layer: gives each request its ids, keeps its record, words its refusals."""

import asyncio
import logging
import re
import uuid
from typing import Final, cast

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emulator.calls.gate import Gate, refused
from emulator.calls.log import Call, RequestLog
from emulator.calls.refusal import Answer, Ids, Refusal, Surface, worded
from emulator.clock import Clock

_log = logging.getLogger("azwi.emulator")
_SENT_ID: Final = re.compile(r"[0-9A-Za-z-]{8,64}")
_CLIENT_ID_HEADERS: Final = (
    b"client-request-id",
    b"x-ms-client-request-id",
    b"x-ms-correlation-request-id",
)


class Recorder:
    """An ASGI layer around everything that a port serves."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        clock: Clock,
        log: RequestLog,
        gate: Gate,
        surface: Surface | None = None,
    ) -> None:
        self._app = app
        self._clock = clock
        self._log = log
        self._gate = gate
        self._surface = surface

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; `call_of(request)` finds its record."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call = self._begin(scope)
        scope.setdefault("state", {})["call"] = call
        answer = _Answering(send, call, self._gate, self._clock)
        began = self._clock.moment()
        try:
            await self._app(scope, receive, answer.send)
        except asyncio.CancelledError:  # the server ends, and waits no longer
            await answer.refuse(refused(call.surface, 503, "The emulator is ending."))
        except Exception:  # noqa: BLE001 - the boundary of a request: the next one must be served
            _log.exception("unexpected error at %s", call.kind)
            words = "The emulator failed, which it must not; its log says how."
            await answer.refuse(refused(call.surface, 500, words))
        finally:
            call.seconds = self._clock.moment() - began

    def _begin(self, scope: Scope) -> Call:
        surface = self._surface or Surface.of(scope["path"])
        headers = dict(scope["headers"])
        request_id = str(uuid.uuid4())
        client_id = request_id
        for name in _CLIENT_ID_HEADERS:
            sent = headers.get(name, b"").decode("latin-1")
            if _SENT_ID.fullmatch(sent):
                client_id = sent
                break
        ids = Ids(request_id, client_id)
        return self._log.begin(surface, scope["method"], scope["path"], ids, self._clock.now())


def call_of(scope: Scope) -> Call:
    """Return the record of a request's scope."""
    return cast("Call", scope["state"]["call"])


class _Answering:
    """Passes an answer on, with the ids that its service sends, or something else in its place."""

    def __init__(self, send: Send, call: Call, gate: Gate, clock: Clock) -> None:
        self._send = send
        self._call = call
        self._gate = gate
        self._clock = clock
        self._started = False
        self._replaced = False

    async def send(self, message: Message) -> None:
        """Take the place of the server's `send`."""
        if self._replaced:
            return
        failing = self._call.failing
        if failing is not None and message["type"] == "http.response.start":
            self._replaced = True
            self._call.failing = None
            await self._word(await self._gate.failed(self._call, failing))
            return
        if message["type"] == "http.response.start":
            self._started = True
            self._call.status = message["status"]
            message = {**message, "headers": [*message.get("headers", ()), *self._ids()]}
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        """Answer with a refusal, unless an answer has begun."""
        if self._started or self._replaced:
            return
        self._replaced = True
        await self._word(refusal)

    async def _word(self, refusal: Refusal) -> None:
        call = self._call
        call.code = refusal.known_as
        answer = worded(call.surface, refusal, call.ids, self._clock.now())
        call.status = answer.status
        await self._send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [*_headers(answer), *self._ids()],
            }
        )
        content = b"" if call.method == "HEAD" else orjson.dumps(answer.body)
        await self._send({"type": "http.response.body", "body": content})

    def _ids(self) -> list[tuple[bytes, bytes]]:
        ids = self._call.ids
        request, client = ids.request.encode(), ids.client.encode()
        if self._call.surface is Surface.GRAPH:
            return [(b"request-id", request), (b"client-request-id", client)]
        if self._call.surface is Surface.TOKEN:
            return [(b"x-ms-request-id", request), (b"client-request-id", client)]
        return [
            (b"x-ms-request-id", request),
            (b"x-ms-correlation-request-id", client),
        ]


def _headers(answer: Answer) -> list[tuple[bytes, bytes]]:
    fixed = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"cache-control", b"no-store"),
    ]
    return fixed + [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in answer.headers.items()
    ]
