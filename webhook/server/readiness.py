"""Whether reviews should be sent here."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

Check: TypeAlias = Callable[[], str | None]
"""Says why the process is not ready; None: it is, as far as this goes."""


class Readiness:
    """Whether reviews should be sent here: every check passes, and the end has not begun."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = {**checks, "shutdown": self._shutdown}
        self._draining = False

    def drain(self) -> None:
        """Be unready from now on."""
        self._draining = True

    def results(self) -> dict[str, str | None]:
        """Return every check's reason, None where it passes."""
        return {name: _ask(check) for name, check in self._checks.items()}

    def _shutdown(self) -> str | None:
        return "the process is ending" if self._draining else None


def _ask(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - a check that breaks has not passed
        return f"the check failed: {type(error).__name__}"
