"""Faults of what a person wrote, gathered so that all of them are told at once."""

from collections.abc import Iterator
from dataclasses import dataclass

_LONGEST_VALUE = 64


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where it stands, what was found and what was expected."""

    where: str
    """The annotation, flag, variable or field, named as its author wrote it."""
    found: str | None
    """The value, as written; None where something is missing or must not be shown."""
    expected: str
    """What would have been right, in words that say what to do."""

    def __str__(self) -> str:
        """Return one sentence for people."""
        if self.found is None:
            return f"{self.where}: {self.expected}"
        return f"{self.where}: {quoted(self.found)} is not valid; expected {self.expected}"


class Faults:
    """A list that parsing adds to, so that it can go on and find the next fault."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, where: str, found: str | None, expected: str) -> None:
        """Record one fault; the arguments are those of `Fault`."""
        self._faults.append(Fault(where, found, expected))

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def __bool__(self) -> bool:
        return bool(self._faults)

    def __len__(self) -> int:
        return len(self._faults)


def quoted(value: str) -> str:
    """Return somebody's value fit for one line of a message: escaped, and not of any length."""
    if len(value) > _LONGEST_VALUE:
        value = value[: _LONGEST_VALUE - 1] + "~"
    return '"' + value.encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'
