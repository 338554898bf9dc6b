"""Where the suite runs: on a cluster of the user's, a local node, or in kind.

A cluster that was brought up here goes with the block, whatever way that ends.
"""

import json
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from hack.cluster import local_cluster
from hack.cluster.errors import ClusterError, NoWay
from hack.cluster.progress import Progress, told
from hack.node import CannotRun, LoadFailed, node

_NODE: Final = "e2e"


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster with nodes."""

    name: str
    """For people."""
    kubeconfig: Path
    load: Callable[[Path], None] | None
    """Gives its nodes the images of an archive; None: they pull from a registry."""


class NoPlace(ClusterError):  # noqa: N818 - as in hack.cluster
    """Neither a node nor kind can be had here; both reasons are in the text."""


def given(kubeconfig: Path, environment: Mapping[str, str]) -> Place:
    """Take the user's cluster. Raises ClusterError for a file that is not there."""
    if not kubeconfig.is_file():
        raise ClusterError(f"{kubeconfig}: there is no such kubeconfig")
    command = environment.get("AZWI_E2E_LOAD")
    if command and "{archive}" not in command:
        raise ClusterError(f"AZWI_E2E_LOAD={command}: expected {{archive}} in it, for the file")
    load = None if not command else lambda archive: _load_by(command, archive)
    return Place(f"the cluster of {kubeconfig}", kubeconfig.absolute(), load)


@contextmanager
def ours(environment: Mapping[str, str], progress: Progress) -> Iterator[Place]:
    """Bring up a local node, or kind where Docker answers. Raises NoPlace, ClusterError."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(
                node(name=_NODE, progress=progress, environment=environment)
            )
        except (CannotRun, NoWay) as error:
            yield stack.enter_context(_kind(environment, progress, str(error)))
        else:
            yield Place("a local node", running.kubeconfig, running.load)


@contextmanager
def _kind(environment: Mapping[str, str], progress: Progress, why: str) -> Iterator[Place]:
    with ExitStack() as stack:
        try:
            cluster = stack.enter_context(
                local_cluster(
                    progress=progress, environment={**environment, "AZWI_CLUSTER_WAY": "kind"}
                )
            )
        except NoWay as error:
            raise NoPlace(f"{why}\nand no cluster in Docker:\n{error}") from error
        name = cluster_name(yaml.safe_load(cluster.kubeconfig.read_text()))
        command = f"kind load image-archive --name {name} {{archive}}"

        def load(archive: Path) -> None:
            with told(progress, f"loading {archive.name}"):
                _load_by(command, archive)

        yield Place("kind", cluster.kubeconfig, load)


def cluster_name(config: Mapping[str, object]) -> str:
    """Return how kind knows the cluster of a kubeconfig that it wrote: its context is `kind-NAME`.

    Raises ClusterError.
    """
    context = config.get("current-context")
    if not isinstance(context, str) or not context.startswith("kind-"):
        raise ClusterError(f"a kubeconfig of kind's with the context {json.dumps(context)}")
    return context.removeprefix("kind-")


def _load_by(command: str, archive: Path) -> None:
    argv = [word.replace("{archive}", str(archive)) for word in shlex.split(command)]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except OSError as error:
        raise LoadFailed(f"{argv[0]}: {error.strerror}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-1000:]
        raise LoadFailed(f"`{' '.join(argv)}` ended with status {done.returncode}: {said}")
