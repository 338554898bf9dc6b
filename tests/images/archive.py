"""A docker-archive tar, read without any engine: each layer, so that none hides anything."""

import json
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Archive:
    """One image."""

    path: Path
    config: dict[str, Any]
    layers: tuple[tuple[tarfile.TarInfo, ...], ...]
    """The members of each layer, the lowest first."""
    diff_ids: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read an archive that holds one image."""
        with tarfile.open(path) as tar:
            (entry,) = _json(tar, "manifest.json")
            described = _json(tar, entry["Config"])
            layers = tuple(_members(tar, name) for name in entry["Layers"])
        return cls(path, described["config"], layers, tuple(described["rootfs"]["diff_ids"]))

    @property
    def members(self) -> dict[str, tarfile.TarInfo]:
        """All files, folders and links, by their names below the root."""
        return {
            member.name.removeprefix("./").rstrip("/"): member
            for layer in self.layers
            for member in layer
        }

    @property
    def files(self) -> dict[str, tarfile.TarInfo]:
        """The plain files among them."""
        return {name: member for name, member in self.members.items() if member.isfile()}

    @property
    def programs(self) -> set[str]:
        """The files that could be executed, shared libraries apart."""
        return {
            name
            for name, member in self.files.items()
            if member.mode & stat.S_IXUSR and ".so" not in name
        }

    def unpack(self, folder: Path) -> None:
        """Lay the layers over each other. No layer of ours removes files of another."""
        with tarfile.open(self.path) as tar:
            (entry,) = _json(tar, "manifest.json")
            for name in entry["Layers"]:
                with tar.extractfile(name) as file, tarfile.open(fileobj=file) as layer:  # type: ignore[union-attr]
                    layer.extractall(folder, filter="fully_trusted")  # they are ours


def _json(tar: tarfile.TarFile, name: str) -> Any:
    file = tar.extractfile(name)
    assert file is not None, name
    return json.load(file)


def _members(tar: tarfile.TarFile, name: str) -> tuple[tarfile.TarInfo, ...]:
    with tar.extractfile(name) as file, tarfile.open(fileobj=file) as layer:  # type: ignore[union-attr]
        return tuple(layer)
