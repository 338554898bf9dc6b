"""The API server, asked with raw objects: one call, one answer or one error.

Nothing here retries, but once with a new token where the old one is refused.
"""

import asyncio
import copy
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode, urlsplit

import aiohttp
import orjson
from yarl import URL

from controller.kube.errors import (
    Answer,
    KubeError,
    NotFound,
    Unavailable,
    Unreachable,
    error_from,
)
from controller.kube.ways import Connection
from controller.names import COMPONENT
from identity.version import VERSION

Object = dict[str, Any]
"""A Kubernetes object as it stands in JSON."""

PAGE: Final = 500
"""Objects asked for at once, as kubectl does."""
LARGEST_ANSWER: Final = 256 * 1024 * 1024
"""Bytes; objects are at most 1.5 MiB each in etcd, and those that we list are much smaller."""

_JSON: Final = "application/json"
_METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_QUESTIONS: Final = ("/token", "accessreviews", "tokenreviews")
_NO_QUERY: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list. Its items may lack apiVersion and kind."""

    items: list[Object]
    resource_version: str
    """Of the whole list: the same for all of its pages."""


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: object = field(default=None, repr=False)
    content_type: str = _JSON
    accept: str = _JSON

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def changes(self) -> bool:
        """Whether an object is changed: a review is asked, and a token given, by a POST too."""
        return self.method != "GET" and not self.path.endswith(_QUESTIONS)


class Kube:
    """A client of one API server; an async context manager, which opens and closes connections.

    Every call may raise `KubeError` and nothing else. `timeout` is seconds for one whole call,
    waiting for a free connection included; whoever must not wait for the calls of others (the
    Lease) takes a client of its own.
    """

    def __init__(
        self, connection: Connection, *, timeout: float = 10.0, connections: int = 32
    ) -> None:
        self._connection = connection
        self._timeout = timeout
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        self._before_change: Callable[[], None] = _always

    def guarded(self, before_change: Callable[[], None]) -> Self:
        """Return the same open client for somebody who may have to stop; of no use after this one.

        What is called right before anything is sent that changes an object may raise: who was
        stopped for minutes and goes on must not do what was right then.
        """
        other = copy.copy(self)
        other._before_change = before_change  # noqa: SLF001 - it is one of ours
        return other

    def __repr__(self) -> str:
        return f"Kube({self._connection.server!r})"

    async def __aenter__(self) -> Self:
        """Open."""
        context = self._connection.ssl_context
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._connections, ssl=context if context is not None else True
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                # The API server names the manager of fields after what stands before the slash.
                "User-Agent": f"{COMPONENT}/{VERSION}",
                "Accept-Encoding": "identity",
            },
            timeout=aiohttp.ClientTimeout(total=None),
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close all connections, whatever is under way on them."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(self, path: str, query: Mapping[str, str] = _NO_QUERY) -> Object:
        """Read one object."""
        return await self._object(_Call("GET", path, query))

    async def pages(
        self,
        path: str,
        query: Mapping[str, str] = _NO_QUERY,
        *,
        metadata_only: bool = False,
        limit: int = PAGE,
    ) -> AsyncIterator[Page]:
        """Read a collection, consistently, page by page.

        An error in the middle (`Expired` above all: it took minutes) means that what came before is
        not all: begin anew. `metadata_only`: items have nothing but their metadata.
        """
        accept = _METADATA_LIST if metadata_only else _JSON
        asked = {**query, "limit": str(limit)}
        while True:
            call = _Call("GET", path, asked, accept=accept)
            page, more = _page(await self._object(call), call)
            yield page
            if not more:
                return
            asked["continue"] = more

    async def create(self, path: str, body: Object) -> Object:
        """Make an object in the collection at `path`; or ask what is asked by a POST (a review)."""
        return await self._object(_Call("POST", path, body=body))

    async def replace(self, path: str, body: Object) -> Object:
        """Write a whole object; with a resourceVersion in it only if it is still that one."""
        return await self._object(_Call("PUT", path, body=body))

    async def merge(self, path: str, body: Object) -> Object:
        """Write some fields; None removes one (RFC 7396)."""
        return await self._object(
            _Call("PATCH", path, body=body, content_type="application/merge-patch+json")
        )

    async def json_patch(self, path: str, operations: list[Object]) -> Object:
        """Change an object by operations (RFC 6902); a `test` that fails is `Invalid`."""
        return await self._object(
            _Call("PATCH", path, body=operations, content_type="application/json-patch+json")
        )

    async def delete(self, path: str, *, uid: str = "", resource_version: str = "") -> bool:
        """Delete an object; False: it was not there.

        With a uid or a resource version only if it is still that one, else `Changed`.
        """
        wanted = {"uid": uid, "resourceVersion": resource_version}
        preconditions = {key: value for key, value in wanted.items() if value}
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if preconditions:
            options["preconditions"] = preconditions
        try:
            await self._object(_Call("DELETE", path, body=options))
        except NotFound:
            return False
        return True

    async def _object(self, call: _Call) -> Object:
        parsed = _parsed(await self._send(call))
        if parsed is None:
            raise Unavailable(f"{call}: the answer is not an object; is it an API server?")
        return parsed

    async def _send(self, call: _Call) -> bytes:
        """Send with the token; once more if it is refused and there is another by now."""
        token = self._connection.token
        while True:
            sent = token.current() if token else ""
            status, retry_after, content = await self._exchange(call, sent)
            if 200 <= status < 300:
                return content
            if status == 401 and token and token.renew(sent):
                continue
            if sent:
                # What answers there may be a proxy that shows what it was sent.
                content = content.replace(sent.encode(), b"(our token)")
            raise error_from(Answer(str(call), status, retry_after, content))

    async def _exchange(self, call: _Call, token: str) -> tuple[int, str | None, bytes]:
        if self._session is None:
            raise Unreachable(f"{call}: the client is closed")
        query = f"?{urlencode(call.query)}" if call.query else ""
        headers = {"Accept": call.accept}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None
        if call.body is not None:
            headers["Content-Type"] = call.content_type
            data = orjson.dumps(call.body)
        if call.changes:
            self._before_change()
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._session.request(
                    call.method,
                    URL(f"{self._connection.server}{call.path}{query}", encoded=True),
                    headers=headers,
                    data=data,
                    allow_redirects=False,
                ) as response,
            ):
                content = await _read(response)
                return response.status, response.headers.get("Retry-After"), content
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            # Not chained: the libraries' own errors carry the request, and with it the token.
            raise self._failure(call, error) from None

    def _failure(self, call: _Call, error: Exception) -> KubeError:
        server = urlsplit(self._connection.server).netloc
        match error:
            case TimeoutError():
                return Unreachable(f"{call}: {server} did not answer in {self._timeout:g} s")
            case aiohttp.ClientConnectorCertificateError():
                return Unreachable(f"{call}: TLS with {server} failed: {_words(error.os_error)}")
            case aiohttp.ClientConnectorSSLError():
                return Unreachable(f"{call}: TLS with {server} failed: {_words(error.os_error)}")
            case aiohttp.ClientConnectorError():
                return Unreachable(f"{call}: {server} can't be reached: {_words(error.os_error)}")
            case aiohttp.ClientPayloadError() | aiohttp.ClientConnectionError() | OSError():
                return Unreachable(f"{call}: the connection to {server} broke")
            case _:
                return Unavailable(f"{call}: the answer makes no sense; is {server} an API server?")


def _always() -> None:
    """Let every call go."""


def _page(answer: Object, call: _Call) -> tuple[Page, str]:
    items, metadata = answer.get("items", "absent"), answer.get("metadata")
    items = [] if items is None else items  # Go may write an empty list as null
    if not isinstance(items, list) or not isinstance(metadata, dict):
        raise Unavailable(f"{call}: the answer is not a list; is it an API server?")
    more = metadata.get("continue")
    return Page(items, str(metadata.get("resourceVersion") or "")), more or ""


async def _read(response: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > LARGEST_ANSWER:
            raise aiohttp.ClientError("the answer has no end")
    return b"".join(parts)


def _parsed(content: bytes) -> Object | None:
    try:
        parsed = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message or "the certificate is not trusted"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
