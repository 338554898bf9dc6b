"""A small Kubernetes API server over a real socket: it keeps state, and fails on demand.

    async with FakeKubeApi() as api:
        api.account("team", "app", {"azure.workload.identity/client-id": "..."})
        api.fail(Answer(500), method="GET", path="/serviceaccounts", times=2)
        client = KubeClient(api.connection())

It knows objects by path, resource versions, pages, watches with bookmarks, merge and JSON patches.
It checks no rights and no schemas: tests/cluster asks a real one.
"""

import asyncio
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import orjson

from tests.fakes.kube_store import Event, Refused, Store, Target, collection_of, status_object
from tests.fakes.kube_wire import (
    Answer,
    ChunkedStream,
    Cut,
    CutOff,
    Delay,
    Drop,
    Failure,
    Hang,
    Json,
    Late,
    Raw,
    Seen,
    compressed,
    read_request,
    write_answer,
    write_slowly,
)
from webhook.kube import Connection

__all__ = ["Answer", "Cut", "Delay", "Drop", "FakeKubeApi", "Hang", "Late", "Raw", "Seen"]


@dataclass(slots=True)
class _Planned:
    failure: Failure
    method: str
    path: re.Pattern[str]
    times: int | None


class FakeKubeApi:
    """One API server. Everything may be called while it runs; `stop` and `start` keep the port."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, page_limit: int = 1_000_000) -> None:
        self.requests: list[Seen] = []
        self.watches = 0
        """Watches that are open now."""
        self.connections = 0
        """Connections that are open now."""
        self.port = 0
        self._store = Store(self._tell)
        self._tls = tls
        self._page_limit = page_limit
        self._planned: list[_Planned] = []
        self._streams: set[asyncio.Queue[Event | None]] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # The state, as a test sets and reads it.

    def put(self, resource: str, found: Json, *, group: str = "", version: str = "v1") -> Json:
        """Create or replace an object, and tell those who watch; returns it as stored."""
        namespace = found["metadata"].get("namespace")
        return self._store.store(collection_of(group, version, resource, namespace), found)

    def account(
        self, namespace: str, name: str, annotations: Mapping[str, str] | None = None
    ) -> Json:
        """Create or replace a ServiceAccount."""
        metadata: Json = {"namespace": namespace, "name": name}
        if annotations is not None:
            metadata["annotations"] = dict(annotations)
        return self.put("serviceaccounts", {"metadata": metadata})

    def remove(self, resource: str, name: str, namespace: str | None = None) -> None:
        """Delete an object of the core group."""
        collection = collection_of("", "v1", resource, namespace)
        self._store.delete(Target(collection, namespace, name))

    def stored(self, path: str) -> Json | None:
        """Return the object at a path, as it stands."""
        return self._store.stored(path)

    def compact(self) -> None:
        """Forget the past: older resource versions and all continue tokens are Gone."""
        self._store.compact()

    def rewind(self, version: int) -> None:
        """Go back to a lower resource version, as after a restored backup."""
        self._store.rewind(version)

    # What watches see beside that.

    def bookmark(self) -> None:
        """Send a bookmark on every watch."""
        self._tell(Event(self._store.version, "", "BOOKMARK", {}))

    def end_watches(self) -> None:
        """End every watch as the server does after its timeout."""
        for stream in self._streams:
            stream.put_nowait(None)

    def send_error(self, code: int, reason: str) -> None:
        """Send an ERROR event on every watch."""
        status = status_object(code, reason, "told by the test")
        self._tell(Event(self._store.version, "", "ERROR", status))

    def send_raw(self, line: bytes) -> None:
        """Send bytes on every watch, as they are."""
        self._tell(Event(self._store.version, "", "RAW", {"raw": line}))

    # Failures.

    def fail(
        self, failure: Failure, *, method: str = "", path: str = "", times: int | None = 1
    ) -> None:
        """Fail the next requests that match; `path` is searched in path and query; None: always."""
        self._planned.append(_Planned(failure, method, re.compile(path), times))

    def recover(self) -> None:
        """Forget every failure that is still planned."""
        self._planned.clear()

    def count(self, method: str, path: str) -> int:
        """Count the requests that match, `path` being searched in path and query."""
        pattern = re.compile(path)
        return sum(seen.method == method and seen.matches(pattern) for seen in self.requests)

    # Running.

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def connection(self, ssl_context: ssl.SSLContext | None = None) -> Connection:
        """Return what a `KubeClient` takes."""
        return Connection(self.url, ssl_context=ssl_context)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; on the same port as before, if there was one."""
        server = await asyncio.start_server(
            self._connected, "127.0.0.1", self.port, ssl=self._tls, backlog=500
        )
        self.port = server.sockets[0].getsockname()[1]
        self._server = server

    async def stop(self) -> None:
        """Close the listener and cut every connection: from now on they are refused."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while True:
                seen = await read_request(reader)
                self.requests.append(seen)
                await self._answer(seen, reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError, CutOff):
            if writer.can_write_eof():  # so that what was written still gets there
                with suppress(OSError):
                    writer.write_eof()
        finally:
            self.connections -= 1
            self._tasks.discard(task)
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _answer(
        self, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        failure = self._failure_for(seen)
        match failure:
            case Drop():
                raise CutOff
            case Hang():
                await write_slowly(writer, reader, (), 0)
            case Raw(parts, pause):
                await write_slowly(writer, reader, parts, pause)
            case Delay(seconds):
                await asyncio.sleep(seconds)
            case Answer(status, body, headers, reason):
                told = status_object(status, reason, "told by the test") if body is None else body
                raw = told if isinstance(told, bytes) else orjson.dumps(told)
                return await write_answer(writer, status, raw, headers)
        cut = failure.after if isinstance(failure, Cut) else None
        try:
            if seen.query.get("watch"):
                return await self._watch(seen, reader, ChunkedStream(writer, cut))
            code, found = self._perform(seen)
        except Refused as refused:
            code, found = refused.code, refused.status
        raw, headers = compressed(orjson.dumps(found), seen)
        if isinstance(failure, Late):
            await asyncio.sleep(failure.seconds)
        return await write_answer(writer, code, raw, headers, cut)

    def _failure_for(self, seen: Seen) -> Failure | None:
        for planned in self._planned:
            if planned.method in {"", seen.method} and seen.matches(planned.path):
                if planned.times is not None:
                    planned.times -= 1
                    if planned.times <= 0:
                        self._planned.remove(planned)
                return planned.failure
        return None

    def _perform(self, seen: Seen) -> tuple[int, Json]:
        if seen.path == "/version":
            return 200, {"major": "1", "minor": "36", "gitVersion": "v1.36.3"}
        target, store = Target.of(seen.path), self._store
        body = orjson.loads(seen.body) if seen.body else {}
        match seen.method, target.name:
            case "POST", None:
                return 201, store.create(target, body)
            case "GET", None:
                found = self._list(seen, target)
            case "GET", _:
                found = _shown(store.get(target), seen)
            case "PUT", _:
                found = store.replace(target, body)
            case "PATCH", _:
                merge = seen.headers.get("content-type") != "application/json-patch+json"
                found = store.patch(target, body, merge=merge)
            case "DELETE", _:
                found = store.delete(target)
            case _:
                raise Refused(405, "MethodNotAllowed", "the server does not allow this method")
        return 200, found

    def _list(self, seen: Seen, target: Target) -> Json:
        limit = min(int(seen.query.get("limit", self._page_limit)), self._page_limit)
        metadata, found = self._store.page(target, limit, seen.query.get("continue", ""))
        items = [_shown(each, seen) for each in found if _selected(each, seen)]
        return {"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items}

    # Watches.

    def _tell(self, event: Event) -> None:
        for stream in self._streams:
            stream.put_nowait(event)

    async def _watch(self, seen: Seen, reader: asyncio.StreamReader, out: ChunkedStream) -> None:
        target = Target.of(seen.path)
        since = int(seen.query.get("resourceVersion") or self._store.version)
        stream: asyncio.Queue[Event | None] = asyncio.Queue()
        for event in self._store.since(since):
            stream.put_nowait(event)
        closed = asyncio.ensure_future(reader.read())
        closed.add_done_callback(lambda _: stream.put_nowait(None))
        patience = float(seen.query.get("timeoutSeconds", "300"))
        ending = asyncio.get_running_loop().call_later(patience, stream.put_nowait, None)
        self._streams.add(stream)
        self.watches += 1
        try:
            await out.begin()
            while (happened := await stream.get()) is not None:
                await out.send(_line(happened, target, seen))
            await out.end()
        finally:
            self.watches -= 1
            self._streams.discard(stream)
            ending.cancel()
            closed.cancel()
            await asyncio.gather(closed, return_exceptions=True)


def _line(event: Event, target: Target, seen: Seen) -> bytes:
    """Return what a watch gets to see of an event; nothing, if it is none of its business."""
    found = event.object
    if event.kind == "RAW":
        raw: bytes = found["raw"]
        return raw
    if event.kind == "BOOKMARK":
        if seen.query.get("allowWatchBookmarks") != "true":
            return b""
        found = {"metadata": {"resourceVersion": str(event.version)}}
    elif event.kind != "ERROR":
        if not target.holds(event.collection) or not _selected(found, seen):
            return b""
        found = _shown(found, seen)
    return orjson.dumps({"type": event.kind, "object": found}) + b"\n"


def _selected(found: Json, seen: Seen) -> bool:
    """Apply a fieldSelector on metadata.name, the only one in use here."""
    selector = seen.query.get("fieldSelector", "")
    prefix = "metadata.name="
    return not selector.startswith(prefix) or found["metadata"]["name"] == selector[len(prefix) :]


def _shown(found: Json, seen: Seen) -> Json:
    if not seen.accepts("as=PartialObjectMetadata"):
        return found
    kind = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    return {**kind, "metadata": found["metadata"]}
