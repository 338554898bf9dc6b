"""JSON logs."""

import asyncio
import gc
import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from webhook import logs

LOGGER = logging.getLogger("azwi.webhook.test")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Logging as the process sets it up; put back as it was at the end."""
    root = logging.getLogger()
    names = ("uvicorn", "uvicorn.error", "asyncio", "httpx", "httpcore")
    before = {name: logging.getLogger(name).level for name in names}
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


def test_a_line_has_stable_keys_first(stream: io.StringIO) -> None:
    LOGGER.info("served %s", "it", extra={"port": 9443})
    (line,) = lines(stream)
    assert list(line) == ["timestamp", "level", "logger", "message", "port"]
    assert line["level"] == "info"
    assert line["logger"] == "azwi.webhook.test"
    assert line["message"] == "served it"
    assert line["port"] == 9443


def test_the_timestamp_is_rfc_3339_in_utc(stream: io.StringIO) -> None:
    record = logging.LogRecord("x", logging.INFO, "x", 1, "x", (), None)
    record.created = 1_700_000_000.0
    line = json.loads(logs.JsonFormatter().format(record))
    assert line["timestamp"] == "2023-11-14T22:13:20.000Z"


def test_an_exception_is_its_type_and_places_without_its_words(stream: io.StringIO) -> None:
    secret = "s3cr3t"
    try:
        try:
            {}[secret]  # type: ignore[index]
        except KeyError as error:
            raise ValueError(secret) from error
    except ValueError:
        LOGGER.exception("broke")
    (line,) = lines(stream)
    assert line["exception"] == "ValueError < KeyError"
    assert any("test_logs.py:" in place for place in line["stack"])
    assert secret not in stream.getvalue()


async def test_what_an_event_loop_reports_is_types_and_places(stream: io.StringIO) -> None:
    secret = "s3cr3t"

    def breaks(given: str) -> None:
        raise KeyError(given)

    async def fails() -> None:
        breaks(secret)

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(logs.loop_exception_handler)
    loop.call_soon(breaks, secret)
    task = loop.create_task(fails())
    await asyncio.wait((task,))
    del task
    gc.collect()
    loop.call_exception_handler({"message": secret})
    found = lines(stream)
    assert secret not in stream.getvalue()
    assert [line.get("error") for line in found] == ["KeyError", "KeyError", None]
    assert "in breaks" in found[0]["stack"][-1]
    assert found[1]["about"]["future"] == "Task"


def test_an_exception_that_caused_itself_ends(stream: io.StringIO) -> None:
    one, other = ValueError(), TypeError()
    one.__cause__, other.__cause__ = other, one
    assert logs.described(one)[0] == "ValueError < TypeError"


def test_what_json_cannot_hold_is_named_by_its_type(stream: io.StringIO) -> None:
    odd: list[Any] = [object(), ValueError("s3cr3t"), Path("/x"), 2**70, "\ud800", {1: {2, 3}}]
    for value in odd:
        LOGGER.info("odd", extra={"value": value})
    LOGGER.info("\ud800")
    assert len(lines(stream)) == len(odd) + 1
    assert "s3cr3t" not in stream.getvalue()


def test_a_line_break_does_not_make_a_line(stream: io.StringIO) -> None:
    LOGGER.info('one\n{"level": "error"}')
    assert len(lines(stream)) == 1


def test_an_extra_cannot_take_a_stable_keys_place(stream: io.StringIO) -> None:
    LOGGER.info("x", extra={"level": "fake", "logger": "fake", "timestamp": "fake"})
    (line,) = lines(stream)
    assert line["level"] == "info"
    assert line["logger"] == "azwi.webhook.test"


def test_uvicorn_and_pythons_warnings_come_along(stream: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    found = {line["logger"] for line in lines(stream)}
    assert found == {"uvicorn.error", "py.warnings"}


@pytest.mark.parametrize(("name", "level"), [("info", 20), ("debug", 10), ("trace", 5), ("all", 1)])
def test_the_originals_levels_are_known(stream: io.StringIO, name: str, level: int) -> None:
    logs.set_up(name, stream)
    assert logging.getLogger().level == level


def test_requests_heads_are_never_logged(stream: io.StringIO) -> None:
    """Below debug, uvicorn logs each request's head, and httpx those of its own."""
    logs.set_up("all", stream)
    assert logging.getLogger("uvicorn.error").level == logging.DEBUG
    assert logging.getLogger("httpx").level == logging.WARNING
    assert logging.getLogger("httpcore").level == logging.WARNING


def test_a_flood_from_one_place_is_counted_instead(stream: io.StringIO) -> None:
    gate = logs.FloodGate(window=60)
    passed = []
    for second in (*[0.0] * 100, 61.0):
        record = logging.LogRecord("x", logging.ERROR, "here.py", 7, "flood", (), None)
        record.created = second
        if gate.filter(record):
            passed.append(record)
    assert len(passed) == 21
    assert vars(passed[-1])["suppressed"] == 80
    other = logging.LogRecord("x", logging.ERROR, "here.py", 8, "another place", (), None)
    assert gate.filter(other)


def test_logs_go_to_standard_error(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    logs.set_up("info")
    LOGGER.info("here")
    assert "here" in out.getvalue()
