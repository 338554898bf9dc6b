"""One connection: uvicorn's HTTP protocol with bounds, and with refusals that a service could send.

uvicorn bounds no request's head, and answers what is no HTTP in plain text. Here a head has at most
`MOST_HEAD_BYTES` and `MOST_HEADERS`, a whole request `MOST_BYTES` however it is cut, at most
`MOST_WAITING` requests wait behind one another, and each refusal has the shape of its service.
"""

import time
import uuid
from http import HTTPStatus
from typing import ClassVar, Final

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from emulator.calls.refusal import Ids, Surface, worded
from emulator.tokens.refusals import malformed

MOST_HEAD_BYTES: Final = 64 * 1024
MOST_HEADERS: Final = 200
MOST_BYTES: Final = 8 * 1024 * 1024
"""Bodies end at a megabyte; chunks and trailers may take as much again, several times."""
MOST_WAITING: Final = 100

_FAREWELL_SECONDS: Final = 0.5
_PIECE: Final = 16 * 1024
"""What comes is parsed in pieces of this size, so that a head is never far beyond its bound."""


class Connection(HttpToolsProtocol):
    """A connection to the HTTPS port."""

    surface: ClassVar[Surface] = Surface.TOKEN
    """Whose shape the refusal of what is no HTTP has."""

    _in_head = True
    _received = 0

    def data_received(self, data: bytes) -> None:
        """Parse what came, piece by piece, and see that it stays within bounds."""
        for start in range(0, len(data), _PIECE):
            if self.transport.is_closing():
                return
            piece = data[start : start + _PIECE]
            self._received += len(piece)
            super().data_received(piece)
            if self._in_head and self._received > MOST_HEAD_BYTES:
                self._turn_away(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "Its head is too large."
                )
            elif self._received > MOST_BYTES:
                self.transport.abort()

    def on_message_begin(self) -> None:
        """Note that a request begins, perhaps behind another one in the same piece of data."""
        if len(self.pipeline) >= MOST_WAITING:
            raise OverflowError  # the parser gives up, and the answer is 400
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, or a trailer, if there are not too many."""
        if len(self.headers) >= MOST_HEADERS:
            raise OverflowError  # as above
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the answer."""
        self._in_head = False
        super().on_headers_complete()
        if self.parser.should_upgrade():  # the parser gives up after it, and passes its body over
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Wait for the next request."""
        self._in_head = True
        self._received = 0
        super().on_message_complete()

    def shutdown(self) -> None:
        """End it if it idles; who takes no part in that is not waited for."""
        super().shutdown()
        if self.transport.is_closing():
            self.loop.call_later(_FAREWELL_SECONDS, self.transport.abort)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in the place of uvicorn's plain text."""
        self._turn_away(HTTPStatus.BAD_REQUEST, msg)

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing of a protocol that nobody offers: the request is answered as it stands."""

    def _turn_away(self, status: HTTPStatus, why: str) -> None:
        # uvicorn's annotation takes a request to be there always.
        begun = self.cycle is not None and self.cycle.response_started  # type: ignore[redundant-expr]
        if not begun or self.cycle.response_complete:
            self.transport.write(self._answer(status, why))
        self.transport.close()
        # Who goes on to send instead of taking part in the connection's end is not waited for.
        self.loop.call_later(_FAREWELL_SECONDS, self.transport.abort)

    def _answer(self, status: HTTPStatus, why: str) -> bytes:
        request_id = str(uuid.uuid4())
        refusal = malformed(why)
        refusal.status = status
        answer = worded(self.surface, refusal, Ids(request_id, request_id), time.time())
        body = orjson.dumps(answer.body)
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            "content-type: application/json; charset=utf-8\r\ncache-control: no-store\r\n"
            f"x-ms-request-id: {request_id}\r\ncontent-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        return head.encode("ascii") + body


class ImdsConnection(Connection):
    """A connection to the port of the instance metadata service."""

    surface = Surface.IMDS
