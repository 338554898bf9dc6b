"""Installs one component's locked dependencies.

    python3 -m hack.images.inside.dependencies REQUIREMENTS RUNTIME ROOT

Wheels only: there is no compiler. Those that lie in /wheels are taken from there, without any
network; else pip asks its index. Either way the hashes of the lock decide.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from hack.images.inside.files import compile_all, libraries, settle, shared_objects

PLACE: Final = Path("app/lib")
_WHEELS: Final = Path("/wheels")
_NEVER_LOADED: Final = ("*.pyi", "*.pyx", "*.pxd", "*.c", "*.h")
"""Sources of compiled modules, and hints for editors."""


def main(requirements: Path, runtime: Path, root: Path) -> None:
    """Install below the root, and see that the runtime has the libraries they load."""
    place = root / PLACE
    offline = _WHEELS.is_dir() and any(_WHEELS.glob("*.whl"))
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--require-hashes", "--no-deps"),
            *("--only-binary=:all:", "--no-compile", "--no-cache-dir", "--no-warn-script-location"),
            *("--disable-pip-version-check", "--root-user-action=ignore", "--progress-bar=off"),
            *((f"--find-links={_WHEELS}", "--no-index") if offline else ()),
            *("--quiet", "--target", place, "--requirement", requirements),
        ],
        check=True,
    )
    shutil.rmtree(place / "bin", ignore_errors=True)
    for pattern in _NEVER_LOADED:
        for file in place.rglob(pattern):
            file.unlink()
    _check_libraries(place, runtime)
    compile_all(place, root)
    settle(root)


def _check_libraries(place: Path, runtime: Path) -> None:
    own = {path.resolve() for path in shared_objects(place)}
    for library in libraries(sorted(own)):
        if library.resolve() in own or (runtime / library.relative_to("/")).exists():
            continue
        sys.exit(f"a wheel loads {library}, which the image has not: add it to runtime.py")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
