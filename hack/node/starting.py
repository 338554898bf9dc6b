"""From a wish to a node that runs: the machine looked at, programs built, addresses chosen."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hack.cluster import opening
from hack.cluster.folders import Folders
from hack.cluster.means import Means
from hack.cluster.progress import Progress
from hack.cluster.settings import Settings
from hack.cluster.ways import ThisMachine, choose
from hack.node import cgroups, networks
from hack.node.configuration import Layout
from hack.node.ending import sweep
from hack.node.errors import CannotRun
from hack.node.machine import Machine, missing
from hack.node.node import BUILT, Node, Request
from hack.node.wish import Wish

_CONTROL_PLANE = Settings(controller_manager=True)


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts nodes on a machine that has what they need."""

    environment: Mapping[str, str]
    folders: Folders
    """Of nodes: their own part of the cache."""
    programs: opening.Request
    """Where programs come from: the cache, or a build."""
    path: str
    cni_plugins: Path
    progress: Progress

    @classmethod
    def of(cls, environment: Mapping[str, str], progress: Progress) -> Self:
        """Look at the machine, and build what is missing. Raises CannotRun, NoWay, BuildFailed."""
        machine = Machine(environment)
        plugins = machine.cni_plugins()
        if (faults := missing(machine)) or plugins is None:
            raise CannotRun(faults)
        names = (*_CONTROL_PLANE.programs(), *BUILT)
        way = choose(ThisMachine({**environment, "AZWI_CLUSTER_WAY": "build"}), names)
        cache = Folders.of(environment)
        programs = opening.Request(_CONTROL_PLANE, way, cache, environment, progress)
        for name in names:
            programs.find_program(name)
        folders = node_folders(environment)
        return cls(environment, folders, programs, machine.path(), plugins, progress)

    def sweep(self) -> None:
        """Remove what killed runs left."""
        with cgroups.alone():
            sweep(self.folders)

    def start(self, folder: Path, wish: Wish, *, detach: bool) -> Node:
        """Start a node in a folder of its own; if it fails, only the folder is left."""
        with cgroups.alone():
            network = networks.free(networks.routes_of_machine())
            layout = Layout(folder, wish.name, network, self.cni_plugins)
            request = Request(layout=layout, wish=wish, path=self.path, detach=detach)
            means = Means(self.programs.find_program, self.progress, network.host_address)
            made = Node(request, means)
            with _or_down(made):
                made.occupy()
        with _or_down(made):
            made.up()
        return made


def node_folders(environment: Mapping[str, str]) -> Folders:
    """Name the folders of nodes: `nodes/` in the cache, laid out as those of clusters are."""
    return Folders(Folders.of(environment).root / "nodes")


@contextmanager
def _or_down(made: Node) -> Iterator[None]:
    try:
        yield
    except BaseException:
        made.down()
        raise
