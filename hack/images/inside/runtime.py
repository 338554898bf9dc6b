"""Copies the base image's Python, and what it loads, to an empty root.

    python3 -m hack.images.inside.runtime ROOT

No shell, no package manager, no pip, nothing of setuid: what an attacker could use isn't there,
and no lower layer hides it. Names no architecture and no version: it asks the Python that runs it.
"""

import shutil
import ssl
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

from hack.images.inside.files import Root, compile_all, libraries, settle, shared_objects
from hack.images.inside.packages import note_packages

USER: Final = 65532
_LEFT_OUT: Final = frozenset(
    {
        *("__pycache__", "site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter"),
        *("turtledemo", "turtle.py", "ensurepip", "lib2to3", "distutils", "pydoc_data", "venv"),
        *("curses", "dbm", "__phello__", "sitecustomize.py", "EXTERNALLY-MANAGED", "pydoc.py"),
    }
)
"""Of the standard library: tests, toys, windows, terminals, and what installs packages."""
_MODULES_LEFT_OUT: Final = (
    *("_test", "_ctypes_test", "_xxtestfuzz", "xx", "_tkinter", "_curses", "readline", "_dbm"),
    *("_gdbm", "nis", "ossaudiodev", "spwd", "_crypt", "audioop"),
)
"""Beginnings of the names of compiled modules that belong to those, or to nothing."""
_BUNDLE: Final = Path("/etc/ssl/certs/ca-certificates.crt")
_PLAIN_FILES: Final = (
    *(_BUNDLE, Path("/etc/os-release"), Path("/etc/debian_version")),
    *(Path("/etc/ld.so.conf"), Path("/etc/nsswitch.conf"), Path("/etc/host.conf")),
)


def main(root: Path) -> None:
    """Fill the root."""
    new = Root(root)
    python = Path(sys.executable).resolve()
    standard = Path(sysconfig.get_path("stdlib"))
    # By the name python3, too, by which the chart's `helm test` runs it.
    new.copy(Path(sys.executable))
    _copy_standard_library(new, standard)
    modules = shared_objects(new.place(standard))
    for library in libraries([python, *modules]) | _loaded_by_name():
        new.copy(library)
    for file in (*_PLAIN_FILES, *sorted(Path("/etc/ld.so.conf.d").glob("*.conf"))):
        if file.exists():
            new.copy(file)
    _trust(new)
    note_packages(new)
    new.write(Path("/etc/passwd"), _people("x:0:0:root:/:/nologin", f"x:{USER}:{USER}::/:/nologin"))
    new.write(Path("/etc/group"), _people("x:0:", f"x:{USER}:"))
    new.place(Path("/tmp")).mkdir()  # noqa: S108 - of the new root; a place to mount something
    new.place(Path("/tmp")).chmod(0o1777)  # noqa: S108
    subprocess.run(["ldconfig", "-r", root], check=True)
    shutil.rmtree(root / "var/cache/ldconfig", ignore_errors=True)
    compile_all(new.place(standard), root)
    settle(root)


def _people(root: str, nonroot: str) -> str:
    return f"root:{root}\nnonroot:{nonroot}\n"


def _copy_standard_library(new: Root, standard: Path) -> None:
    for file in sorted(standard.rglob("*")):
        names = file.relative_to(standard).parts
        if _LEFT_OUT.intersection(names) or names[0].startswith("config-"):
            continue
        if file.suffix == ".so" and file.name.startswith(_MODULES_LEFT_OUT):
            continue
        if file.is_file():
            new.copy(file)


def _loaded_by_name() -> set[Path]:
    """Find what no program is linked with: glibc loads it where a thread is cancelled."""
    listed = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True)
    lines = [line.split() for line in listed.stdout.splitlines()]
    return {Path(words[-1]) for words in lines if words and words[0] == "libgcc_s.so.1"}


def _trust(new: Root) -> None:
    """Let OpenSSL find the bundle at its own default place, without a variable."""
    bundle = Path(ssl.get_default_verify_paths().openssl_cafile)
    place = new.place(bundle.parent.resolve() / bundle.name)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(_BUNDLE)
    if (settings := bundle.with_name("openssl.cnf")).exists():
        new.copy(settings)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
