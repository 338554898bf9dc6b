"""What people see: steps with their time, a coloured difference, facts, checks.

On a terminal the step under way is one live line. Elsewhere nothing is ever drawn over: a step's
name is printed when it starts, its time when it ends. Colour only where it is wanted (NO_COLOR,
https://no-color.org), and no meaning rests on it.
"""

import os
import sys
import textwrap
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from hack.cluster.progress import Step, told
from hack.demo.checks import Check
from hack.demo.pods import Line
from hack.demo.table import table_lines

_WIDTH = 92
_INDENT = "   "
_TOLD_EVERY = 10.0
"""Seconds between two lines about one step, where there is no live line."""
_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PLAIN_FRAMES = "-\\|/"
_MARKS = {"place": "@@", "same": " ", "added": "+", "removed": "-"}
_STYLES = {"place": "cyan", "same": "", "added": "green", "removed": "red"}


class Screen:
    """Prints to people. `step()` and `progress` tell of what takes time."""

    def __init__(
        self,
        out: TextIO = sys.stdout,
        errors: TextIO = sys.stderr,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._console = _console(out, environment)
        self._errors = _console(errors, environment)
        self._live_lines = out.isatty() and not self._console.is_dumb_terminal
        self._width = min(self._console.width, _WIDTH)
        self._pretty = (self._console.encoding or "").lower().startswith("utf")
        self._ok, self._bad = ("✓", "✗") if self._pretty else ("ok", "!!")
        self._frames = _FRAMES if self._pretty else _PLAIN_FRAMES
        self._sections = 0
        self._running: list[_Running] = []
        self._live: Live | None = None
        self._open_line = False
        self._muted = False

    def mute(self) -> None:
        """Tell nothing of steps from now on: we were interrupted, and what fails fails by that."""
        self._muted = True

    def close(self) -> None:
        """Give the terminal back, whatever was going on when a signal came."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._live_lines:
            self._console.show_cursor()

    def title(self, text: str) -> None:
        """Print what the program is about."""
        self._print(Text(text, "bold"))

    def section(self, text: str) -> None:
        """Begin the next part."""
        self._sections += 1
        if not self._muted:
            self._print(Text(f"\n{self._sections}  {text}", "bold"))

    def note(self, text: str) -> None:
        """Print a line about the step before."""
        self._print(Text(f"   {text}", "dim"))

    def step(self, what: str) -> AbstractContextManager[Any]:
        """Tell of a step for as long as the block runs; yields a function that tells a detail."""
        return told(self.progress, what)

    def progress(self, step: Step) -> None:
        """Tell of a step, as hack.cluster's Progress."""
        if step.state == "started":
            self._begin(step)
        elif step.state == "running":
            self._go_on(step)
        else:
            self._end(step)

    def difference(self, lines: Sequence[Line]) -> None:
        """Print a difference between two pods."""
        for line in lines:
            text = f"{_MARKS[line.kind]} {line.text}"
            self._print(Text(f"   {text}", _STYLES[line.kind]))

    def facts(self, rows: Iterable[tuple[str, str]]) -> None:
        """Print names and what belongs to them, in columns."""
        told_rows = list(rows)
        width = max(len(name) for name, _ in told_rows)
        last = None
        for name, value in told_rows:
            label = "" if name == last else name
            self._print(Text.assemble((f"   {label:{width}}  ", "cyan"), value))
            last = name

    def table(self, command: str, table: dict[str, Any]) -> None:
        """Print a table of the API server as that command of kubectl does.

        On a terminal that is too narrow, cells are cut; elsewhere lines are as long as they are.
        """
        self._print(Text(f"   $ {command}", "bold"))
        room = self._console.width - len(_INDENT) if self._live_lines else None
        lines = table_lines(table, room) or ["No resources found"]
        for line in lines:
            self._print(Text(f"{_INDENT}{line if self._pretty else line.replace('…', '.')}"))

    def quote(self, text: str) -> None:
        """Print a long text, broken between words."""
        for line in textwrap.wrap(text, self._width - 2 * len(_INDENT), break_long_words=False):
            self._print(Text(f"{_INDENT}{_INDENT}{line}", "yellow"))

    def check(self, check: Check) -> None:
        """Print what was checked, and what was found if it isn't what was expected."""
        if check.ok:
            self._print(Text.assemble((f"   {self._ok} ", "green"), check.what))
            return
        self._print(Text.assemble((f"   {self._bad} {check.what}", "red bold")))
        self._print(Text(f"       expected  {check.expected}"))
        self._print(Text(f"       found     {check.found}"))

    def ending(self, first: str, *others: str) -> None:
        """Print how it ended, and what to do next."""
        self._print(Text(f"\n{first}", "bold green"))
        for line in others:
            self._print(Text(line))

    def problem(self, text: str) -> None:
        """Print why it can't go on: the first line stands out."""
        first, _, rest = text.partition("\n")
        self._close_line()
        self._errors.print(Text(f"\n{self._bad} {first}", "bold red"), soft_wrap=True)
        if rest:
            self._errors.print(Text(rest), soft_wrap=True)

    def _begin(self, step: Step) -> None:
        self._running.append(_Running(step.what, self._frames, self._width))
        if not self._live_lines:
            self._close_line()
            if not self._muted:
                self._print(Text(f"   {step.what} "), end="")
                self._open_line = True
        elif self._live is None:
            self._live = Live(
                get_renderable=lambda: self._running[-1],
                console=self._console,
                transient=True,
                refresh_per_second=8,
            )
            self._live.start(refresh=True)

    def _go_on(self, step: Step) -> None:
        running = self._running[-1]
        running.detail = step.detail or running.detail
        if not self._live_lines and step.seconds - running.told >= _TOLD_EVERY:
            running.told = step.seconds
            self._close_line()
            about = f"{running.detail}, " if running.detail else ""
            self._print(Text(f"      {about}{_seconds(step.seconds)} so far"))

    def _end(self, step: Step) -> None:
        if self._live is not None and len(self._running) == 1:
            self._live.stop()
            self._live = None
        self._running.pop()
        took = _seconds(step.seconds)
        failed = step.state == "failed"
        if self._muted:
            self._close_line()
        elif self._live_lines:
            mark = (f"   {self._bad} ", "red") if failed else (f"   {self._ok} ", "green")
            line = Text.assemble(mark, step.what)
            line.append(_gap(self._width, line.cell_len, took) + took, "dim")
            self._print(line)
        else:
            start = f"   {step.what} "
            if not self._open_line:
                self._print(Text(start), end="")
            dots = _gap(self._width, len(start) + 1, took, ".")
            self._print(Text(f"{dots} {took}{', failed' if failed else ''}"))
            self._open_line = False

    def _close_line(self) -> None:
        if self._open_line:
            self._open_line = False
            self._print(Text())

    def _print(self, text: Text, end: str = "\n") -> None:
        # soft_wrap: what is longer than the terminal is wide is for the terminal to break.
        self._console.print(text, end=end, soft_wrap=True)


class _Running:
    """The live line of a step; drawn anew several times a second."""

    def __init__(self, what: str, frames: str, width: int) -> None:
        self.detail = ""
        self.told = 0.0
        self._what = what
        self._frames = frames
        self._width = width
        self._start = time.monotonic()

    def __rich__(self) -> Text:
        seconds = time.monotonic() - self._start
        frame = self._frames[int(seconds * 8) % len(self._frames)]
        line = Text.assemble((f"   {frame} ", "cyan"), self._what)
        if self.detail:
            line.append(f"  {self.detail}", "dim")
        took = _seconds(seconds)
        line.truncate(self._width - len(took) - 2, overflow="ellipsis")
        line.append(_gap(self._width, line.cell_len, took) + took, "dim")
        return line


def _console(file: TextIO, environment: Mapping[str, str]) -> Console:
    plain = bool(environment.get("NO_COLOR"))
    return Console(
        file=file,
        color_system=None if plain else "auto",  # None: no bold and dim either
        highlight=False,
        markup=False,
        emoji=False,
        _environ=environment,
    )


def _gap(width: int, used: int, took: str, fill: str = " ") -> str:
    return fill * max(2, width - used - len(took))


def _seconds(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
