"""Where things lie: outside of the checkout, of one user.

$AZWI_CACHE, else $XDG_CACHE_HOME/azwi, else ~/.cache/azwi
  bin/v1.36.3/kube-apiserver      programs, by version
  clusters/NAME/                  clusters of `python -m hack.cluster up`
  run/1f2e3d4c5b6a/                clusters of `local_cluster()`, each as long as its owner lives
"""

import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hack.cluster.errors import BadSetting, ClusterError
from hack.cluster.locks import held_by_anybody, locked, shared

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
ALIVE = "alive.lock"
"""Locked (shared) by the owner of a cluster's folder and by every keeper in it: free means dead."""


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of one user."""

    root: Path

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Find the root as the environment says."""
        if own := environment.get("AZWI_CACHE"):
            return cls(Path(own).expanduser().absolute())
        if (cache := environment.get("XDG_CACHE_HOME")) and Path(cache).is_absolute():
            return cls(Path(cache) / "azwi")
        home = environment.get("HOME")
        return cls((Path(home) if home else Path.home()) / ".cache" / "azwi")

    def programs(self, version: str) -> Path:
        """Name the folder of programs of a version."""
        return self.root / "bin" / version

    def named(self, name: str) -> Path:
        """Name the folder of a cluster with a name."""
        if not _NAME.fullmatch(name):
            raise BadSetting(
                f"cluster name {name!r}: expected 1 to 40 of a-z, 0-9 and '-',"
                " with a letter or digit at both ends"
            )
        return self.root / "clusters" / name

    def all_named(self) -> list[Path]:
        """List the folders of all clusters with a name, dead ones too."""
        return sorted(path for path in (self.root / "clusters").glob("*") if path.is_dir())

    def all_temporary(self) -> list[Path]:
        """List the folders of clusters of `local_cluster()`, leftovers too."""
        return sorted(path for path in (self.root / "run").glob("*") if path.is_dir())

    @contextmanager
    def temporary(self) -> Iterator[Path]:
        """Make a folder for as long as the block runs; sweep what killed runs left behind."""
        runs = private(self.root / "run")
        with locked(self.root / "run.lock"):  # nobody sweeps a folder that isn't locked yet
            self.sweep()
            folder = private(runs / secrets.token_hex(6))
            lock = shared(folder / ALIVE)
        try:
            with lock:
                yield folder
        finally:
            remove(folder)

    def sweep(self) -> list[Path]:
        """Remove the folders of runs that are gone; needs `run.lock`."""
        dead = [path for path in self.all_temporary() if not alive(path)]
        for path in dead:
            remove(path)
        return dead


def alive(folder: Path) -> bool:
    """Whether an owner or a keeper of this cluster's folder lives."""
    return held_by_anybody(folder / ALIVE)


def private(folder: Path) -> Path:
    """Make a folder that only its user can read: it holds keys."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ClusterError(
            f"cannot make {folder}: {error.strerror} (AZWI_CACHE names another place)"
        ) from error
    return folder


def remove(folder: Path) -> None:
    """Remove a cluster's folder."""
    shutil.rmtree(folder, ignore_errors=True)
