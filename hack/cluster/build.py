"""Building the programs of the cluster from Go modules into the cache, once per version."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from hack.cluster.errors import BuildFailed
from hack.cluster.folders import Folders, private
from hack.cluster.locks import locked
from hack.cluster.programs import Program
from hack.cluster.progress import Progress, told
from hack.cluster.versions import OLDEST_GO, SOURCES, Source

MODULES = Path(__file__).parent / "go"
_GO_VERSION = re.compile(r"go(\d+)\.(\d+)")


def cached(names: Iterable[str], folders: Folders) -> dict[str, Path]:
    """Those of the programs that stand in the cache already."""
    paths = {name: folders.programs(SOURCES[name].version) / name for name in names}
    return {name: path for name, path in paths.items() if os.access(path, os.X_OK)}


def old_go(version: str) -> str | None:
    """Say what is wrong with the Go of this `go version`, if anything."""
    found = _GO_VERSION.search(version)
    if found and (int(found[1]), int(found[2])) >= OLDEST_GO:
        return None
    oldest = ".".join(map(str, OLDEST_GO))
    return f"`go version` says {version.strip() or 'nothing'}: {oldest} or later is needed"


class Builder:
    """Builds what isn't in the cache yet."""

    def __init__(
        self, go: str, folders: Folders, environment: Mapping[str, str], progress: Progress
    ) -> None:
        self._go = go
        self._folders = folders
        # GOFLAGS and the like are part of the build cache's key: with another value of the
        # user's everything would compile anew, or (-mod=vendor) not at all.
        self._environment = {**environment, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
        self._progress = progress

    def program(self, name: str) -> Path:
        """Return the path of a program, built now unless it is there; one builder at a time."""
        source = SOURCES[name]
        path = self._folders.programs(source.version) / name
        if cached([name], self._folders):
            return path
        private(path.parent)
        lock = path.with_name(f".{name}.lock")
        with (
            told(self._progress, f"building {name} {source.version} ({source.takes})") as tell,
            locked(lock, waiting=lambda: tell("another process builds it: waiting")),
        ):
            if not cached([name], self._folders):
                self._build(source, path, tell)
        return path

    def _build(self, source: Source, path: Path, tell: Callable[[str], None]) -> None:
        for old in path.parent.glob(f".{path.name}.build.*"):  # of a build that was killed
            shutil.rmtree(old, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=f".{path.name}.build.", dir=path.parent))
        try:
            tell("reading modules")
            run = Program(work, "go-build")
            run.start(
                [self._go, "build", "-v", *_flags(source), "-o", work / path.name, source.package],
                cwd=MODULES / source.module,
                env=self._environment,
            )
            try:
                self._follow(run, source, tell)
            finally:
                run.stop(patience=0)
            (work / path.name).rename(path)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _follow(self, run: Program, source: Source, tell: Callable[[str], None]) -> None:
        total: int | None = None
        while (status := run.exit_status()) is None:
            lines = run.log.read_text(errors="replace").splitlines()
            compiled = [line for line in lines if line and not line.startswith("go: ")]
            if compiled and total is None:
                total = len(compiled) + self._stale(source)
            if compiled:
                tell(f"{len(compiled)} of {max(total or 0, len(compiled))} packages")
            elif lines:
                tell(f"{len(lines)} modules fetched")
            time.sleep(0.5)
        if status != 0:
            hint = _hint(run.log.read_text(errors="replace"))
            raise BuildFailed(f"building {source.program} failed{hint}{run.tail()}")

    def _stale(self, source: Source) -> int:
        """Count the packages that are to be compiled still; only for the progress line."""
        form = "{{if .Stale}}x{{end}}"
        listed = subprocess.run(
            [self._go, "list", "-deps", *_flags(source), "-f", form, source.package],
            cwd=MODULES / source.module,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return listed.stdout.count("x")


def _flags(source: Source) -> list[str]:
    return ["-mod=readonly", "-trimpath", "-ldflags", source.ldflags]


def _hint(log: str) -> str:
    """Say what a person can do about the usual causes."""
    if "no space left on device" in log:
        return " (the disk is full: modules and Go's build cache need about 6 GB)"
    if "dial tcp" in log or "i/o timeout" in log or "proxyconnect" in log:
        return " (modules come from the network: is GOPROXY within reach?)"
    return ""
