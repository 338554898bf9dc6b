"""What images are built upon: the base that the Dockerfile names, or a stand-in made here.

The stand-in is for machines that no registry is in reach of: a small Debian with Python and pip,
from the machine's own package sources. It is kept in the cache and not renewed: for tests, never
for images that others get.
"""

import re
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hack.cluster.locks import locked
from hack.cluster.progress import Progress, told
from hack.images.errors import BuildFailed, NoBase
from hack.images.programs import Argument, run
from hack.images.targets import DOCKERFILE
from hack.images.tools import Recipe, Tool

STAND_IN: Final = "stand-in"
_SUITES: Final = ("bookworm", "trixie", "forky")
"""Debian's releases with Python 3.11 or later."""
_PACKAGES: Final = "ca-certificates,libstdc++6,python3,python3-pip"
"""libstdc++ because wheels may load it (PEP 600), and python:slim has it."""
_SOURCES: Final = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))


@dataclass(frozen=True, slots=True)
class Base:
    """An image that is here, or that the tool will fetch."""

    image: str
    python: str | None = None
    """Known of the stand-in."""


def default_base() -> str:
    """Read what the Dockerfile names."""
    found = re.search(r"^ARG BASE=(\S+)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise NoBase(f"{DOCKERFILE} has no line ARG BASE=IMAGE")
    return found[1]


def find_base(asked: str | None, tool: Tool, cache: Path, progress: Progress) -> Base:
    """Take what was asked for; else the default, else a stand-in. Raises NoBase, BuildFailed."""
    if asked == STAND_IN:
        return _stand_in(tool, cache, progress)
    image = asked or default_base()
    with told(progress, f"base image {image}") as tell:
        if tool.pull(image):
            return Base(image)
        if asked:
            raise NoBase(f"{image} is not here, and no registry gives it")
        tell("no registry gives it")
    if not shutil.which("mmdebstrap"):
        raise NoBase(
            f"{image} is not here, and no registry gives it; a stand-in could be made with"
            " mmdebstrap (Debian, Ubuntu: apt-get install mmdebstrap), or name another: --base"
        )
    return _stand_in(tool, cache, progress)


def _stand_in(tool: Tool, cache: Path, progress: Progress) -> Base:
    suite = _suite()
    image = f"localhost/azwi/stand-in:{suite}"
    archive = cache / f"{suite}.tar"
    with locked(cache / ".stand-in.lock"):
        if not archive.exists():
            with told(progress, f"making a stand-in base of Debian {suite}"):
                _make(suite, archive)
        if tool.image_id(image) is None:
            with told(progress, f"loading {image}"):
                _load(tool, image, archive)
    return Base(image, _python_in(archive))


def _suite() -> str:
    """Choose the machine's own release where it will do: its sources and keys are here."""
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    found = re.search(r"^VERSION_CODENAME=(\w+)$", text, re.MULTILINE)
    return found[1] if found and found[1] in _SUITES else _SUITES[0]


def _make(suite: str, archive: Path) -> None:
    if not shutil.which("mmdebstrap"):
        raise NoBase(
            "a stand-in is made by mmdebstrap (Debian, Ubuntu: apt-get install mmdebstrap)"
        )
    sources = [path for path in _SOURCES if path.exists() and suite in path.read_text()]
    with tempfile.TemporaryDirectory(prefix=".stand-in.", dir=archive.parent) as work:
        made = Path(work) / archive.name
        command: list[Argument] = ["mmdebstrap", "--quiet", "--variant=essential"]
        command += [f"--include={_PACKAGES}", "--aptopt=APT::Install-Recommends false"]
        run([*command, suite, made, *sources[:1]])
        made.rename(archive)


def _load(tool: Tool, image: str, archive: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".load.", dir=archive.parent) as work:
        (Path(work) / archive.name).hardlink_to(archive)
        (Path(work) / "Dockerfile").write_text(f"FROM scratch\nADD {archive.name} /\n")
        tool.build(Recipe(context=Path(work), image=image))


def _python_in(archive: Path) -> str:
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.name.removeprefix("./") == "usr/bin/python3":
                return member.linkname.removeprefix("python")
    raise BuildFailed(f"{archive} holds no Python: remove it, and it is made anew")
