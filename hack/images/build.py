"""Building the images and writing them to archives, as data for who calls."""

import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from hack.cluster.folders import Folders
from hack.cluster.locks import locked
from hack.cluster.progress import Progress, told
from hack.images.base import Base, find_base
from hack.images.errors import BadSetting
from hack.images.inputs import Record, fingerprint
from hack.images.targets import ROOT, TARGETS, Target
from hack.images.tools import Recipe, Tool
from hack.images.wheels import fetched, python_of
from identity.version import VERSION


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person may ask for."""

    tag: str = "dev"
    base: str | None = None
    """An image's name, or `stand-in`; else the Dockerfile's, with the stand-in as a last resort."""
    wheels: bool = False
    """Fetch them outside of the build. Goes without saying with the stand-in."""
    python: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    """REVISION, CREATED, SOURCE for the labels; a changed one means a new image."""


@dataclass(frozen=True, slots=True)
class Built:
    """One image that is there now."""

    target: str
    image: str
    bytes: int
    """Of its layers, unpacked."""
    anew: bool


class Images:
    """Builds with one tool and one set of settings."""

    def __init__(
        self, tool: Tool, settings: Settings, folders: Folders, progress: Progress
    ) -> None:
        self._tool = tool
        self._settings = settings
        self._cache = folders.root / "images"
        self._progress = progress

    def build(self, names: Sequence[str] = ()) -> list[Built]:
        """Build these targets, or all. Raises ImagesError."""
        if wrong := [name for name in names if name not in TARGETS]:
            raise BadSetting(f"no target {', '.join(wrong)}: there are {', '.join(TARGETS)}")
        self._cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (
            told(self._progress, "images") as tell,
            locked(
                self._cache / ".build.lock",
                waiting=lambda: tell("another process builds them: waiting"),
            ),
        ):
            return [self._built(TARGETS[name]) for name in names or TARGETS]

    def save(self, folder: Path, names: Sequence[str] = ()) -> dict[str, Path]:
        """Build, then write FOLDER/TARGET.tar for each, unless it holds that very image."""
        built = self.build(names)
        folder.mkdir(parents=True, exist_ok=True)
        archives = {one.target: folder / f"{one.target}.tar" for one in built}
        for one in built:
            archive = archives[one.target]
            if _holds(archive, one.image, self._tool.image_id(one.image)):
                continue
            with told(self._progress, f"writing {archive.name}"):
                new = archive.with_suffix(".new")
                new.unlink(missing_ok=True)  # buildah adds to what is there
                self._tool.save(one.image, new)
                new.replace(archive)
        return archives

    def _built(self, target: Target) -> Built:
        image = target.image(self._settings.tag)
        record = Record(self._cache / f"built-by-{self._tool.name}.json")
        anew = not record.holds(image, self._inputs, self._tool.image_id(image))
        if anew:
            base = self._base
            wheels = self._wheels(target, base)
            with told(self._progress, f"building {image}"):
                arguments = {"BASE": base.image, "VERSION": VERSION, **self._settings.labels}
                self._tool.build(Recipe(ROOT, image, target.name, arguments, wheels))
            record.note(image, self._inputs, self._tool.image_id(image) or "")
        return Built(target.name, image, self._tool.size(image), anew)

    @cached_property
    def _inputs(self) -> str:
        asked = self._settings
        labels = [f"{name}={value}" for name, value in sorted(asked.labels.items())]
        return fingerprint([str(asked.base), str(asked.wheels), str(asked.python), *labels])

    @cached_property
    def _base(self) -> Base:
        return find_base(self._settings.base, self._tool, self._cache, self._progress)

    def _wheels(self, target: Target, base: Base) -> Path | None:
        if not self._settings.wheels and base.python is None:
            return None
        python = self._settings.python or base.python or python_of(base.image)
        with told(self._progress, f"wheels of {target.lock} for Python {python}"):
            return fetched(target, python, self._cache / "wheels")


def _holds(archive: Path, image: str, image_id: str | None) -> bool:
    """Whether an archive was written whole, of this image: the manifest is written last or first.

    Source: the docker-archive format; the config's file is named by the image's id.
    """
    if image_id is None or not archive.exists():
        return False
    try:
        with tarfile.open(archive) as tar:
            file = tar.extractfile("manifest.json")
            manifest = json.load(file) if file else []
    except (tarfile.TarError, KeyError, ValueError):
        return False
    return any(
        image in (entry.get("RepoTags") or ())
        and image_id.removeprefix("sha256:") in entry.get("Config", "")
        for entry in manifest
    )
