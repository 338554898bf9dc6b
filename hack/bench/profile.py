"""Where the webhook's time goes at saturation, by samples of the real server."""

import json
import signal
import sysconfig
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from hack.bench.bench import Bench
from hack.bench.machine import pinned
from hack.bench.speed import saturation_requests, warm
from hack.bench.subject import ROOT, Ours

_SHOWN: Final = 25
_FOLDERS: Final = (
    f"{ROOT}/",
    f"{sysconfig.get_path('purelib')}/",
    f"{sysconfig.get_path('stdlib')}/",
)


class Place(NamedTuple):
    """A line of a function."""

    function: str
    file: str
    line: int

    @property
    def of(self) -> str:
        """The function and its file."""
        return f"{self.function}  {short(self.file)}"


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of all samples."""

    samples: int
    own: Counter[str]
    """Functions that were running."""
    under: Counter[str]
    """Functions that were running or waited for one that they called."""
    lines: Counter[str]
    """Lines that were running."""


def profile(bench: Bench, out: Path) -> str:
    """Saturate a sampled server; return a text, and write stacks for a flame graph to a file."""
    data = bench.folder / "samples.json"
    sampled = Ours(launcher=("-m", "hack.bench.sampler", str(data)))
    requests = saturation_requests(bench)
    with bench.running(sampled) as server, pinned(bench.cores.driver):
        warm(server, requests)
        server.process.send_signal(signal.SIGUSR1)
        with bench.step(f"sampling for {bench.scale.seconds} s at saturation"):
            bench.driver.saturate(server, requests, bench.scale.seconds)
    stacks = read_stacks(data.read_text())
    out.write_text("".join(f"{folded(stack)} {count}\n" for stack, count in stacks))
    return f"{text(shares(stacks))}\n\nstacks for a flame graph (folded): {out}"


def read_stacks(content: str) -> list[tuple[list[Place], int]]:
    """Read what the sampler wrote."""
    return [([Place(*place) for place in stack], count) for stack, count in json.loads(content)]


def folded(stack: Sequence[Place]) -> str:
    """Write a stack as flame graph programs take it (speedscope, inferno, flamegraph.pl)."""
    return ";".join(place.of.replace(";", ",") for place in stack)


def shares(stacks: Sequence[tuple[list[Place], int]]) -> Shares:
    """Add up."""
    own: Counter[str] = Counter()
    under: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for stack, count in stacks:
        innermost = stack[-1]
        own[innermost.of] += count
        lines[f"{short(innermost.file)}:{innermost.line}  {innermost.function}"] += count
        for name in {place.of for place in stack}:
            under[name] += count
    return Shares(sum(count for _, count in stacks), own, under, lines)


def short(file: str) -> str:
    """Return a file's name as people know it."""
    for folder in _FOLDERS:
        if file.startswith(folder):
            return file.removeprefix(folder)
    return file


def text(found: Shares) -> str:
    """Lay the shares out."""
    if not found.samples:
        return "no samples: the server used no CPU to speak of"
    tables = (
        ("running", found.own),
        ("running, or waiting for what it called", found.under),
        ("lines", found.lines),
    )
    parts = [f"{found.samples:,} samples of CPU time"]
    for title, counter in tables:
        parts += ["", title]
        parts += [
            f"  {count / found.samples:6.1%}  {name}" for name, count in counter.most_common(_SHOWN)
        ]
    return "\n".join(parts)
