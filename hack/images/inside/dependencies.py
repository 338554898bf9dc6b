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

from hack.images.inside.files import Root, compile_all, libraries, settle, shared_objects
from hack.images.inside.packages import note_packages

PLACE: Final = Path("/app/lib")
_WHEELS: Final = Path("/wheels")
_NEVER_LOADED: Final = ("*.pyi", "*.pyx", "*.pxd", "*.c", "*.h")
"""Sources of compiled modules, and hints for editors."""


def main(requirements: Path, runtime: Path, root: Path) -> None:
    """Install below the root, with the libraries that the runtime lacks."""
    new = Root(root)
    place = new.place(PLACE)
    offline = _WHEELS.is_dir() and any(_WHEELS.glob("*.whl"))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--require-hashes", "--no-deps"),
            *("--only-binary=:all:", "--no-compile", "--no-cache-dir", "--no-warn-script-location"),
            *("--disable-pip-version-check", "--root-user-action=ignore", "--progress-bar=off"),
            *((f"--find-links={_WHEELS}", "--no-index") if offline else ()),
            *("--quiet", "--target", place, "--requirement", requirements),
        ],
        check=False,
    )
    if done.returncode != 0:
        where = _WHEELS if offline else "an index"
        sys.exit(f"pip can't install {requirements} from {where}: hack/images/README.md says how")
    shutil.rmtree(place / "bin", ignore_errors=True)
    for pattern in _NEVER_LOADED:
        for file in place.rglob(pattern):
            file.unlink()
    _bring_libraries(new, runtime)
    compile_all(place, root)
    settle(root)


def _bring_libraries(new: Root, runtime: Path) -> None:
    """Add the libraries that the wheels load and the runtime has not: libstdc++, mostly."""
    own = {path.resolve() for path in shared_objects(new.place(PLACE))}
    for library in sorted(libraries(sorted(own))):
        if library.resolve() in own or (runtime / library.relative_to("/")).exists():
            continue
        new.copy(library.parent.resolve() / library.name)
    note_packages(new)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
