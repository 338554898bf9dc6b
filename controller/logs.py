"""JSON logs: one object per line, with keys that stay the same.

`timestamp` (RFC 3339, UTC, milliseconds), `level`, `logger` and `message` come first, then whatever
the line was given as `extra`. An exception is told by its type and the places it went through. Its
message is told only if it is one of our own trees, whose texts are made for people: any other may
quote what was being read, a token or a Secret.
"""

import asyncio
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import PurePath
from types import TracebackType
from typing import Any, Final, TextIO

from pythonjsonlogger.json import JsonFormatter as Base

from controller.kube.errors import KubeError
from entra.errors import EntraError

LEVELS: Final = {
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}
SUPPRESSED: Final = "suppressed"
"""Key: how many lines from the same place were left out since the last one."""

_OWN: Final = (EntraError, KubeError)
_QUIET: Final = ("kopf", "aiohttp", "asyncio", "httpx", "httpcore", "msal", "urllib3")
"""Loggers of others that have a line for each request or object: their warnings do."""
_BY_OBJECT: Final = "kopf.objects"
"""kopf's lines about single objects: only that a handler of ours broke is worth one."""
_FIRST: Final = ("timestamp", "level", "logger", "message")
_MOST_PLACES: Final = 40
_WINDOW: Final = 60.0
_BURST: Final = {logging.INFO: 600, logging.WARNING: 60, logging.ERROR: 60}
"""Lines a minute from one place in the code."""

_log = logging.getLogger("azwi.controller")


class JsonFormatter(Base):
    """Writes a record as one line of JSON; what JSON can't hold is written as its type's name."""

    def __init__(self) -> None:
        super().__init__(json_default=_by_type)

    def add_fields(
        self,
        log_data: dict[str, Any],
        record: logging.LogRecord,
        message_dict: dict[str, Any],  # noqa: ARG002 - holds full texts
    ) -> None:
        """Put our four keys first, then what the line was given."""
        moment = datetime.fromtimestamp(record.created, UTC)
        log_data["timestamp"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        log_data["level"] = record.levelname.lower()
        log_data["logger"] = record.name
        log_data["message"] = record.getMessage()
        given: dict[str, Any] = {}
        super().add_fields(given, record, {})
        log_data.update((key, value) for key, value in given.items() if key not in _FIRST)
        if record.exc_info and record.exc_info[1] is not None:
            log_data.update(described(record.exc_info[1]))

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """Return the line; with values as text where JSON can't take one deep inside."""
        try:
            return super().jsonify_log_record(log_data)
        except (TypeError, ValueError, RecursionError):
            return super().jsonify_log_record({key: str(log_data[key]) for key in log_data})


class FloodGate(logging.Filter):
    """Lets so many lines a minute through from one place in the code, and counts the others.

    An outage has something to say about each of 10,000 objects. The count comes with the next line
    that passes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._places: dict[tuple[str, int], list[float]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the line passes; one that follows left-out ones says how many."""
        burst = _BURST.get(record.levelno)
        if burst is None:
            return True
        place = self._places.setdefault((record.pathname, record.lineno), [record.created, 0, 0])
        begun, passed, left_out = place
        if record.created - begun >= _WINDOW:
            if left_out:
                setattr(record, SUPPRESSED, int(left_out))
            place[:] = [record.created, 1, 0]
            return True
        place[1 if passed < burst else 2] += 1
        return passed < burst


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Send every log of the process, Python's warnings too, to one stream as JSON.

    Raises KeyError for a level that is none of `LEVELS`: the configuration has checked it.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(FloodGate())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    logging.captureWarnings(capture=True)
    for name in (*_QUIET, _BY_OBJECT):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        quiet = logging.ERROR if name == _BY_OBJECT else logging.WARNING
        logger.setLevel(max(LEVELS[level], quiet))


def loop_exception_handler(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what an event loop found nobody to raise to; for `loop.set_exception_handler`.

    asyncio's own handler writes out the objects concerned, an exception's message among them.
    """
    extra: dict[str, object] = {
        "about": {key: type(value).__name__ for key, value in context.items() if key != "message"}
    }
    error = context.get("exception")
    if isinstance(error, BaseException):
        extra.update(described(error))
    _log.error("unhandled error in the event loop", extra=extra)


def described(error: BaseException) -> dict[str, object]:
    """Return what may be said of an exception: `exception`, `stack`, and `error` if it is ours.

    `exception` is its type with those of its causes, `"KeyError < RuntimeError"` (the second was
    raised first); `stack` is `file:line in function`, outermost first. Of a group, the first of its
    errors stands for all.
    """
    types: list[str] = []
    places: list[str] = []
    texts: list[str] = []
    for one in _chain(error):
        types.append(_name(type(one)))
        places.extend(_places(one.__traceback__))
        if isinstance(one, _OWN):
            texts.append(str(one))
    if len(places) > _MOST_PLACES:
        places = [*places[: _MOST_PLACES // 2], "...", *places[-_MOST_PLACES // 2 :]]
    told: dict[str, object] = {"exception": " < ".join(types), "stack": places}
    return {**told, "error": texts[0]} if texts else told


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        if isinstance(current, BaseExceptionGroup):
            current = current.exceptions[0]
        elif current.__cause__ or current.__suppress_context__:
            current = current.__cause__
        else:
            current = current.__context__


def _name(kind: type) -> str:
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _places(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        code = traceback.tb_frame.f_code
        parts = PurePath(code.co_filename).parts[-3:]
        yield f"{'/'.join(parts)}:{traceback.tb_lineno} in {code.co_name}"
        traceback = traceback.tb_next


def _by_type(value: object) -> object:
    if isinstance(value, BaseException):
        return described(value).get("error") or type(value).__name__
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    return type(value).__name__
