"""Rows by key that remember what they were a while ago, so that reads can be stale."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

V = TypeVar("V")

HORIZON: Final = 900.0
"""Seconds that the past is kept for: longer than any propagation that can be asked for."""

ALWAYS: Final = float("-inf")
"""The moment of what was there before the emulator started."""

_SWEEP: Final = 1000
"""Remembered keys from which on those of old removals are looked for."""

Listener = Callable[[str, str, object | None], None]
"""Told of each change: table, key, and the value or None for a removal."""


class Table(Generic[V]):
    """Values by key, in the order in which they were made; keys are compared without case."""

    def __init__(self, name: str, listener: Listener | None = None) -> None:
        self.name = name
        self._listener = listener
        self._now: dict[str, V] = {}
        self._past: dict[str, list[tuple[float, V | None]]] = {}
        self._sweep_at = _SWEEP

    def __len__(self) -> int:
        return len(self._now)

    def put(self, key: str, value: V, moment: float) -> None:
        """Make or replace a value."""
        key = key.lower()
        if key not in self._now and key in self._past:  # made anew, so the last in both orders
            self._past[key] = self._past.pop(key)
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

    def changed(self, key: str) -> float | None:
        """Return the moment of the last write or removal; None for what was never there."""
        versions = self._past.get(key.lower())
        return versions[-1][0] if versions else None

    def clear(self, moment: float) -> None:
        """Remove everything."""
        for key in list(self._now):
            self.delete(key, moment)

    def forget(self) -> None:
        """Remove everything with its past, as if it had never been."""
        self.clear(ALWAYS)
        self._past.clear()

    def _then(self, key: str, at: float) -> V | None:
        value = None
        for moment, version in self._past.get(key, ()):
            if moment > at:
                break
            value = version
        return value

    def _remember(self, key: str, value: V | None, moment: float) -> None:
        versions = self._past.setdefault(key, [])
        if moment == ALWAYS:
            versions.clear()
        while len(versions) > 1 and versions[1][0] < moment - HORIZON:
            del versions[0]
        versions.append((moment, value))
        if len(self._past) > self._sweep_at:
            self._sweep(moment)
        if self._listener is not None:
            self._listener(self.name, key, value)

    def _sweep(self, moment: float) -> None:
        """Forget what was removed so long ago that no read shows it any more."""
        for key, versions in list(self._past.items()):
            last, value = versions[-1]
            if value is None and last < moment - HORIZON:
                del self._past[key]
        self._sweep_at = max(_SWEEP, 2 * len(self._past))
