"""Telling people what takes so long: steps, as data, and one way to print them."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TextIO

State = Literal["started", "running", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing worth telling about one step."""

    what: str
    state: State
    seconds: float
    """Since the step started."""
    detail: str = ""


Progress = Callable[[Step], None]
"""Called in the thread that does the work; `running` may come several times a second."""


def silent(step: Step) -> None:
    """Tell nobody."""


@contextmanager
def told(progress: Progress, what: str) -> Iterator[Callable[[str], None]]:
    """Tell of a step's start, its end and its time; yields a function that tells a detail."""
    start = time.monotonic()

    def tell(state: State, detail: str = "") -> None:
        progress(Step(what, state, time.monotonic() - start, detail))

    tell("started")
    try:
        yield lambda detail: tell("running", detail)
    except BaseException:
        tell("failed")
        raise
    tell("done")


def printed(stream: TextIO | None = None, *, every: float = 10.0) -> Progress:
    """Print steps: one live line each on a terminal, elsewhere a line each `every` seconds."""
    out = sys.stderr if stream is None else stream
    live = out.isatty()
    last_told: dict[str, float] = {}

    def progress(step: Step) -> None:
        if step.state == "running":
            pause = 0.5 if live else every
            if step.seconds - last_told.get(step.what, 0.0) < pause:
                return
            last_told[step.what] = step.seconds
        elif step.state != "started":
            last_told.pop(step.what, None)
        out.write(_line(step, live=live))
        out.flush()

    return progress


def _line(step: Step, *, live: bool) -> str:
    mark = {"started": "...", "running": "...", "done": " ok", "failed": " !!"}[step.state]
    text = f"{mark} {step.what}"
    if step.state != "started":
        text += f"  {_duration(step.seconds)}"
    if step.detail:
        text += f"  {step.detail}"
    if not live:
        return text + "\n"
    return f"\r\x1b[2K{text[:120]}" + ("\n" if step.state in {"done", "failed"} else "")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
