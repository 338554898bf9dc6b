"""A cluster for a block of code: of a test, of the demo, of the benchmark."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from hack.cluster import kind
from hack.cluster.cluster import Cluster
from hack.cluster.folders import alive
from hack.cluster.opening import KIND_PREFIX, Request
from hack.cluster.progress import Progress, silent
from hack.cluster.settings import ISSUER, Settings
from hack.cluster.ways import KindWay


@contextmanager
def local_cluster(  # noqa: PLR0913 - the settings of hack.cluster.settings, by their names
    *,
    controller_manager: bool = False,
    aggregator_routing: bool = False,
    issuer: str = ISSUER,
    bind_address: str = "127.0.0.1",
    advertise_address: str | None = None,
    extra_apiserver_args: Sequence[str] = (),
    progress: Progress = silent,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Cluster]:
    """Bring up a real API server for as long as the block runs.

    `hack.cluster.settings.Settings` says what each setting does. `progress` is told of every step
    (`printed()` prints them); the first time the programs are built, which takes minutes. Nothing
    is left behind, whatever way this process ends; `environment` (default: os.environ) says where
    to look for a cluster and where to keep programs. Raises ClusterError.
    """
    settings = Settings(
        controller_manager=controller_manager,
        aggregator_routing=aggregator_routing,
        issuer=issuer,
        bind_address=bind_address,
        advertise_address=advertise_address,
        extra_apiserver_args=tuple(extra_apiserver_args),
    )
    request = Request.of(settings, os.environ if environment is None else environment, progress)
    if isinstance(request.way, KindWay):
        _sweep_kind(request, request.way)
    with request.folders.temporary() as folder, request.opened(folder) as cluster:
        yield cluster


def _sweep_kind(request: Request, tools: KindWay) -> None:
    """Delete the clusters in Docker whose run was killed."""
    for name in kind.existing(tools):
        folder = request.folders.root / "run" / name.removeprefix(KIND_PREFIX)
        if name.startswith(KIND_PREFIX) and not alive(folder):
            kind.delete(tools, name)
