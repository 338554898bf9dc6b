"""Rows by key that remember what they were a while ago, so that reads can be stale."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

V = TypeVar("V")

HORIZON: Final = 900.0
"""Seconds that the past is kept for: longer than any propagation that can be asked for."""

ALWAYS: Final = float("-inf")
"""The moment of what was there before the emulator started."""

Listener = Callable[[str, str, object | None], None]
"""Told of each change: table, key, and the value or None for a removal."""


class Table(Generic[V]):
    """Values by key, in the order in which they were made; keys are compared without case."""

    def __init__(self, name: str, listener: Listener | None = None) -> None:
        self.name = name
        self._listener = listener
        self._now: dict[str, V] = {}
        self._past: dict[str, list[tuple[float, V | None]]] = {}

    def __len__(self) -> int:
        return len(self._now)

    def put(self, key: str, value: V, moment: float) -> None:
        """Make or replace a value."""
        key = key.lower()
        self._now[key] = value
        self._remember(key, value, moment)

    def delete(self, key: str, moment: float) -> V | None:
        """Remove a value and return it; None if there is none."""
        key = key.lower()
        value = self._now.pop(key, None)
        if value is not None:
            self._remember(key, None, moment)
        return value

    def get(self, key: str, at: float | None = None) -> V | None:
        """Return a value as it is, or as it was at a moment."""
        key = key.lower()
        return self._now.get(key) if at is None else self._then(key, at)

    def values(self, at: float | None = None) -> list[V]:
        """Return all values as they are, or as they were at a moment."""
        if at is None:
            return list(self._now.values())
        found = (self._then(key, at) for key in list(self._past))
        return [value for value in found if value is not None]

    def clear(self, moment: float) -> None:
        """Remove everything."""
        for key in list(self._now):
            self.delete(key, moment)

    def _then(self, key: str, at: float) -> V | None:
        value = None
        for moment, version in self._past.get(key, ()):
            if moment > at:
                break
            value = version
        return value

    def _remember(self, key: str, value: V | None, moment: float) -> None:
        versions = self._past.setdefault(key, [])
        while len(versions) > 1 and versions[1][0] < moment - HORIZON:
            del versions[0]
        versions.append((moment, value))
        if self._listener is not None:
            self._listener(self.name, key, value)
