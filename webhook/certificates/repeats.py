"""How often steps are done: two replicas that undo each other's never do so at full speed."""

from typing import Final

_FREE: Final = 2
"""So often a step is done again at once."""
_LONGEST: Final = 60.0
_WINDOW: Final = 300.0
"""What was not done for so long begins anew."""


class Repeats:
    """Counts steps by name. `at` is monotonic seconds."""

    def __init__(self) -> None:
        self._done: dict[str, tuple[int, float]] = {}

    def did(self, step: str, at: float) -> None:
        """Note that a step was done."""
        self._done[step] = (self._count(step, at) + 1, at)

    def wait(self, step: str, at: float) -> float:
        """Return how many seconds to wait before a step is done again: 1, 2, 4 ... after it was."""
        count = self._count(step, at) - _FREE
        if count <= 0:
            return 0.0
        wait: float = min(_LONGEST, 2.0 ** (min(count, 10) - 1))
        return max(0.0, self._done[step][1] + wait - at)

    def _count(self, step: str, at: float) -> int:
        count, last = self._done.get(step, (0, at))
        return count if at - last < _WINDOW else 0
