"""Runs a program as a container runtime does: process 1, a user without rights, a read-only root.

    unshare --pid --fork --mount --propagation=private python -m tests.cluster.contained JSON ...

The program's command follows. JSON: `root`, an empty folder to build the new root at; `needs`,
folders that the program must be able to read, wherever they are; `files`, contents by path below
the new root. The root has what this machine's has, read-only, but no /tmp, and nothing in /run;
/dev and /proc are as in any container. Needs root itself; the program has no right at all.
"""

import contextlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

USER: Final = 65532
_OWN: Final = frozenset({"tmp", "run", "proc", "lost+found"})


def main(settings: Mapping[str, Any], command: Sequence[str]) -> None:
    """Build the root, go there, and become the program."""
    root = Path(settings["root"])
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", root)
    _fill(root, [Path(need) for need in settings["needs"]])
    (root / "run").mkdir()
    (root / "proc").mkdir()
    _mount("-t", "proc", "proc", root / "proc")
    for name, content in settings["files"].items():
        file = root / name.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    _make_read_only(root)
    os.chroot(root)
    os.chdir("/")
    bare = ["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--clear-groups"]
    os.execvp("setpriv", ["setpriv", f"--reuid={USER}", f"--regid={USER}", *bare, "--", *command])


def _fill(root: Path, needs: Sequence[Path]) -> None:
    """Take over what is in `/`; of a folder that bars the way to a need, only the need itself."""
    barred = [need for need in needs if any(not _is_open(parent) for parent in need.parents)]
    closed = {need.parts[1] for need in barred}
    for entry in Path("/").iterdir():
        if entry.is_symlink():
            (root / entry.name).symlink_to(entry.readlink())
        elif entry.is_dir() and entry.name not in _OWN | closed:
            _take_over(entry, root)
    for need in needs:
        if need.parts[1] in closed and not (root / need.relative_to("/")).exists():
            _take_over(need, root)


def _is_open(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)


def _take_over(folder: Path, root: Path) -> None:
    place = root / folder.relative_to("/")
    place.mkdir(parents=True)
    _mount("--rbind", folder, place)


def _make_read_only(root: Path) -> None:
    """Make every mount of the new root read-only, but for those of the kernel's own."""
    with Path("/proc/self/mountinfo").open(encoding="utf-8") as mounts:
        points = [Path(line.split()[4]) for line in mounts]
    for point in points:
        kernels = any(point.is_relative_to(root / own) for own in ("proc", "dev"))
        if point.is_relative_to(root) and not kernels:
            with contextlib.suppress(subprocess.CalledProcessError):  # hidden below another one
                _mount("-o", "remount,bind,ro", point)


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
