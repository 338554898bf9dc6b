"""The images, built once per session; what can't be built here is skipped with the reason.

AZWI_REQUIRE_IMAGES=1 (CI sets it) makes failures of the skips.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from hack.cluster.folders import Folders
from hack.cluster.testing import shown
from hack.images.build import Images, Settings
from hack.images.errors import NoBase, NoTool
from hack.images.tools import find_tool
from tests.images.archive import Archive
from tests.images.containers import Container, Given, NoRunner, Runner, find_runner

_NOTHING = Given()


@pytest.fixture(scope="session")
def archives(pytestconfig: pytest.Config) -> dict[str, Path]:
    """One archive per target, as a node or kind takes them."""
    folders = Folders.of(os.environ)
    try:
        images = Images(find_tool(), Settings(), folders, shown(pytestconfig))
        return images.save(folders.root / "images" / "archives")
    except (NoTool, NoBase) as error:
        _skip_or_fail(str(error))


@pytest.fixture(scope="session")
def images(archives: dict[str, Path]) -> dict[str, Archive]:
    """What stands in the archives."""
    return {name: Archive.read(path) for name, path in archives.items()}


@pytest.fixture(scope="session")
def runner(archives: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """What runs containers here, with the images loaded."""
    try:
        found = find_runner(tmp_path_factory.mktemp("containers"))
    except NoRunner as error:
        _skip_or_fail(str(error))
    for name, path in archives.items():
        found.load(name, path)
    yield found
    found.clear()


@pytest.fixture
def start(runner: Runner, tmp_path: Path) -> Iterator[Callable[..., Container]]:
    """Start a container of a target; it ends with the test."""
    started: list[Container] = []

    def start(target: str, *arguments: str, given: Given = _NOTHING) -> Container:
        folder = tmp_path / f"{target}-{len(started)}"
        folder.mkdir()
        container = runner.start(target, arguments, folder, given)
        started.append(container)
        return container

    yield start
    for container in started:
        container.remove()


def _skip_or_fail(reason: str) -> NoReturn:
    if os.environ.get("AZWI_REQUIRE_IMAGES") == "1":
        pytest.fail(f"AZWI_REQUIRE_IMAGES=1, but {reason}", pytrace=False)
    pytest.skip(reason)
