"""Reviews, requests and callers for tests of the server."""

import asyncio
from base64 import b64decode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson

from identity.account import Account
from tests.builders import NAMESPACE, a_config, a_pod, an_account
from webhook.accounts.errors import AccountNotFound
from webhook.metrics import Metrics
from webhook.mutation.mutate import mutate
from webhook.server.admission import Admission
from webhook.server.ports import Decide, Message

Json = dict[str, Any]
UID = "705ab4f5-6393-11e8-b7cc-42010a800002"
MAX_BODY = 8 * 1024 * 1024


def a_review(pod: Json | None = None, version: str = "v1", **request: Any) -> Json:
    """A review as the API server sends it; `request` takes the place of fields, None drops one."""
    asked = {
        "uid": UID,
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
        "requestResource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": NAMESPACE,
        "operation": "CREATE",
        "userInfo": {"username": "someone", "groups": ["system:authenticated"]},
        "object": a_pod() if pod is None else pod,
        "oldObject": None,
        "dryRun": False,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        **request,
    }
    return {
        "kind": "AdmissionReview",
        "apiVersion": f"admission.k8s.io/{version}",
        "request": asked,
    }


class FakeAccounts:
    """Knows some accounts, and asks `live` for the others."""

    def __init__(
        self, *known: Account, live: Callable[[str, str], Awaitable[Account]] | None = None
    ) -> None:
        self.known = {(account.namespace, account.name): account for account in known}
        self.live = live
        self.asked: list[tuple[str, str]] = []

    def peek(self, namespace: str, name: str) -> Account | None:
        return self.known.get((namespace, name))

    async def get(self, namespace: str, name: str) -> Account:
        self.asked.append((namespace, name))
        if self.live is None:
            raise AccountNotFound(namespace, name)
        return await self.live(namespace, name)


def an_app(
    accounts: FakeAccounts | None = None,
    *,
    metrics: Metrics | None = None,
    decide: Decide | None = None,
    max_body_bytes: int = MAX_BODY,
) -> Admission:
    return Admission(
        decide or partial(mutate, config=a_config()),
        accounts or FakeAccounts(an_account()),
        metrics or Metrics(),
        max_body_bytes=max_body_bytes,
    )


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Json:
        found = orjson.loads(self.body)
        assert isinstance(found, dict)
        return found

    @property
    def response(self) -> Json:
        """The review's response."""
        assert self.status == 200, self.body
        assert self.json["kind"] == "AdmissionReview"
        found = self.json["response"]
        assert isinstance(found, dict)
        return found

    @property
    def operations(self) -> list[Json]:
        assert self.response["patchType"] == "JSONPatch"
        found = orjson.loads(b64decode(self.response["patch"], validate=True))
        assert isinstance(found, list)
        return found


def a_scope(
    *,
    method: str = "POST",
    path: str = "/mutate-v1-pod",
    query: str = "timeout=10s",
    headers: dict[str, str] | None = None,
) -> Json:
    fields = {"content-type": "application/json", **(headers or {})}
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(key.encode(), value.encode("latin-1")) for key, value in fields.items()],
    }


async def ask(
    app: Admission, body: Json | bytes | list[bytes], scope: Json | None = None
) -> Answer:
    """Call the application as uvicorn would; a list of bodies comes in as many messages."""
    pieces = body if isinstance(body, list) else [body if isinstance(body, bytes) else dumped(body)]
    messages = [
        {"type": "http.request", "body": piece, "more_body": index < len(pieces) - 1}
        for index, piece in enumerate(pieces)
    ]
    answer = Answer()

    async def receive() -> Message:
        if not messages:
            raise AssertionError("read on after the body's end: that would wait for ever")
        await asyncio.sleep(0)
        return messages.pop(0)

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {key.decode(): value.decode() for key, value in message["headers"]}
        else:
            answer.body += message["body"]

    await app(scope or a_scope(), receive, send)
    assert int(answer.headers["content-length"]) == len(answer.body)
    return answer


def dumped(review: Json) -> bytes:
    return orjson.dumps(review)
