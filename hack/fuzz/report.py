"""A run in words: the line while it goes on, the table at its end, one case in full."""

import sys
import time
from collections.abc import Callable, Iterator
from typing import Final, TextIO

from hack.fuzz.case import Case, Layer, Seen
from hack.fuzz.oracle import Finding
from hack.fuzz.outcome import EXPLAINED
from hack.fuzz.run import Report
from hack.fuzz.vitals import MEBIBYTE, growth_allowed

_SHOWN: Final = 1500
_PER_KIND: Final = 5


def printed(stream: TextIO | None = None) -> Callable[[Report], None]:
    """Tell how far a run is: a live line on a terminal, elsewhere a line each ten seconds."""
    out = sys.stderr if stream is None else stream
    live = out.isatty()
    started = last = time.monotonic()

    def tell(report: Report) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < (0.5 if live else 10.0):
            return
        last = now
        rate = report.done / (now - started)
        found = f", {sum(report.kinds.values())} findings" if report.kinds else ""
        line = f"{report.done:,} of {report.plan.count:,} cases, {rate:,.0f}/s{found}"
        out.write(f"\r{line:<76}" if live else f"{line}\n")
        out.flush()

    return tell


def lines_of(report: Report) -> Iterator[str]:
    """Write a whole run down."""
    plan = report.plan
    left_out = f", {report.left_out} slow ones left out" if report.left_out else ""
    yield ""
    yield (
        f"{report.done:,} cases in {report.seconds:.0f} s"
        f" ({report.done / report.seconds:,.0f}/s over {plan.connections} connections){left_out},"
        f" seed {plan.seed}"
    )
    yield ""
    yield from _table(report)
    yield ""
    yield from _memory(report)
    yield ""
    yield from _findings(report)


def _table(report: Report) -> Iterator[str]:
    total = {name for counts in report.table.values() for name in counts}
    names = [name for name in EXPLAINED if name in total] + sorted(total - EXPLAINED.keys())
    yield f"{'layer':10}" + "".join(f"{name:>9}" for name in names) + f"{'all':>9}   slowest"
    for layer in Layer:
        counts = report.table.get(layer)
        if counts is None:
            continue
        cells = "".join(f"{counts[name] or '':>9}" for name in names)
        seconds, index = report.slowest.get(layer, (0.0, 0))
        yield f"{layer:10}{cells}{counts.total():>9}   {seconds:.2f} s, case {index}"
    for name in names:
        if name in EXPLAINED:
            yield f"  {name}: {EXPLAINED[name]}"


def _memory(report: Report) -> Iterator[str]:
    samples = ", ".join(f"{size / MEBIBYTE:.1f}" for _, size in report.memory)
    yield f"memory (RSS, MiB) at each tenth, under load: {samples}"
    for when, vitals in zip(
        ("at the start", "after a tenth", "at the end"), report.vitals, strict=False
    ):
        yield (
            f"  {when:14} {vitals.memory / MEBIBYTE:6.1f} MiB, {vitals.descriptors} open files,"
            f" {vitals.threads} threads, azwi_connections {vitals.connections:.0f}"
        )
    if len(report.vitals) == 3:
        _, warm, last = report.vitals
        allowed = growth_allowed(report.done * 9 // 10)
        grown = (last.memory - warm.memory) / MEBIBYTE
        yield f"  growth since the first tenth {grown:+.1f} MiB; allowed {allowed / MEBIBYTE:.1f}"


def _findings(report: Report) -> Iterator[str]:
    if not report.kinds:
        yield "no findings"
        return
    yield f"{sum(report.kinds.values())} findings"
    for kind, count in report.kinds.most_common():
        yield f"- {kind}: {count}"
        # One line for a case, though it was sent several times.
        by_case = {
            found.finding.detail if found.index is None else found.index: found
            for found in report.found
            if found.finding.kind is kind
        }
        of_kind = list(by_case.values())
        for found in of_kind[:_PER_KIND]:
            yield f"    {found.what or 'the whole run'}: {found.finding.detail}"
            if found.index is not None:
                yield f"      python -m hack.fuzz --seed {report.plan.seed} --case {found.index}"


def case_in_full(case: Case, seen: Seen, findings: list[Finding]) -> Iterator[str]:
    """Write one case down with what came of it."""
    yield f"layer {case.layer}: {case.what}; {case.size:,} bytes, then: {case.end}"
    for piece in case.pieces:
        yield f"  > {_clipped(piece)}" if isinstance(piece, bytes) else f"  > wait {piece} s"
    for answer in seen.answers:
        yield f"  < {answer.status} {answer.headers}"
        yield f"  < {_clipped(answer.body)}"
    state = "closed by the server" if seen.closed else "open"
    timed_out = ", no answer in time" if seen.timed_out else ""
    yield f"after {seen.seconds:.3f} s the connection is {state}{timed_out} {seen.fault}"
    yield from (f"FINDING {finding.kind}: {finding.detail}" for finding in findings)
    if not findings:
        yield "no findings"


def _clipped(data: bytes) -> str:
    if len(data) <= _SHOWN:
        return repr(data)
    return f"{data[:_SHOWN]!r} ... ({len(data):,} bytes)"
