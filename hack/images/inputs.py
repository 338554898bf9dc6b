"""Whether an image is built already of what lies here.

Tools cache layers, yet need seconds to see that nothing changed. A record beside the cache says
of what, in which way, an image was built.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from hack.images.errors import BadSetting
from hack.images.targets import ROOT


def files(root: Path = ROOT) -> Iterator[Path]:
    """List what a build sees: what .dockerignore lets through, and the Dockerfile itself."""
    yield root / "Dockerfile"
    lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    if "*" not in lines:
        raise BadSetting(".dockerignore: expected a line `*`, and lines `!PATH` for what is needed")
    for line in lines:
        if line.startswith("!"):
            for path in root.glob(line.removeprefix("!")):
                yield from _below(path)


def fingerprint(settings: Iterable[str], root: Path = ROOT) -> str:
    """Name all that decides what the images hold."""
    digest = hashlib.sha256()
    for setting in settings:
        digest.update(f"{setting}\0".encode())
    for path in sorted(files(root)):
        digest.update(f"{path.relative_to(root)}\0{path.stat().st_mode:o}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


class Record:
    """What was built last, by name of image: the fingerprint, and the image's content."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._built: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            self._built = {}

    def holds(self, image: str, inputs: str, image_id: str | None) -> bool:
        """Whether this very image was built of this."""
        return image_id is not None and self._built.get(image) == [inputs, image_id]

    def note(self, image: str, inputs: str, image_id: str) -> None:
        """Write it down."""
        self._built[image] = [inputs, image_id]
        new = self._path.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps(self._built, indent=1), encoding="utf-8")
        new.replace(self._path)


def _below(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for file in path.rglob("*"):
        if file.is_file() and file.suffix != ".pyc":
            yield file
