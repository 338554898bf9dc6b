"""A node for a block of code: of a test, of a demonstration."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from hack.cluster.progress import Progress, silent
from hack.cluster.settings import ISSUER
from hack.node.node import Node
from hack.node.starting import Starter
from hack.node.wish import DEFAULT_NAME, Wish


@contextmanager
def node(
    *,
    name: str = DEFAULT_NAME,
    issuer: str = ISSUER,
    extra_apiserver_args: Sequence[str] = (),
    progress: Progress = silent,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Node]:
    """Bring up a single-node cluster for as long as the block runs.

    `hack.node.wish.Wish` says what each setting does. `progress` is told of every step
    (`printed()` prints them); the first time the programs are built, which takes minutes. Nothing
    is left behind, whatever way this process ends. Raises CannotRun where the machine lacks
    something, and ClusterError.
    """
    starter = Starter.of(os.environ if environment is None else environment, progress)
    starter.sweep()
    wish = Wish(name=name, issuer=issuer, extra_apiserver_args=tuple(extra_apiserver_args))
    with starter.folders.temporary() as folder:
        running = starter.start(folder, wish, detach=False)
        try:
            yield running
        finally:
            running.down()
