"""Durations read as Go's time.ParseDuration reads them."""

import pytest

from identity.durations import parse_go_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10),
        ("1m30s", 90),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("+5s", 5),
        ("-10s", -10),
        (".5s", 0.5),
        ("1.s", 1),
        ("100us", 1e-4),
        ("100\u00b5s", 1e-4),
        ("100\u03bcs", 1e-4),
        ("7ns", 7e-9),
        ("0", 0),
        ("-0", 0),
        ("0s", 0),
    ],
)
def test_a_duration_reads_as_in_go(text: str, seconds: float) -> None:
    assert parse_go_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        *("", "+", "-", "10", "s", "10 s", "--5s", "1e3s", "10sx", "x10s", ".s", "\u0661s"),
        *("9" * 400, "9" * 400 + "h", "2562048h"),
    ],
)
def test_what_is_no_duration_is_none(text: str) -> None:
    assert parse_go_duration(text) is None
