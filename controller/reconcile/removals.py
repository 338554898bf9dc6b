"""Every removal passes here: beyond a share of all credentials an admin's word is waited for."""

import logging
import time
from collections.abc import Callable, Sequence

from controller.brake import Brake
from controller.journal import Journal
from controller.kube import KubeError

_log = logging.getLogger("azwi.controller.removals")


class Removals:
    """The brake, with what it needs to know, and what is to outlive a restart of it."""

    def __init__(
        self, brake: Brake, journal: Journal, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._brake = brake
        self._journal = journal
        self._clock = clock
        self._standing: dict[str, int] = {}

    def stands(self, client_id: str, observed: Sequence[object]) -> None:
        """Take how many credentials of ours an identity has."""
        if observed:
            self._standing[client_id] = len(observed)
        else:
            self._standing.pop(client_id, None)

    @property
    def total(self) -> int:
        """How many credentials of ours there are, as last seen."""
        return sum(self._standing.values())
