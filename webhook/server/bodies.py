"""Reading bodies: how large they may be, and how many large ones are in memory at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from webhook.metrics import Result
from webhook.server.ports import Message, Receive
from webhook.server.rejection import Rejected, too_large

LARGE_BODY: Final = 64 * 1024
"""From this size on a body needs one of the places for large ones; pods hardly ever are."""
PLACES: Final = 8
"""Large bodies in memory at a time; the others wait, unread, in the kernel's buffers.

So bodies take 8 * 8 MiB at the most, and 128 KiB more for each connection that sends one. Parsing
one takes up to 130 MiB more (measured, with as many parts as are let through). Only one is parsed
at a time: what comes of it is let go with the answer, or before a ServiceAccount is asked for.
"""
MOST_CONTAINERS: Final = 200_000
"""Objects and lists in a large body, told by their brackets. Each costs memory of many times its
JSON. etcd keeps no object over 1.5 MiB: with managed fields that is some 150,000."""
MOST_COMMAS: Final = 500_000
"""As many members and elements are in them, roughly; a large pod has fewer than 400,000."""


class Gone(Exception):  # noqa: N818
    """The other side ended the connection, or the guard did."""


class Bodies:
    """Reads what does not come in one piece."""

    def __init__(self, max_body: int, clock: Callable[[], float]) -> None:
        self._max_body = max_body
        self._clock = clock
        self._small = min(max_body, LARGE_BODY)
        self._places = asyncio.Semaphore(PLACES)

    def is_whole(self, message: Message) -> bool:
        """Tell whether a request's first message has all of a body, and none that is large."""
        return (
            message["type"] == "http.request"
            and not message.get("more_body")
            and len(message["body"]) <= self._small
        )

    @asynccontextmanager
    async def rest(
        self,
        first: Message,
        receive: Receive,
        deadline: float,
        more_time: Callable[[], None] | None = None,
    ) -> AsyncIterator[bytes | bytearray]:
        """Read on from the first message. Raises Rejected and Gone.

        A large body has its place until the end of the context: its review is answered there.
        `more_time` is called when it gets one, since it may have waited longer than it may take.
        """
        body = bytearray()
        more = self._take(first, body)
        while more and len(body) <= self._small:
            more = self._take(await receive(), body)
        if len(body) <= self._small:
            yield body
            return
        await self._find_place(deadline)
        try:
            if more_time is not None:
                more_time()
            while more:
                more = self._take(await receive(), body)
            _check_parts(body)
            yield body
        finally:
            self._places.release()

    def _take(self, message: Message, body: bytearray) -> bool:
        """Add a message's piece; tell whether there are more."""
        if message["type"] != "http.request":
            raise Gone
        more = bool(message.get("more_body"))
        body += message.get("body", b"")
        if len(body) > self._max_body:
            raise too_large(self._max_body, unread=more)
        return more

    async def _find_place(self, deadline: float) -> None:
        try:
            async with asyncio.timeout(deadline - self._clock()):
                await self._places.acquire()
        except TimeoutError:
            raise Rejected(
                Result.OVERLOADED,
                429,
                "too many large reviews at a time; try again",
                header=(b"retry-after", b"1"),
            ) from None


def _check_parts(body: bytearray) -> None:
    """See that a large body is cheap enough to parse. Raises Rejected.

    What strings hold is counted too: 10 ms for 8 MiB, against 0.9 s for parsing the worst of them.
    """
    containers = body.count(b"{") + body.count(b"[")
    if containers > MOST_CONTAINERS or body.count(b",") > MOST_COMMAS:
        raise Rejected(
            Result.TOO_LARGE,
            413,
            f"the body must not have more than {MOST_CONTAINERS} objects and lists,"
            f" and not more than {MOST_COMMAS} commas",
        )
