"""What shows only in the whole: memory, connections, the log, the metrics."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hack.fuzz.oracle import Finding, Kind
from hack.fuzz.reviews import QUOTABLE, SECRET

MEBIBYTE: Final = 1024 * 1024
_BYTES_PER_CASE: Final = 100
_SLACK: Final = 4 * MEBIBYTE
_LEAST_BOUND: Final = 12 * MEBIBYTE
_LONGEST_LINE: Final = 16 * 1024
_MOST_METRICS: Final = 8 * MEBIBYTE
"""1,000 namespaces with 19 lines of 100 characters each, four times over."""
_LONGEST_SERIES: Final = 1024
"""Names of Kubernetes have 253 characters at the most."""
_MORE_DESCRIPTORS: Final = 30
"""The API server's 24 connections stay open, and a few of the side listeners'."""
_MORE_THREADS: Final = 8
_INTERNAL: Final = re.compile(
    r'^azwi_requests_total\{[^}]*reason="internal"[^}]*\} (\S+)$', re.MULTILINE
)
_CONNECTIONS: Final = re.compile(r"^azwi_connections (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Vitals:
    """Figures of one moment."""

    memory: int
    descriptors: int
    threads: int
    connections: float


def growth_allowed(cases: int) -> int:
    """Return by how many bytes memory may grow over so many cases.

    200 bytes lost per case would be twice that over 90,000; heaps of programs that had 8 MiB in
    hand now and then move by some MiB on their own.
    """
    return max(_LEAST_BOUND, _SLACK + _BYTES_PER_CASE * cases)


def compare(first: Vitals, warm: Vitals, last: Vitals, cases: int) -> Iterator[Finding]:
    """Judge what a server holds: fresh, after the first tenth, and at the end."""
    allowed = growth_allowed(cases)
    if last.memory - warm.memory > allowed:
        grown = (last.memory - warm.memory) / MEBIBYTE
        bound = f"{allowed / MEBIBYTE:.1f} are allowed over {cases:,} cases"
        yield Finding(Kind.MEMORY, f"by {grown:.1f} MiB since the first tenth; {bound}")
    if last.connections > first.connections:
        yield Finding(Kind.CONNECTIONS, f"azwi_connections is {last.connections:.0f}")
    if last.descriptors > first.descriptors + _MORE_DESCRIPTORS:
        yield Finding(Kind.CONNECTIONS, f"{first.descriptors} open files, now {last.descriptors}")
    if last.threads > first.threads + _MORE_THREADS:
        yield Finding(Kind.CONNECTIONS, f"{first.threads} threads, now {last.threads}")


def connections_in(metrics: str) -> float:
    """Read how many connections the server counts."""
    found = _CONNECTIONS.search(metrics)
    return float(found[1]) if found else -1.0


def judge_metrics(metrics: str) -> Iterator[Finding]:
    """Judge the metrics' text."""
    if SECRET in metrics or QUOTABLE in metrics:
        yield Finding(Kind.METRICS, "they hold a canary")
    if len(metrics) > _MOST_METRICS:
        yield Finding(Kind.METRICS, f"{len(metrics) / MEBIBYTE:.1f} MiB of them")
    longest = max(metrics.split("\n"), key=len)
    if len(longest) > _LONGEST_SERIES:
        yield Finding(Kind.METRICS, f"a line of {len(longest)} characters: {longest[:80]}")
    internal = _INTERNAL.search(metrics)
    if internal is None:
        yield Finding(Kind.METRICS, "no count of internal errors")
    elif float(internal[1]):
        yield Finding(Kind.INTERNAL, f"the metrics count {internal[1]}")


def judge_log(path: Path) -> Iterator[Finding]:
    """Judge every line that the server has written; one finding of a kind is enough."""
    told: set[str] = set()
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            for what in _faults_of(line):
                if what not in told:
                    told.add(what)
                    yield Finding(Kind.LOG, f"line {number}: {what}: {line[:300]!r}")


def _faults_of(line: bytes) -> Iterator[str]:
    if SECRET.encode() in line or QUOTABLE.encode() in line:
        yield "it holds a canary"
    if len(line) > _LONGEST_LINE:
        yield f"longer than {_LONGEST_LINE} bytes"
    if b"Traceback" in line:
        yield "a traceback"
    try:
        read = json.loads(line)
    except ValueError:
        yield "no JSON"
        return
    if not isinstance(read, dict) or not {"timestamp", "level", "message"} <= read.keys():
        yield "not a log line's keys"
    elif "never retrieved" in read["message"] or "was destroyed" in read["message"]:
        yield "an error or a task that nobody waited for"
    elif read["message"] == "unexpected error":
        yield "an unexpected error"
