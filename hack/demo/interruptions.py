"""Signals that ask us to end: the first one unwinds the program, later ones don't disturb that."""

import os
import signal
from collections.abc import Callable
from types import FrameType

from hack.demo.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruptions:
    """From the moment that this is made, the first signal raises Interrupted."""

    def __init__(self) -> None:
        self.asked = False
        """Somebody wants us to end: waiting for what ends by itself has no point."""
        self._first_told = _nobody
        self._held = False
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, a shell's `&`
                signal.signal(number, self._handle)

    def tell(self, listener: Callable[[], None]) -> None:
        """Call it before the first signal raises."""
        self._first_told = listener

    def hold(self) -> None:
        """Raise no more: what was started is being ended, and nothing may come between."""
        self._held = True

    def _handle(self, number: int, _: FrameType | None) -> None:
        self.asked = True
        if number == signal.SIGHUP:
            _print_to_nobody()
        if not self._held:
            self.hold()
            self._first_told()
            raise Interrupted(number)


def _nobody() -> None:
    return


def _print_to_nobody() -> None:
    """Write to nowhere: the terminal is gone, and would fail us in the midst of ending things."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
