"""Wheels fetched outside of a build: the build itself then needs no network, and pip no proxy.

One folder per lock and Python, in the cache; the hashes of the lock are checked here and by the
build.
"""

import hashlib
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from hack.cluster.locks import locked
from hack.images.errors import BadSetting
from hack.images.programs import run
from hack.images.targets import Target

_PYTHON: Final = re.compile(r"3\.\d+")
_IN_NAME: Final = re.compile(r"python:(3\.\d+)")


def python_of(base: str) -> str:
    """Read Python's version from the name of a base image. Raises BadSetting."""
    if found := _IN_NAME.search(base):
        return found[1]
    raise BadSetting(f"which Python is in {base}? Its name doesn't tell: add --python 3.13, say")


def fetched(target: Target, python: str, cache: Path) -> Path:
    """Return the folder with the wheels of a target. Raises BuildFailed, BadSetting."""
    if not _PYTHON.fullmatch(python):
        raise BadSetting(f"Python {python!r}: expected a version like 3.13")
    if sys.platform != "linux":
        raise BadSetting("wheels can be fetched on Linux only: images hold Linux's")
    content = hashlib.sha256(target.requirements.read_bytes()).hexdigest()[:12]
    name = f"{target.lock}-{python}"
    folder = cache / f"{name}-{content}"
    with locked(cache / f".{name}.lock"):
        if not folder.is_dir():
            _fetch(target, python, folder)
            for other in cache.glob(f"{name}-*"):  # of earlier locks
                if other != folder:
                    shutil.rmtree(other, ignore_errors=True)
    return folder


def _fetch(target: Target, python: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".fetch.", dir=folder.parent) as work:
        run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                *("--require-hashes", "--only-binary=:all:", "--disable-pip-version-check"),
                *("--python-version", python, "--dest", Path(work) / "wheels"),
                *("--requirement", target.requirements),
            ]
        )
        (Path(work) / "wheels").rename(folder)
