"""Which way leads to a cluster on this machine.

In this order, the first that is open:
  kubeconfig   AZWI_KUBECONFIG names a cluster to use (never ~/.kube/config by accident)
  kind         `kind` is on PATH and a Docker engine answers
  assets       KUBEBUILDER_ASSETS names a folder with the programs
  build        the programs are in the cache, or `go` can build them into it
AZWI_CLUSTER_WAY takes just that one of them.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hack.cluster.build import cached, old_go
from hack.cluster.errors import BadSetting, NoWay
from hack.cluster.folders import Folders


@dataclass(frozen=True, slots=True)
class GivenKubeconfig:
    """A cluster of the user's."""

    kubeconfig: Path


@dataclass(frozen=True, slots=True)
class KindWay:
    """kind on a Docker engine."""

    kind: str
    docker: str
    image: str | None = None
    """Of the node, from AZWI_KIND_IMAGE; default: kind's own choice."""


@dataclass(frozen=True, slots=True)
class AssetsWay:
    """Programs that the user has already."""

    programs: dict[str, Path]


@dataclass(frozen=True, slots=True)
class BuildWay:
    """Programs in the cache, those that are missing built from Go modules."""

    go: str | None
    """None where everything needed is in the cache."""


Way = GivenKubeconfig | KindWay | AssetsWay | BuildWay


class Machine(Protocol):
    """What is asked of the machine; a test gives its own."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Its variables."""
        ...

    def which(self, program: str) -> str | None:
        """Find a program on PATH."""
        ...

    def output(self, argv: Sequence[str]) -> str | None:
        """Run a program for a few seconds at most; none if it fails."""
        ...

    @property
    def linux(self) -> bool:
        """Whether pidfds and the like are there."""
        ...


@dataclass(frozen=True, slots=True)
class ThisMachine:
    """The machine we run on."""

    environment: Mapping[str, str]

    def which(self, program: str) -> str | None:
        """Find a program on PATH."""
        return shutil.which(program, path=self.environment.get("PATH", os.defpath))

    def output(self, argv: Sequence[str]) -> str | None:
        """Run a program for a few seconds at most; none if it fails."""
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, timeout=15, check=False, env=self.environment
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None

    @property
    def linux(self) -> bool:
        """Whether pidfds and the like are there."""
        return sys.platform == "linux" and hasattr(os, "pidfd_open")


def choose(machine: Machine, programs: Iterable[str]) -> Way:
    """Choose the way; `programs` are those that a control plane of our own would need."""
    needed = tuple(programs)
    reasons: dict[str, str] = {}
    for name, look in _looks(machine, needed).items():
        found = look()
        if not isinstance(found, str):
            return found
        reasons[name] = found
    raise NoWay(reasons)


_Look = Callable[[], Way | str]
"""Looks down one way: it is open, or why it isn't."""


def _looks(machine: Machine, programs: tuple[str, ...]) -> dict[str, _Look]:
    looks: dict[str, _Look] = {
        "kubeconfig": lambda: _given(machine),
        "kind": lambda: _kind(machine),
        "assets": lambda: _assets(machine, programs),
        "build": lambda: _build(machine, programs),
    }
    only = machine.environment.get("AZWI_CLUSTER_WAY")
    if not only:
        return looks
    if only not in looks:
        raise BadSetting(f"AZWI_CLUSTER_WAY={only}: expected one of {', '.join(looks)}")
    return {only: looks[only]}


def _given(machine: Machine) -> Way | str:
    path = machine.environment.get("AZWI_KUBECONFIG")
    if not path:
        return "AZWI_KUBECONFIG is not set"
    file = Path(path).expanduser().absolute()
    if not file.is_file():  # the user's word: nothing else in its place
        raise BadSetting(f"AZWI_KUBECONFIG={path}: there is no such file")
    return GivenKubeconfig(file)


def _kind(machine: Machine) -> Way | str:
    kind, docker = machine.which("kind"), machine.which("docker")
    if kind is None:
        return "no `kind` on PATH (https://kind.sigs.k8s.io)"
    if docker is None:
        return "no `docker` on PATH"
    if machine.output([docker, "info"]) is None:
        return "`docker info` fails: no Docker engine answers"
    return KindWay(kind, docker, machine.environment.get("AZWI_KIND_IMAGE"))


def _assets(machine: Machine, programs: tuple[str, ...]) -> Way | str:
    folder = machine.environment.get("KUBEBUILDER_ASSETS")
    if not folder:
        return "KUBEBUILDER_ASSETS is not set"
    if not machine.linux:
        return "needs Linux 5.3 or later"
    paths = {name: Path(folder).expanduser().absolute() / name for name in programs}
    missing = [name for name, path in paths.items() if not os.access(path, os.X_OK)]
    if missing:
        return f"KUBEBUILDER_ASSETS={folder} has no {' and no '.join(missing)}"
    return AssetsWay(paths)


def _build(machine: Machine, programs: tuple[str, ...]) -> Way | str:
    if not machine.linux:
        return "needs Linux 5.3 or later"
    there = cached(programs, Folders.of(machine.environment))
    go = machine.which("go")
    if len(there) == len(programs):
        return BuildWay(go)
    if go is None:
        return "no `go` on PATH (https://go.dev/dl), and the cache lacks the programs"
    fault = old_go(machine.output([go, "version"]) or "")
    return fault or BuildWay(go)
