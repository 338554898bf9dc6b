"""JSON logs: one object per line, with keys that stay the same.

`timestamp` (RFC 3339, UTC, milliseconds), `level`, `logger` and `message` come first, then whatever
the line was given as `extra`. An exception is told as its type and the places it went through,
never by its message: that may quote what was being read, and pods hold secrets.
"""

import asyncio
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import PurePath
from types import TracebackType
from typing import Any, Final, TextIO

import orjson

_log = logging.getLogger("azwi.webhook")

LEVELS: Final = {"info": logging.INFO, "debug": logging.DEBUG, "trace": 5, "all": 1}
"""The original's names of levels (`--log-level`); nothing of ours is logged below debug."""

SUPPRESSED: Final = "suppressed"
"""Key: how many lines from the same place were left out since the last one."""

_RESERVED = frozenset(
    {*vars(logging.LogRecord("", 0, "", 0, "", (), None)), "message", "asctime", "color_message"}
)
_OURS = frozenset({"timestamp", "level", "logger"})
_MOST_PLACES = 40
_FLOOD_WINDOW = 60.0
_FLOOD_BURST: Final = {logging.INFO: 600, logging.WARNING: 20, logging.ERROR: 20}


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON; what JSON can't hold is written as its type's name."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _utf8(record.getMessage()),
        }
        for key, value in vars(record).items():
            if key not in _RESERVED and key not in _OURS:
                line[_utf8(key)] = _utf8(value) if isinstance(value, str) else value
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"], line["stack"] = described(record.exc_info[1])
        try:
            return orjson.dumps(line, default=_by_type).decode()
        except TypeError:  # an unlikely value deep inside: the line matters more than it
            return orjson.dumps({key: _utf8(str(value)) for key, value in line.items()}).decode()


class FloodGate(logging.Filter):
    """Lets so many lines a minute through from one place in the code, and counts the others.

    Whoever reaches the port can have an error logged; this keeps the logs, and the time spent on
    them, bounded. The count comes with the next line that passes.
    """

    def __init__(self, window: float = _FLOOD_WINDOW) -> None:
        super().__init__()
        self._window = window
        self._places: dict[tuple[str, int], list[float]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the line passes; one that follows left-out ones says how many."""
        burst = _FLOOD_BURST.get(record.levelno)
        if burst is None:
            return True
        place = self._places.setdefault((record.pathname, record.lineno), [record.created, 0, 0])
        if record.created - place[0] >= self._window:
            if place[2]:
                setattr(record, SUPPRESSED, int(place[2]))
            place[:] = [record.created, 0, 0]
        place[1] += 1
        if place[1] <= burst:
            return True
        place[2] += 1
        return False


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Send every log of the process, uvicorn's and Python's warnings too, to one stream as JSON.

    Raises KeyError for a level that is none of `LEVELS`: the configuration has checked it.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(FloodGate())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    logging.captureWarnings(capture=True)
    for name in ("uvicorn", "uvicorn.error", "asyncio", "httpx", "httpcore"):
        # Below debug uvicorn logs requests' headers; httpx has a line for each request, or more.
        quiet = logging.WARNING if name in {"httpx", "httpcore"} else logging.DEBUG
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(max(LEVELS[level], quiet))


def loop_exception_handler(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what an event loop found nobody to raise to, by types and places only.

    For `loop.set_exception_handler`. asyncio's own handler writes out the objects concerned, a
    task's exception with its message among them; its message names a callback's arguments.
    """
    about = {key: type(value).__name__ for key, value in context.items() if key != "message"}
    extra: dict[str, object] = {"about": about}
    error = context.get("exception")
    if isinstance(error, BaseException):
        extra["error"], extra["stack"] = described(error)
    _log.error("unhandled error in the event loop", extra=extra)


def described(error: BaseException) -> tuple[str, list[str]]:
    """Return an exception's type, with those of its causes, and the places it came through.

    Shape: `"KeyError < RuntimeError"` (the second was raised first), and `file:line in function`,
    outermost first.
    """
    types: list[str] = []
    places: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        kind = type(current)
        types.append(
            kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        )
        places.extend(_places(current.__traceback__))
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)
    if len(places) > _MOST_PLACES:
        places = [*places[: _MOST_PLACES // 2], "...", *places[-_MOST_PLACES // 2 :]]
    return " < ".join(types), places


def _places(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        code = traceback.tb_frame.f_code
        parts = PurePath(code.co_filename).parts[-3:]
        yield f"{'/'.join(parts)}:{traceback.tb_lineno} in {code.co_name}"
        traceback = traceback.tb_next


def _by_type(value: object) -> str:
    if isinstance(value, BaseException):
        return described(value)[0]
    if isinstance(value, PurePath):
        return str(value)
    return type(value).__name__


def _utf8(value: str) -> str:
    """Return text that UTF-8 can carry; lone surrogates become escapes."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
