"""Run the webhook in this process and note where its CPU time goes.

    python -m hack.bench.sampler FILE [webhook's flags]

SIGUSR1 starts it. The kernel's profiling timer then interrupts after each tick of CPU (4 ms on most
kernels), and the stack of that moment is counted. Python handles the interruption at its next
instruction, so that what C code takes (TLS, the event loop) is told as part of what called it, or
of what it calls next.
"""

import json
import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

_INTERVAL: Final = 0.001
"""Seconds of CPU; the kernel makes whole ticks of it."""

Stack = tuple[tuple[CodeType, int], ...]
"""Code and line, the innermost first."""


class Sampler:
    """Counts stacks."""

    def __init__(self) -> None:
        self.stacks: Counter[Stack] = Counter()

    def start_on(self, number: signal.Signals) -> None:
        """Count from a signal on."""
        signal.signal(signal.SIGPROF, self._sample)
        signal.signal(number, self._start)

    def _start(self, _: int, __: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_PROF, _INTERVAL, _INTERVAL)

    def stop(self) -> None:
        """Count no more."""
        signal.setitimer(signal.ITIMER_PROF, 0)

    def save(self, path: Path) -> None:
        """Write the stacks down, outermost first, with their counts."""
        told = [
            ([_name(code, line) for code, line in reversed(stack)], count)
            for stack, count in self.stacks.most_common()
        ]
        path.write_text(json.dumps(told))

    def _sample(self, _: int, frame: FrameType | None) -> None:
        stack = []
        while frame is not None:
            stack.append((frame.f_code, frame.f_lineno))
            frame = frame.f_back
        self.stacks[tuple(stack)] += 1


def _name(code: CodeType, line: int) -> list[str | int]:
    return [code.co_qualname, code.co_filename, line]


def main() -> None:
    """Run `python -m webhook` with the rest of the command line."""
    file = Path(sys.argv.pop(1))
    sampler = Sampler()
    sampler.start_on(signal.SIGUSR1)
    try:
        runpy.run_module("webhook", run_name="__main__", alter_sys=True)
    finally:
        sampler.stop()
        sampler.save(file)


if __name__ == "__main__":
    main()
