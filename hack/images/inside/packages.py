"""Notes the Debian packages of copied files, where scanners of images look, with their licences.

The place is that of distroless images: /var/lib/dpkg/status.d, a file per package.
"""

import subprocess
from pathlib import Path

from hack.images.inside.files import Root


def note_packages(new: Root) -> None:
    """Write down the Debian packages that the files come from, and copy their licences."""
    for package in sorted(_owners(new.origins)):
        shown = subprocess.run(
            ["dpkg-query", "--status", package], capture_output=True, text=True, check=True
        )
        name = package.partition(":")[0]
        new.write(Path("/var/lib/dpkg/status.d") / name, shown.stdout)
        licence = Path("/usr/share/doc") / name / "copyright"
        if licence.exists():
            new.copy(licence)


def _owners(files: set[Path]) -> set[str]:
    """Ask dpkg; it knows a file by the name it was unpacked with, with or without /usr."""
    names = [str(file) for file in sorted(files)]
    names += [name.removeprefix("/usr") for name in names if name.startswith("/usr/lib")]
    found = subprocess.run(
        ["dpkg-query", "--search", *names], capture_output=True, text=True, check=False
    )
    lines = [line for line in found.stdout.splitlines() if not line.startswith("diversion ")]
    return {owner for line in lines for owner in line.rpartition(": ")[0].split(", ")}
