"""JSON logs: what is in a line, what must never be, and how many there are."""

import asyncio
import io
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller import logs
from controller.config.flags import LEVELS
from entra.errors import Unavailable

LOGGER = logging.getLogger("azwi.controller.test")
SECRET = "s3cr3t"
OTHERS = ("kopf", "kopf.objects", "aiohttp", "asyncio", "httpx", "httpcore", "msal", "urllib3")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Logging as the process sets it up; put back as it was at the end."""
    root = logging.getLogger()
    before = {name: logging.getLogger(name).level for name in OTHERS}
    handlers, level = list(root.handlers), root.level
    out = io.StringIO()
    logs.set_up("info", out)
    yield out
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, was in before.items():
        logging.getLogger(name).setLevel(was)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_the_levels_are_those_of_the_flag() -> None:
    assert tuple(logs.LEVELS) == LEVELS


def test_a_line_has_stable_keys_first(stream: io.StringIO) -> None:
    LOGGER.info("wrote %s", "it", extra={"client_id": "a", "count": 2})
    (line,) = lines(stream)
    assert list(line) == ["timestamp", "level", "logger", "message", "client_id", "count"]
    assert {**line, "timestamp": ""} == {
        "timestamp": "",
        "level": "info",
        "logger": "azwi.controller.test",
        "message": "wrote it",
        "client_id": "a",
        "count": 2,
    }


def test_the_time_is_rfc_3339_in_utc() -> None:
    record = logging.LogRecord("x", logging.INFO, "x", 1, "x", (), None)
    record.created = 1_700_000_000.0
    assert (
        json.loads(logs.JsonFormatter().format(record))["timestamp"] == "2023-11-14T22:13:20.000Z"
    )


def test_an_extra_can_t_take_our_keys(stream: io.StringIO) -> None:
    LOGGER.info("x", extra={"timestamp": "never", "level": "loud", "logger": "me"})
    (line,) = lines(stream)
    assert (line["level"], line["logger"]) == ("info", "azwi.controller.test")
    assert line["timestamp"] != "never"


def test_a_record_is_one_line_whatever_is_in_it(stream: io.StringIO) -> None:
    LOGGER.info("a\nb\u2028c", extra={"path": Path("/a"), "names": {"b", "a"}, "bad": "\udc80"})
    assert stream.getvalue().count("\n") == 1
    (line,) = lines(stream)
    assert line["message"] == "a\nb\u2028c"
    assert (line["path"], line["names"]) == ("/a", ["a", "b"])


def test_an_object_is_its_type_s_name(stream: io.StringIO) -> None:
    class Body:
        def __repr__(self) -> str:
            return SECRET

    LOGGER.info("x", extra={"body": Body(), "error": ValueError(SECRET)})
    (line,) = lines(stream)
    assert (line["body"], line["error"]) == ("Body", "ValueError")


def test_what_json_can_t_hold_costs_no_line(stream: io.StringIO) -> None:
    LOGGER.info("x", extra={"odd": {("a", 1): 2}})
    assert lines(stream)[0]["message"] == "x"


def test_an_exception_is_its_type_and_places_without_its_words(stream: io.StringIO) -> None:
    def read() -> None:
        raise ValueError(SECRET)

    def work() -> None:
        try:
            read()
        except ValueError as error:
            raise LookupError(SECRET) from error

    try:
        work()
    except LookupError:
        LOGGER.exception("broken")
    (line,) = lines(stream)
    assert line["exception"] == "LookupError < ValueError"
    assert [place.rpartition(" in ")[2] for place in line["stack"]] == [
        "test_an_exception_is_its_type_and_places_without_its_words",
        "work",
        "work",
        "read",
    ]
    assert "error" not in line
    assert SECRET not in stream.getvalue()


def test_our_own_error_is_told_in_words_and_its_cause_is_not(stream: io.StringIO) -> None:
    error = Unavailable("it is\ndown")
    error.__cause__ = ValueError(SECRET)
    LOGGER.warning("x", exc_info=error)
    LOGGER.warning("x", extra={"error": error})
    for line in lines(stream):
        assert line["error"].startswith("it is down")
    assert SECRET not in stream.getvalue()


def test_a_group_is_told_by_the_first_of_its_errors() -> None:
    group = ExceptionGroup("two", [Unavailable("it is down"), ValueError(SECRET)])
    told = logs.described(group)
    assert told["exception"] == "ExceptionGroup < entra.errors.Unavailable"
    assert str(told["error"]).startswith("it is down")


def test_errors_that_name_each_other_end() -> None:
    first, second = ValueError(), TypeError()
    first.__cause__, second.__cause__ = second, first
    assert logs.described(first)["exception"] == "ValueError < TypeError"


def test_a_deep_stack_is_cut_in_the_middle() -> None:
    def deep(left: int) -> None:
        if not left:
            raise ValueError
        deep(left - 1)

    with pytest.raises(ValueError) as error:  # noqa: PT011 - it has no words
        deep(100)
    stack = logs.described(error.value)["stack"]
    assert isinstance(stack, list)
    assert len(stack) == 41
    assert stack[20] == "..."


@pytest.mark.parametrize(
    "name", ["kopf._core.x", "aiohttp.access", "httpx", "msal.token", "asyncio"]
)
def test_others_tell_their_warnings_only(stream: io.StringIO, name: str) -> None:
    logging.getLogger(name).info("a request")
    logging.getLogger(name).warning("a warning")
    assert [line["message"] for line in lines(stream)] == ["a warning"]


def test_kopf_s_lines_about_objects_are_told_only_if_a_handler_broke(stream: io.StringIO) -> None:
    logger = logging.getLogger("kopf.objects")
    logger.info("Handler succeeded")
    logger.warning("Patching failed with inconsistencies")
    logger.error("Handler failed")
    assert [line["message"] for line in lines(stream)] == ["Handler failed"]


def test_debug_makes_nobody_else_louder() -> None:
    root, before = logging.getLogger(), logging.getLogger().level
    handlers = list(root.handlers)
    try:
        logs.set_up("debug", io.StringIO())
        assert LOGGER.isEnabledFor(logging.DEBUG)
        assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
        logs.set_up("error", io.StringIO())
        assert not logging.getLogger("kopf").isEnabledFor(logging.WARNING)
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        root.setLevel(before)
        for name in OTHERS:
            logging.getLogger(name).setLevel(logging.NOTSET)


def test_python_s_warnings_are_lines(stream: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", stacklevel=1)
    assert lines(stream)[0]["logger"] == "py.warnings"


def record_at(moment: float, line: int = 1, level: int = logging.ERROR) -> logging.LogRecord:
    record = logging.LogRecord("x", level, "file.py", line, "x", (), None)
    record.created = moment
    return record


def test_a_flood_from_one_place_is_cut_and_counted() -> None:
    gate = logs.FloodGate()
    assert sum(gate.filter(record_at(1000.0)) for _ in range(500)) == 60
    assert gate.filter(record_at(1000.0, line=2))
    later = record_at(1060.0)
    assert gate.filter(later)
    assert getattr(later, logs.SUPPRESSED) == 440
    assert sum(gate.filter(record_at(1061.0)) for _ in range(100)) == 59


def test_debug_and_critical_lines_all_pass() -> None:
    gate = logs.FloodGate()
    for level in (logging.DEBUG, logging.CRITICAL):
        assert all(gate.filter(record_at(1.0, level=level)) for _ in range(1000))


async def test_what_a_loop_finds_is_told_without_words(stream: io.StringIO) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(logs.loop_exception_handler)
    heard = asyncio.Event()

    def break_down() -> None:
        heard.set()
        raise ValueError(SECRET)

    loop.call_soon(break_down)
    await heard.wait()
    loop.set_exception_handler(None)
    (line,) = lines(stream)
    assert line["message"] == "unhandled error in the event loop"
    assert line["exception"] == "ValueError"
    assert line["about"]["exception"] == "ValueError"
    assert SECRET not in stream.getvalue()
