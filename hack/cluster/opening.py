"""From a way to a cluster."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hack.cluster.build import Builder, cached
from hack.cluster.cluster import Cluster
from hack.cluster.control_plane import ControlPlane
from hack.cluster.errors import NoWay
from hack.cluster.folders import Folders
from hack.cluster.given import GivenCluster
from hack.cluster.kind import KindCluster
from hack.cluster.means import Means
from hack.cluster.progress import Progress
from hack.cluster.settings import Settings
from hack.cluster.ways import (
    AssetsWay,
    BuildWay,
    GivenKubeconfig,
    KindWay,
    ThisMachine,
    Way,
    choose,
)

KIND_PREFIX = "azwi-run-"
"""What the names of clusters of `local_cluster()` begin with in kind; the folder's name follows."""


@dataclass(frozen=True, slots=True)
class Request:
    """A cluster that is wanted, and the way that was chosen to it."""

    settings: Settings
    way: Way
    folders: Folders
    environment: Mapping[str, str]
    progress: Progress

    @classmethod
    def of(cls, settings: Settings, environment: Mapping[str, str], progress: Progress) -> Self:
        """Choose the way, and build what is missing on it."""
        way = choose(ThisMachine(environment), settings.programs())
        request = cls(settings, way, Folders.of(environment), environment, progress)
        if isinstance(way, AssetsWay | BuildWay):
            for name in settings.programs():
                request.find_program(name)
        return request

    def find_program(self, name: str) -> Path:
        """Find a program: among the user's, in the cache, or build it."""
        if isinstance(self.way, AssetsWay) and name in self.way.programs:
            return self.way.programs[name]
        if found := cached([name], self.folders):
            return found[name]
        go = ThisMachine(self.environment).which("go")
        if go is None:
            raise NoWay({name: "not in the cache, and no `go` on PATH to build it"})
        return Builder(go, self.folders, self.environment, self.progress).program(name)

    def made(self, folder: Path, kind_name: str, *, detach: bool) -> KindCluster | ControlPlane:
        """Prepare a cluster of our own; its `up()` is the caller's to call, and its `down()`."""
        if isinstance(self.way, KindWay):
            return KindCluster(kind_name, folder, self.settings, self.way, self._means())
        way = "assets" if isinstance(self.way, AssetsWay) else "build"
        return ControlPlane(folder, self.settings, self._means(), way=way, detach=detach)

    @contextmanager
    def opened(self, folder: Path) -> Iterator[Cluster]:
        """Open a cluster for as long as the block runs."""
        if isinstance(self.way, GivenKubeconfig):
            given = GivenCluster(self.way.kubeconfig, folder, self.settings, self._means())
            with given:
                yield given
            return
        cluster = self.made(folder, KIND_PREFIX + folder.name, detach=False)
        try:
            cluster.up()
            yield cluster
        finally:
            cluster.down()

    def _means(self) -> Means:
        own_address = self.environment.get("AZWI_HOST_ADDRESS")
        return Means(self.find_program, self.progress, own_address)
