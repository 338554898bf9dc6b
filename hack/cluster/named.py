"""Clusters with a name, which run until somebody ends them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from hack.cluster import kind
from hack.cluster.errors import BadSetting, ClusterError
from hack.cluster.folders import ALIVE, Folders, alive, private, remove
from hack.cluster.locks import locked, shared
from hack.cluster.opening import Request
from hack.cluster.programs import Process, Program
from hack.cluster.progress import Progress
from hack.cluster.settings import Settings
from hack.cluster.ways import GivenKubeconfig, KindWay, ThisMachine, choose

_KIND_PREFIX = "azwi-"
_FACTS = "cluster.json"
KUBECONFIG = "admin.kubeconfig"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one cluster."""

    name: str
    folder: Path
    running: bool
    facts: dict[str, Any]
    """Of cluster.json: way, url, version, settings; empty while it starts."""
    processes: dict[str, Process | None]

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.folder / KUBECONFIG


class Clusters:
    """The clusters with a name of one user."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._folders = Folders.of(environment)

    def up(self, name: str, settings: Settings, progress: Progress) -> Standing:
        """Start a cluster unless it runs; it goes on when this process ends."""
        folder = self._folders.named(name)
        request = Request.of(settings, self._environment, progress)
        if isinstance(request.way, GivenKubeconfig):
            raise BadSetting(
                f"AZWI_KUBECONFIG={request.way.kubeconfig} names a cluster to use:"
                " there is nothing to start"
            )
        with self._alone(name):
            standing = self._look(folder)
            if standing.running and standing.facts:
                self._require_same(standing, settings)
                return standing
            self._end(folder)
            self._start(name, folder, request)
            return self._look(folder)

    def down(self, name: str) -> bool:
        """End a cluster; false if there was none."""
        folder = self._folders.named(name)
        with self._alone(name):
            there = folder.exists()
            self._end(folder)
        return there

    def standing(self, name: str) -> Standing:
        """Say how a cluster stands."""
        return self._look(self._folders.named(name))

    def all(self) -> list[Standing]:
        """Say how every cluster stands, those of `local_cluster()` among them."""
        folders = [*self._folders.all_named(), *self._folders.all_temporary()]
        return [self._look(folder) for folder in folders]

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        private(self._folders.root / "clusters")
        with locked(self._folders.root / "clusters" / f".{name}.lock"):
            yield

    def _start(self, name: str, folder: Path, request: Request) -> None:
        private(folder)
        with shared(folder / ALIVE):
            made = request.made(folder, _KIND_PREFIX + name, detach=True)
            try:
                made.up()
            except BaseException:
                made.down()
                remove(folder)
                raise
            facts = {
                "way": made.way,
                "url": made.url,
                "version": made.version,
                "settings": asdict(request.settings),
            }
            (folder / _FACTS).write_text(json.dumps(facts, indent=2) + "\n")

    def _end(self, folder: Path) -> None:
        if _read_facts(folder).get("way") == "kind":
            kind.delete(self._kind(), _KIND_PREFIX + folder.name)
        for program in reversed(_programs(folder)):
            program.stop(patience=0)
        remove(folder)
        if folder.exists():
            raise ClusterError(f"cannot remove {folder}")

    def _look(self, folder: Path) -> Standing:
        facts = _read_facts(folder)
        if facts.get("way") == "kind":
            running = _KIND_PREFIX + folder.name in kind.existing(self._kind())
        else:
            running = alive(folder)
        processes = {program.name: program.process for program in _programs(folder)}
        return Standing(folder.name, folder, running, facts, processes)

    def _kind(self) -> KindWay:
        only_kind = {**self._environment, "AZWI_CLUSTER_WAY": "kind"}
        return cast("KindWay", choose(ThisMachine(only_kind), ()))

    @staticmethod
    def _require_same(standing: Standing, settings: Settings) -> None:
        asked = json.loads(json.dumps(asdict(settings)))
        other = [
            key for key, value in asked.items() if standing.facts["settings"].get(key) != value
        ]
        if other:
            raise BadSetting(
                f"cluster {standing.name!r} runs with another {' and '.join(other)}:"
                " end it first (down), or take another --name"
            )


def _read_facts(folder: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads((folder / _FACTS).read_text())
    except FileNotFoundError:
        return {}
    return facts


def _programs(folder: Path) -> list[Program]:
    """List the programs that were started in a folder, each after what it depends on."""
    order = ["etcd", "kube-apiserver", "kube-controller-manager"]
    return [Program(folder, name) for name in order if (folder / "pids" / f"{name}.json").exists()]
