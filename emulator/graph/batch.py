"""`$batch`: many requests in one, each served as if it had come alone.

Source: https://learn.microsoft.com/graph/json-batching
"""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, unquote

import orjson
from fastapi import Request, Response
from starlette.types import ASGIApp, Message, Scope

from emulator.calls.recorder import Recorder
from emulator.calls.refusal import Refusal, Surface
from emulator.graph import description as d
from emulator.graph.answers import answered
from emulator.graph.plan import MOST, Step, read, rounds
from emulator.graph.visit import calling
from emulator.web import Json, json_body, world_of

_INHERITED: Final = (b"authorization", b"client-request-id", b"user-agent")
_ESCAPED: Final = "/%()'=$,:@!*+;&?~"
"""What an address may hold as it stands; everything else is escaped, as clients do."""

_INNER: Final = "azwi.emulator.batched"
"""In the scope of a request that came in a batch."""


async def batch(request: Request) -> Response:
    """Carry out a batch; its own status says nothing of those within."""
    await calling(request, "graph.batch")
    if _INNER in request.scope:
        raise Refusal(400, "BadRequest", "A batch within a batch is not allowed.")
    steps = read(await json_body(request, Surface.GRAPH))
    order = rounds(steps)
    serving = _Serving(request)
    answers: dict[str, Json] = {}
    for ready in order:
        able = [step for step in ready if not _failed(step, answers)]
        async with asyncio.TaskGroup() as group:
            tasks = {step.key: group.create_task(serving.answer(step)) for step in able}
        answers |= {key: task.result() for key, task in tasks.items()}
        answers |= {step.key: _FAILED | {"id": step.id} for step in ready if step not in able}
    return answered({"responses": [answers[step.key] for step in steps]})


def _failed(step: Step, answers: Mapping[str, Json]) -> bool:
    return any(answers[one.lower()]["status"] >= 400 for one in step.depends_on)


_FAILED: Final[Json] = {
    "status": 424,
    "headers": {"Content-Type": "application/json"},
    "body": {
        "error": {
            "code": "FailedDependency",
            "message": "A request that this one depends on has failed.",
        }
    },
}


class _Serving:
    """Sends requests through the whole application, by no network."""

    def __init__(self, outer: Request) -> None:
        world = world_of(outer)
        self._app: ASGIApp = Recorder(outer.app, clock=world.clock, log=world.log, gate=world.gate)
        self._scope = outer.scope
        self._version = str(outer.scope["path"]).split("/", 2)[1]

    async def answer(self, step: Step) -> Json:
        """Return the answer to one request, as a batch's answer holds it."""
        caught = _Caught(_content(step))
        await self._app(self._inner(step), caught.receive, caught.send)
        return {
            "id": step.id,
            "status": caught.status,
            "headers": caught.headers,
            **caught.body(),
        }

    def _inner(self, step: Step) -> Scope:
        address = step.url.partition("#")[0]
        path, _, query = address.partition("?")
        raw = f"/{self._version}/{quote(path.lstrip('/'), _ESCAPED)}"
        return {
            "type": "http",
            "asgi": self._scope["asgi"],
            "http_version": self._scope["http_version"],
            "method": step.method,
            "scheme": self._scope["scheme"],
            "path": unquote(raw),
            "raw_path": raw.encode("ascii"),
            "query_string": quote(query, _ESCAPED).encode("ascii"),
            "root_path": "",
            "headers": self._headers(step),
            "client": self._scope["client"],
            "server": self._scope["server"],
            _INNER: True,
        }

    def _headers(self, step: Step) -> list[tuple[bytes, bytes]]:
        own = {
            name.lower().encode("ascii"): value.encode("ascii")
            for name, value in step.headers.items()
        }
        inherited = {name: value for name, value in self._scope["headers"] if name in _INHERITED}
        return [*(inherited | own).items()]


def _content(step: Step) -> bytes:
    """Return a request's body: JSON as it stands in the batch, anything else in base64."""
    if step.body is None:
        return b""
    if isinstance(step.body, str):
        try:
            return base64.urlsafe_b64decode(step.body)
        except ValueError:
            return step.body.encode()
    return orjson.dumps(step.body)


@dataclass(slots=True)
class _Caught:
    """The two ends of a request that goes through the application in this process."""

    content: bytes
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)
    read: bool = False

    async def receive(self) -> Message:
        if self.read:
            return {"type": "http.disconnect"}
        self.read = True
        return {"type": "http.request", "body": self.content, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = _titled(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.parts.append(message.get("body", b""))

    def body(self) -> dict[str, Any]:
        """Return what there is of a body, under its name."""
        content = b"".join(self.parts)
        if not content:
            return {}
        if self.headers.get("Content-Type", "").startswith("application/json"):
            return {"body": orjson.loads(content)}
        return {"body": base64.b64encode(content).decode()}


def _titled(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers as batches spell them: `Retry-After`, `Content-Type`."""
    found = {name.decode("latin-1").title(): value.decode("latin-1") for name, value in headers}
    return {name: value for name, value in found.items() if name != "Content-Length"}


_STEP: Final[d.Schema] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 200},
        "method": {"enum": ["GET"]},
        "url": {"type": "string", "pattern": "^/[a-zA-Z]+$"},
    },
    "required": ["id", "method", "url"],
}
_ANSWERS: Final[d.Schema] = {
    "type": "object",
    "properties": {
        "responses": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "status": {"type": "integer"},
                    "headers": {"type": "object"},
                },
                "required": ["id", "status", "headers"],
            },
        }
    },
    "required": ["responses"],
}

OPERATIONS: Final = (
    d.Operation(
        "POST",
        "batch",
        batch,
        ("/$batch",),
        {200: _ANSWERS},
        body={
            "type": "object",
            "properties": {
                "requests": {"type": "array", "items": _STEP, "minItems": 1, "maxItems": MOST}
            },
            "required": ["requests"],
        },
    ),
)
