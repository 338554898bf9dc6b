"""What can go wrong, told apart by what the demo does about it.

DemoFailed        something was not as it should be; its text says what was expected and found
  ApiRefused      the API server said no: its status and its words
Interrupted       a signal asks us to end; not an Exception, so that nothing takes it for a failure
"""

# ruff: noqa: N818  what happened is said without the word Error

import signal


class DemoFailed(Exception):
    """The demo ends here; the text is made for people, the first line says it all."""


class ApiRefused(DemoFailed):
    """The API server answered a request with an error."""

    def __init__(self, request: str, status: int, message: str) -> None:
        self.status = status
        self.message = message
        super().__init__(f"{request}: expected it to be done, found {status}: {message}")


class Interrupted(BaseException):
    """Ctrl-C, or another signal that asks a program to end."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)

    @property
    def exit_status(self) -> int:
        """The shell's: 130 after Ctrl-C."""
        return 128 + self.number
