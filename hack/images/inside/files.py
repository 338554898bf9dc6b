"""An empty root that fills with files of the machine, each at its own place."""

import os
import py_compile
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path


class Root:
    """A new root; it keeps the machine's symbolic links, those of folders too (/lib, /lib64)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.origins: set[Path] = set()
        """The files that were copied, by their real names on this machine."""
        folder.mkdir(parents=True, exist_ok=True)

    def place(self, path: Path) -> Path:
        """Name the place in this root of an absolute path whose folders hold no links."""
        return self._folder / path.relative_to("/")

    def copy(self, path: Path) -> None:
        """Copy a file with the links that lead to it, unless it is there."""
        real = Path("/")
        rest = list(path.parts[1:])
        while rest:
            step = real / rest.pop(0)
            if not step.is_symlink():
                real = step
                continue
            target = step.readlink()
            self._link(step, target)
            if target.is_absolute():
                real = Path("/")
            rest[:0] = [part for part in target.parts if part != "/"]
            real, rest = _without_dots(real, rest)
        if real in self.origins:
            return
        self.origins.add(real)
        self.place(real).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(real, self.place(real))

    def write(self, path: Path, text: str, *, mode: int = 0o644) -> None:
        """Write a file of our own."""
        place = self.place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        place.chmod(mode)

    def _link(self, path: Path, target: Path) -> None:
        place = self.place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.is_symlink():
            place.symlink_to(target)


def _without_dots(real: Path, rest: list[str]) -> tuple[Path, list[str]]:
    """Go up where a relative link's target starts with `..`."""
    while rest and rest[0] == "..":
        real, rest = real.parent, rest[1:]
    return real, rest


def libraries(files: Iterable[Path]) -> set[Path]:
    """Find the shared libraries that programs and modules load, directly or not.

    Raises SystemExit where one is missing on this machine.
    """
    found: set[Path] = set()
    for file in files:
        listed = subprocess.run(["ldd", file], capture_output=True, text=True, check=False)
        for line in listed.stdout.splitlines():
            name, _, where = line.strip().partition(" => ")
            if where.startswith("not found"):
                sys.exit(f"{file} needs {name}: install it in the base image")
            path = (where or name).split(" (")[0]
            if path.startswith("/"):
                found.add(Path(path))
    return found


def shared_objects(folder: Path) -> list[Path]:
    """List the compiled modules and libraries in a folder."""
    return sorted(path for path in folder.rglob("*.so*") if path.is_file())


def compile_all(folder: Path, root: Path) -> None:
    """Compile the Python files of a folder, which will lie below `root` as below `/`.

    The bytecode is bound to its source by nothing (PEP 552, unchecked): the files of an image
    don't change, and times of files do not survive every way of packing layers.
    """
    for file in sorted(folder.rglob("*.py")):
        py_compile.compile(
            os.fspath(file),
            dfile=f"/{file.relative_to(root)}",
            doraise=True,
            quiet=1,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )


def settle(root: Path) -> None:
    """Give everything the same time, and the rights of an image: its owner's alone to write.

    What the builder's umask and clock were leaves no trace, so equal content is an equal layer.
    """
    for path in (root, *root.rglob("*")):
        if not path.is_symlink() and not path.stat().st_mode & stat.S_ISVTX:  # /tmp
            runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if runs else 0o644)
        os.utime(path, (0, 0), follow_symlinks=False)
