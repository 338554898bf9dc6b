"""A small client of the Kubernetes API: JSON in, JSON out, one kind of error.

It does not throttle itself: the API server has priority and fairness for that, and says 429.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

import httpx
import orjson

from identity.version import VERSION
from webhook.kube.clock_skew import skew_of
from webhook.kube.connection import Connection
from webhook.kube.errors import (
    Unauthorized,
    Unreachable,
    error_from_answer,
    error_from_transport,
    not_understood,
)
from webhook.kube.limits import Limits
from webhook.kube.places import Place
from webhook.kube.transport import PooledTransport
from webhook.kube.watch import WatchEvent, events_of

Json: TypeAlias = dict[str, Any]
"""An object as it stands on the wire, with every field, known to us or not."""

JSON: Final = "application/json"
METADATA: Final = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"
METADATA_LIST: Final = (
    "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"
)
"""`Accept` for objects without spec, status and data.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
"""


PAGE_SIZE: Final = 500

_METHODS: Final = {
    "get": "GET",
    "list": "GET",
    "watch": "GET",
    "create": "POST",
    "update": "PUT",
}
"""From the verbs of RBAC to those of HTTP."""


class KubeClient:
    """Asks one API server. Every method raises a `KubeError` and nothing else."""

    def __init__(
        self,
        connection: Connection,
        *,
        limits: Limits | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._token = connection.token
        self._server = connection.base_url
        self.clock_skew: float | None = None
        """How many seconds our clock was ahead of the server's at its last answer; None: unknown.
        """
        self._http = httpx.AsyncClient(
            base_url=connection.base_url,
            transport=transport or PooledTransport(connection, self._limits),
            headers={"user-agent": f"azwi-webhook/{VERSION}", "accept": JSON},
            timeout=httpx.Timeout(self._limits.answer, connect=self._limits.connect),
            trust_env=False,
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    def __repr__(self) -> str:
        return f"KubeClient({self._server!r})"

    async def get(
        self, place: Place, *, accept: str = JSON, params: Mapping[str, str] | None = None
    ) -> Json:
        """Read one object (or whatever a place outside of resources answers)."""
        return await self._call("get", place, headers={"accept": accept}, params=params)

    async def list_page(
        self,
        place: Place,
        *,
        limit: int | None = PAGE_SIZE,
        continue_token: str = "",
        accept: str = JSON,
        params: Mapping[str, str] | None = None,
    ) -> Json:
        """Read one page of a collection; `limit` None asks for all of it."""
        query = dict(params or {})
        if limit is not None:
            query["limit"] = str(limit)
        if continue_token:
            query["continue"] = continue_token
        return await self._call("list", place, headers={"accept": accept}, params=query)

    async def pages(
        self,
        place: Place,
        *,
        limit: int | None = PAGE_SIZE,
        accept: str = JSON,
        params: Mapping[str, str] | None = None,
    ) -> AsyncGenerator[Json, None]:
        """Read a collection page by page; all of them show the state of one moment.

        `Gone` in the middle: the server no longer has that moment, so that the list starts anew.
        """
        token = ""
        while True:
            page = await self.list_page(
                place, limit=limit, continue_token=token, accept=accept, params=params
            )
            metadata = page.get("metadata")
            if not isinstance(metadata, dict) or not isinstance(page.get("items"), list | None):
                raise not_understood(place, "list", "the answer is not a list")
            token = metadata.get("continue") or ""
            yield page
            del page, metadata  # not to be held while the next one is read
            if not token:
                return

    async def post(
        self, place: Place, body: Json, *, params: Mapping[str, str] | None = None
    ) -> Json:
        """Create an object in a collection, or ask a subresource (`token`) something."""
        return await self._call("create", place, body=body, params=params)

    async def put(
        self, place: Place, body: Json, *, params: Mapping[str, str] | None = None
    ) -> Json:
        """Write an object whole; with a resourceVersion in it only over that very version."""
        return await self._call("update", place, body=body, params=params)

    @asynccontextmanager
    async def watch(
        self,
        place: Place,
        *,
        resource_version: str | None = None,
        timeout_seconds: int = 270,
        accept: str = JSON,
        params: Mapping[str, str] | None = None,
    ) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        """Follow a collection: `async with client.watch(...) as events: async for event in events`.

        The iterator ends when the server ends the watch, after `timeout_seconds` at the latest, and
        raises for whatever else ends it; an ERROR event raises too (`Gone`: list anew). The
        connection is closed on the way out, whatever the way.
        """
        query = dict(params or {}, watch="1", timeoutSeconds=str(timeout_seconds))
        query["allowWatchBookmarks"] = "true"
        if resource_version is not None:
            query["resourceVersion"] = resource_version
        patience = timeout_seconds + self._limits.watch_grace
        # Not compressed: an event must not wait in somebody's buffer for the next one.
        headers = {"accept": accept, "accept-encoding": "identity"}
        request = self._request("watch", place, headers=headers, params=query)
        request.extensions["timeout"]["read"] = patience
        response = await self._send(request, "watch", place, stream=True)
        try:
            lines = events_of(response.aiter_raw(), place, self._server)
            async with aclosing(lines):
                yield lines
        finally:
            await response.aclose()

    async def _call(
        self,
        verb: str,
        place: Place,
        *,
        body: Json | list[Json] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Json:
        request = self._request(verb, place, body=body, headers=headers, params=params)
        response = await self._send(request, verb, place)
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            raise not_understood(place, verb, "the answer is not JSON") from None
        if not isinstance(answer, dict):
            raise not_understood(place, verb, "the answer is not an object")
        return answer

    def _request(
        self,
        verb: str,
        place: Place,
        *,
        body: Json | list[Json] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> httpx.Request:
        sent = {"accept-encoding": "gzip", **(headers or {})}
        if body is not None:
            sent.setdefault("content-type", JSON)
        return self._http.build_request(
            _METHODS[verb],
            place.path,
            content=None if body is None else orjson.dumps(body),
            headers=sent,
            params=params,
        )

    async def _send(
        self, request: httpx.Request, verb: str, place: Place, *, stream: bool = False
    ) -> httpx.Response:
        """Send, and once more where that is sure to do no harm and likely to help.

        That is so after a 401 where the token file holds a new token, and for reads after a
        connection broke: the API server was restarted, say, and the next one answers.
        """
        again = True
        while True:
            try:
                return await self._send_once(request, verb, place, stream=stream)
            except Unauthorized:
                if not again or self._token is None or not self._token.renew():
                    raise
            except Unreachable as error:
                if not again or not error.broken or request.method != "GET":
                    raise
            again = False

    async def _send_once(
        self, request: httpx.Request, verb: str, place: Place, *, stream: bool
    ) -> httpx.Response:
        if self._token is not None:
            request.headers["authorization"] = f"Bearer {self._token.current()}"
        response: httpx.Response | None = None
        try:
            async with asyncio.timeout(self._limits.answer):
                response = await self._http.send(request, stream=True)
                self.clock_skew = skew_of(response.headers.get("date"), self.clock_skew)
                if not stream or not response.is_success:
                    await response.aread()
        except (httpx.HTTPError, OSError) as error:  # TimeoutError is an OSError
            raise error_from_transport(error, self._server) from _harmless(error)
        finally:
            if response is not None and not (stream and response.is_success):
                await response.aclose()
                # Its stream refers to the answer, which would keep every page until a collection.
                response.stream = _NOTHING
        if response.is_success:
            return response
        raise error_from_answer(
            response.status_code, response.content, response.headers, place, verb
        )


_NOTHING: Final = httpx.ByteStream(b"")


def _harmless(error: Exception) -> Exception | None:
    """Return the error as a cause, unless its text may quote a header."""
    return None if isinstance(error, httpx.LocalProtocolError) else error
