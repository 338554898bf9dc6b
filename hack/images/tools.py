"""The programs that build images: a Docker engine with buildx, or buildah, which needs no engine.

Both read the same Dockerfile. buildah runs its steps with `--isolation chroot` unless
BUILDAH_ISOLATION says otherwise: that works in containers and on CI machines, too.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from hack.images.errors import BadSetting, NoTool
from hack.images.programs import Argument, answer, run


@dataclass(frozen=True, slots=True)
class Recipe:
    """One build."""

    context: Path
    image: str
    """Its name in the end."""
    target: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    wheels: Path | None = None
    """pip takes them from there, and nothing from the network."""

    def options(self) -> list[Argument]:
        """Spell it as both tools do."""
        spelt: list[Argument] = ["--file", self.context / "Dockerfile", "--tag", self.image]
        if self.target:
            spelt += ["--target", self.target]
        for name, value in self.arguments.items():
            spelt += ["--build-arg", f"{name}={value}"]
        if self.wheels:
            spelt += ["--build-context", f"wheels={self.wheels}"]
        return [*spelt, self.context]


class Tool(Protocol):
    """What builds and keeps images."""

    name: str

    def build(self, recipe: Recipe) -> None:
        """Build and keep an image. Raises BuildFailed."""

    def pull(self, image: str) -> bool:
        """Fetch an image unless it is here; whether it is here now."""

    def image_id(self, image: str) -> str | None:
        """Name the content of an image, `sha256:...`; nothing where there is none."""

    def size(self, image: str) -> int:
        """Bytes of its layers, unpacked."""

    def save(self, image: str, archive: Path) -> None:
        """Write a new docker-archive tar."""


class Docker:
    """An engine, reached as the user's `docker` reaches it."""

    name = "docker"

    def build(self, recipe: Recipe) -> None:
        """Build with buildx; without network where wheels are given."""
        network = ["--network", "none"] if recipe.wheels else []
        command = ["docker", "buildx", "build", "--load", "--progress", "plain"]
        run([*command, *network, *recipe.options()])

    def pull(self, image: str) -> bool:
        """Ask the registry only for what isn't here."""
        return self.image_id(image) is not None or answer(["docker", "pull", image]) is not None

    def image_id(self, image: str) -> str | None:
        """Ask the engine."""
        told = answer(["docker", "image", "inspect", "--format", "{{.Id}}", image])
        return told.strip() if told else None

    def size(self, image: str) -> int:
        """Ask the engine."""
        return int(run(["docker", "image", "inspect", "--format", "{{.Size}}", image]))

    def save(self, image: str, archive: Path) -> None:
        """Write what `docker load` reads."""
        run(["docker", "save", "--output", archive, image])


class Buildah:
    """No engine and no daemon; images lie in containers/storage, where podman finds them."""

    name = "buildah"

    def __init__(self, isolation: str) -> None:
        self._isolation = isolation

    def build(self, recipe: Recipe) -> None:
        """Build with a cache of layers."""
        command = ["buildah", "build", "--layers", "--force-rm", "--pull=never"]
        run([*command, "--isolation", self._isolation, *recipe.options()])

    def pull(self, image: str) -> bool:
        """Ask the registry only for what isn't here."""
        return answer(["buildah", "pull", "--quiet", "--policy", "missing", image]) is not None

    def image_id(self, image: str) -> str | None:
        """Look into the storage."""
        told = answer(["buildah", "images", "--quiet", "--no-trunc", image])
        return told.strip() if told else None

    def size(self, image: str) -> int:
        """Add up what the image's layers say of themselves."""
        told = json.loads(run(["buildah", "inspect", "--type", "image", image]))
        manifest = json.loads(told["Manifest"])
        return sum(int(layer["size"]) for layer in manifest["layers"])

    def save(self, image: str, archive: Path) -> None:
        """Write what `docker load` reads."""
        run(["buildah", "push", "--quiet", image, f"docker-archive:{archive}:{image}"])


NAMES: Final = ("docker", "buildah")


def find_tool(asked: str | None = None, environment: Mapping[str, str] = os.environ) -> Tool:
    """Find the tool that was asked for, or the first that works. Raises NoTool, BadSetting."""
    if asked not in {None, *NAMES}:
        raise BadSetting(f"tool {asked!r}: expected one of {', '.join(NAMES)}")
    lacks: list[str] = []
    for name in (asked,) if asked else NAMES:
        found, lack = _docker() if name == "docker" else _buildah(environment)
        if found:
            return found
        lacks.append(f"  {name}: {lack}")
    raise NoTool("\n".join(["nothing here builds images:", *lacks]))


def _docker() -> tuple[Tool | None, str]:
    if answer(["docker", "version", "--format", "{{.Server.Version}}"]) is None:
        return None, "no engine answers `docker version`"
    if answer(["docker", "buildx", "version"]) is None:
        return None, "the plugin buildx is not installed"
    return Docker(), ""


def _buildah(environment: Mapping[str, str]) -> tuple[Tool | None, str]:
    if answer(["buildah", "--version"]) is None:
        return None, "not installed (Debian, Ubuntu: apt-get install buildah crun)"
    return Buildah(environment.get("BUILDAH_ISOLATION") or "chroot"), ""
