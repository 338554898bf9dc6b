"""Nodes with a name, which run until somebody ends them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.cluster.errors import BadSetting, ClusterError
from hack.cluster.folders import ALIVE, private, remove
from hack.cluster.locks import locked, shared
from hack.cluster.named import KUBECONFIG
from hack.cluster.programs import Process
from hack.cluster.progress import Progress
from hack.node.ending import end, facts, programs
from hack.node.machine import Machine
from hack.node.namespaces import Namespaces, child
from hack.node.node import load
from hack.node.starting import Starter, node_folders
from hack.node.wish import Wish


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one node."""

    name: str
    folder: Path
    facts: dict[str, Any]
    """Of node.json; url and version are there once it is up."""
    processes: dict[str, Process | None]
    """By program: itself, not the one that entered the node for it; none if it has ended."""

    @property
    def up(self) -> bool:
        """Whether it came up, and every program of it runs still."""
        return "url" in self.facts and all(self.processes.values())

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.folder / KUBECONFIG


class Nodes:
    """The nodes with a name of one user."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._folders = node_folders(environment)

    def up(self, wish: Wish, progress: Progress) -> Standing:
        """Start a node unless it runs; it goes on when this process ends."""
        folder = self._folders.named(wish.name)
        starter = Starter.of(self._environment, progress)
        with self._alone(wish.name):
            if (standing := self._look(folder)).up:
                _require_same(standing, wish)
                return standing
            _end(folder)
            starter.sweep()
            private(folder)
            with shared(folder / ALIVE):
                try:
                    starter.start(folder, wish, detach=True)
                except BaseException:
                    remove(folder)
                    raise
            return self._look(folder)

    def down(self, name: str) -> bool:
        """End a node, or clear up after one that crashed; false if there was none."""
        folder = self._folders.named(name)
        with self._alone(name):
            there = folder.exists()
            _end(folder)
        return there

    def standing(self, name: str) -> Standing:
        """Say how a node stands."""
        return self._look(self._folders.named(name))

    def all(self) -> list[Standing]:
        """Say how every node stands, those of `node()` among them."""
        folders = [*self._folders.all_named(), *self._folders.all_temporary()]
        return [self._look(folder) for folder in folders]

    def load(self, name: str, archive: Path) -> None:
        """Load the images of an archive into a node that runs."""
        load(Namespaces(self.running(name).folder, Machine(self._environment).path()), archive)

    def running(self, name: str) -> Standing:
        """Say how a node stands that must be up."""
        standing = self.standing(name)
        if not standing.up:
            raise ClusterError(f"node {name!r} is not up: python -m hack.node up --name {name}")
        return standing

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        private(self._folders.root / "clusters")
        with locked(self._folders.root / "clusters" / f".{name}.lock"):
            yield

    def _look(self, folder: Path) -> Standing:
        processes: dict[str, Process | None] = {}
        for program in programs(folder):
            started = program.process
            processes[program.name] = (child(started) or started) if started else None
        return Standing(folder.name, folder, facts(folder), processes)


def _require_same(standing: Standing, wish: Wish) -> None:
    asked = standing.facts["asked"]
    if other := [key for key, value in wish.facts().items() if asked.get(key) != value]:
        raise BadSetting(
            f"node {standing.name!r} runs with another {' and '.join(other)}:"
            " end it first (down), or take another --name"
        )


def _end(folder: Path) -> None:
    if not folder.exists():
        return
    end(folder)
    remove(folder)
    if folder.exists():
        raise ClusterError(f"cannot remove {folder}")
