"""A toy service behind the real recorder and gate: what it is asked for stands in its path."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.types import Receive, Scope, Send

from emulator.calls.faults import Settings
from emulator.calls.gate import Gate
from emulator.calls.log import Call, RequestLog
from emulator.calls.recorder import Recorder, call_of
from emulator.calls.refusal import Ids, Refusal, Surface, worded
from emulator.calls.throttle import Limit
from emulator.clock import Clock
from tests.emulator.conftest import Hands

ID = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
OTHER = "a2b1c0d9-0000-4111-8222-333344445555"


@dataclass
class Desk:
    """One service: `/v1.0/<kind>/<identity>` is a call of that kind about that identity."""

    hands: Hands
    surface: Surface = Surface.GRAPH
    limits: Sequence[Limit] = ()
    worked: list[str] = field(default_factory=list)
    """Kinds of the calls that were worked on."""
    error: Exception | None = None
    """What the service raises in the place of an answer, once it has worked."""
    under_way: asyncio.Event | None = None
    """Set when a call is at work; it then works without end."""

    def __post_init__(self) -> None:
        self.clock = Clock(
            wall=lambda: self.hands.wall, steady=lambda: self.hands.steady, sleep=self.hands.sleep
        )
        self.log = RequestLog()
        self.gate = Gate(self.clock, self.log, Settings())
        self.app = Recorder(
            self._serve, clock=self.clock, log=self.log, gate=self.gate, surface=self.surface
        )

    def set(self, **settings: Any) -> None:
        """Set faults, in the names of the admin API."""
        self.gate.set(Settings.model_validate(settings))

    def call(self, kind: str = "graph.credentials.create", identity: str = ID) -> Call:
        """A call that no request stands behind."""
        call = self.log.begin(self.surface, "GET", "/x", Ids("r", "c"), self.clock.now())
        call.kind, call.identity = kind, identity
        return call

    async def ask(self, kind: str, identity: str = ID, **options: Any) -> httpx.Response:
        """Send a request."""
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="https://desk.test") as http:
            return await http.request(
                options.pop("method", "GET"), f"/v1.0/{kind}/{identity}", **options
            )

    async def _serve(self, scope: Scope, _: Receive, send: Send) -> None:
        call = call_of(scope)
        _, _, call.kind, call.identity = scope["path"].split("/")
        status, body = 200, b"{}"
        try:
            await self.gate.admit(call, self.limits)
        except Refusal as refusal:
            answer = worded(call.surface, refusal, call.ids, self.clock.now())
            status, body, call.code = answer.status, repr(answer.body).encode(), refusal.known_as
        else:
            self.worked.append(call.kind)
            if self.error is not None:
                raise self.error
            if self.under_way is not None:
                self.under_way.set()
                await asyncio.Event().wait()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})
