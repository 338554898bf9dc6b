"""Requests that get an HTTP status instead of a review, and why."""

from typing import Final

from webhook import review
from webhook.metrics import Result
from webhook.server.ports import Receive, Scope, Send

PATH: Final = "/mutate-v1-pod"

_JSON: Final = b"application/json"
_CONTENT_TYPE: Final = (b"content-type", _JSON)
_CLOSE: Final = (b"connection", b"close")


_REASONS: Final = {
    400: "BadRequest",
    404: "NotFound",
    405: "MethodNotAllowed",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    429: "TooManyRequests",
}


class Rejected(Exception):  # noqa: N818 - no error of ours: the answer to a bad request
    """A request that gets an HTTP status, with a `Status` as body."""

    def __init__(
        self,
        result: Result,
        code: int,
        message: str,
        *,
        header: tuple[bytes, bytes] | None = None,
        unread: bool = False,
    ) -> None:
        super().__init__(message)
        self.result = result
        self.code = code
        self.unread = unread
        """More of the body is on its way, and worth reading off."""
        self.body = review.status(code, _REASONS[code], message)
        self.headers = [header] if header else []
        if result is not Result.NOT_A_REVIEW:
            self.headers.append(_CLOSE)  # the body has not been read, or not to its end

    @property
    def facts(self) -> dict[str, object]:
        """What a log line says of it."""
        outcome, reason = self.result.value
        return {"code": self.code, "outcome": outcome, "reason": reason}


def check_head(scope: Scope, max_body: int) -> None:
    """See that a request is one for us, before its body is read. Raises Rejected."""
    if scope["path"] != PATH:
        raise Rejected(Result.BAD_PATH, 404, f"reviews go to {PATH}")
    if scope["method"] != "POST":
        raise Rejected(
            Result.BAD_METHOD,
            405,
            "reviews come by POST",
            header=(b"allow", b"POST"),
        )
    content_type = b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            content_type = value
        elif name == b"content-length":
            # The parser has seen that it is a number; who sends a wrong one is not waited for.
            if int(value) > max_body:
                raise too_large(max_body, unread=True)
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise _bad_type("the body must not be compressed")
    if content_type != _JSON and not _is_json(content_type):
        raise _bad_type("the Content-Type must be application/json")


def too_large(max_body: int, *, unread: bool) -> Rejected:
    """Return the rejection of a body over the limit."""
    message = f"the body must not have more than {max_body} bytes"
    return Rejected(Result.TOO_LARGE, 413, message, unread=unread)


def _bad_type(message: str) -> Rejected:
    return Rejected(Result.BAD_TYPE, 415, message)


def _is_json(content_type: bytes) -> bool:
    return content_type.partition(b";")[0].strip().lower() == _JSON


async def send_json(
    send: Send, code: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    """Send an answer in one piece."""
    fields = [_CONTENT_TYPE, (b"content-length", b"%d" % len(body))]
    if headers:
        fields += headers
    await send({"type": "http.response.start", "status": code, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def send_rejection(
    rejected: Rejected, scope: Scope, receive: Receive, send: Send, max_body: int
) -> None:
    """Send a rejection; what is still on its way is read off first, within bounds.

    A connection that is closed with unread data is reset by the kernel, and the client may never
    see the answer. Who asked whether to send the body at all (`Expect`) is told at once.
    """
    if rejected.unread:
        await _discard(scope, receive, max_body)
    await send_json(send, rejected.code, rejected.body, rejected.headers)


async def _discard(scope: Scope, receive: Receive, max_body: int) -> None:
    """Read off up to twice a body's limit; the connection's guard bounds the time."""
    fields = dict(scope["headers"])
    left = 2 * max_body
    if b"expect" in fields or int(fields.get(b"content-length", b"0")) > left:
        return
    while left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        if not message.get("more_body"):
            return
