"""SIGTERM and SIGINT: the first asks for an orderly end, the second for an end."""

import asyncio
import logging
import signal
from types import TracebackType
from typing import Final, Self

HANDLED: Final = (signal.SIGTERM, signal.SIGINT)
_log = logging.getLogger("azwi.webhook.server")


class Signals:
    """Turns the process's signals into events, while the context lasts.

    The loop must be that of the main thread. What the signals did before is put back at the end.
    """

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        """Set by the first signal."""
        self.at_once = asyncio.Event()
        """Set by the second one."""

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in HANDLED:
            loop.add_signal_handler(number, self._handle, number)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        for number in HANDLED:
            loop.remove_signal_handler(number)

    def _handle(self, number: signal.Signals) -> None:
        again = self.stop.is_set()
        _log.info("signal", extra={"signal": number.name, "again": again})
        (self.at_once if again else self.stop).set()
