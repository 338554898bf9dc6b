"""What a cluster is made with."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hack.cluster.progress import Progress


@dataclass(frozen=True, slots=True)
class Means:
    """Handed to each kind of cluster."""

    find_program: Callable[[str], Path]
    """From a program's name to its path, after a build if need be."""
    progress: Progress
    host_address: str | None
    """AZWI_HOST_ADDRESS: the user's word on which address of this machine an API server calls."""
