"""Durations as Go writes them: the API server says `?timeout=10s`."""

import re

_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PART = re.compile(r"(\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_LONGEST = 64


def seconds_of(text: str) -> float | None:
    """Return a duration in seconds; None for what is none, and for zero and below.

    Source: https://pkg.go.dev/time#ParseDuration
    """
    if len(text) > _LONGEST:
        return None
    text = text.removeprefix("+")
    total, end = 0.0, 0
    for part in _PART.finditer(text):
        if part.start() != end:
            return None
        total += float(part[1]) * _UNITS[part[2]]
        end = part.end()
    return total if end == len(text) and total > 0 else None
