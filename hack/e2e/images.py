"""The images of a run: built here, or somebody's in a registry."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hack.cluster.folders import Folders
from hack.cluster.progress import Progress
from hack.images.build import Images, Settings
from hack.images.tools import find_tool

TARGETS: Final = ("webhook", "controller", "emulator", "e2e")
_NAMES: Final = ("AZWI_E2E_REGISTRY", "AZWI_E2E_TAG")


class ImagesNeeded(Exception):  # noqa: N818 - it says what is the matter
    """Nobody said how images get into the cluster."""


def archives(environment: Mapping[str, str], progress: Progress) -> dict[str, Path]:
    """Build what has changed; return the archives by target. Raises ImagesError."""
    folders = Folders.of(environment)
    images = Images(find_tool(environment=environment), Settings(), folders, progress)
    return images.save(folders.root / "e2e", TARGETS)


def given_images(environment: Mapping[str, str]) -> None:
    """See that the images have been named. Raises ImagesNeeded."""
    if missing := [name for name in _NAMES if not environment.get(name)]:
        raise ImagesNeeded(
            f"how do images get into the cluster? {' and '.join(missing)} not set:"
            " <registry>/webhook:<tag> and so on are used as they are; or set AZWI_E2E_LOAD to a"
            " command that loads an archive: kind load image-archive {archive}"
        )
