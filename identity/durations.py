"""Durations as Go's time.ParseDuration reads them: flags and the API server's `?timeout=`."""

import re
from typing import Final

_SECONDS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "\u00b5s": 1e-6,  # the micro sign
    "\u03bcs": 1e-6,  # the Greek letter mu
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PART: Final = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(" + "|".join(_SECONDS) + ")")
_LONGEST: Final = (1 << 63) / 1e9


def parse_go_duration(value: str) -> float | None:
    """Read a duration such as `1h30m`, `500ms` or `0`, in seconds; None if it is none.

    Source: https://pkg.go.dev/time#ParseDuration
    """
    sign, text = (-1.0, value[1:]) if value.startswith("-") else (1.0, value.removeprefix("+"))
    if text == "0":
        return 0.0
    seconds, end = 0.0, 0
    while match := _PART.match(text, end):
        seconds += float(match[1]) * _SECONDS[match[2]]
        end = match.end()
    if not text or end != len(text) or seconds >= _LONGEST:
        return None
    return sign * seconds
