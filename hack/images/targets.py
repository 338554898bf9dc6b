"""The images there are, by the names of their targets in the Dockerfile."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCKERFILE: Final = ROOT / "Dockerfile"


@dataclass(frozen=True, slots=True)
class Target:
    """One image."""

    name: str
    lock: str
    """Its file of locked dependencies, without folder and ending."""

    @property
    def requirements(self) -> Path:
        """The path of that file."""
        return ROOT / "requirements" / f"{self.lock}.txt"

    def image(self, tag: str) -> str:
        """Name the image. A name without a host would be taken for a public registry's."""
        return f"localhost/azwi/{self.name}:{tag}"


TARGETS: Final = {
    target.name: target
    for target in (
        Target("webhook", "webhook"),
        Target("controller", "controller"),
        Target("emulator", "emulator"),
        Target("e2e", "consumer"),
    )
}
