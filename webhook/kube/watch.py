"""The stream of a watch: one JSON object per line, in chunks that know nothing of lines."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, NamedTuple

import httpx
import orjson

from webhook.kube.errors import (
    Unreachable,
    error_from_status,
    error_from_transport,
    not_understood,
)
from webhook.kube.places import Place


class WatchEvent(NamedTuple):
    """One thing that happened."""

    kind: str
    """`ADDED`, `MODIFIED`, `DELETED` or `BOOKMARK`; kinds of later releases are for the reader."""
    object: dict[str, Any]
    """Of a bookmark only `metadata.resourceVersion` means something."""

    def __repr__(self) -> str:
        """Say what happened, and not to what: it may be a Secret."""
        return f"WatchEvent({self.kind})"


async def events_of(
    chunks: AsyncGenerator[bytes, None] | AsyncIterator[bytes], place: Place, server: str
) -> AsyncGenerator[WatchEvent, None]:
    """Read events until the stream ends; raise for an ERROR event and for a stream cut short."""
    lines = _lines(chunks, server)
    async with aclosing(lines):
        async for line in lines:
            yield _event(line, place)


async def _lines(
    chunks: AsyncGenerator[bytes, None] | AsyncIterator[bytes], server: str
) -> AsyncGenerator[bytes, None]:
    """Cut chunks into lines. A line in many chunks is joined once, not at each of them."""
    parts: list[bytes] = []
    while True:
        try:
            chunk = await anext(chunks)
        except StopAsyncIteration:
            break
        except (httpx.HTTPError, OSError) as error:
            raise error_from_transport(error, server) from error
        *ended, rest = chunk.split(b"\n")
        for line in ended:
            if parts:
                parts.append(line)
                line = b"".join(parts)  # noqa: PLW2901
                parts.clear()
            if line.strip():
                yield line
        if rest:
            parts.append(rest)
    if parts and b"".join(parts).strip():
        raise Unreachable(f"{server} ended a watch in the middle of an event", broken=True)


def _event(line: bytes, place: Place) -> WatchEvent:
    try:
        event = orjson.loads(line)
        kind, found = event["type"], event["object"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise not_understood(place, "watch", "an event is not JSON as expected") from None
    if not isinstance(kind, str) or not isinstance(found, dict):
        raise not_understood(place, "watch", "an event is not JSON as expected")
    if kind == "ERROR":
        raise error_from_status(found, place, "watch")
    return WatchEvent(kind, found)
