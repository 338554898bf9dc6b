"""A real node for the tests of this folder, kept apart from those of whoever runs the tests."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hack.cluster import NoWay
from hack.cluster.folders import Folders
from hack.cluster.progress import silent
from hack.cluster.testing import shown
from hack.node import CannotRun, Node
from hack.node.image import write_archive
from hack.node.starting import Starter
from hack.node.testing import node_or_skip, skip_or_fail
from tests.cluster.api import Api, a_namespace, api_of

ROOT = Path(__file__).parents[2]
PROBE = "localhost/azwi/probe:1"

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def environment(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Variables for nodes in a state folder of the tests; programs come from the cache."""
    theirs = {key: value for key, value in os.environ.items() if key != "AZWI_KUBECONFIG"}
    try:
        Starter.of(theirs, shown(pytestconfig))
    except (CannotRun, NoWay) as error:
        skip_or_fail(str(error))
    state = tmp_path_factory.mktemp("state")
    (state / "bin").symlink_to(Folders.of(theirs).root / "bin")
    return {**theirs, "AZWI_CACHE": str(state), "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="session")
def running(environment: dict[str, str], probe: Path) -> Iterator[Node]:
    """One node for the whole session, with the probe's image; each test has its own namespace."""
    with node_or_skip(progress=silent, environment=environment) as found:
        found.load(probe)
        yield found


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of the probe's image."""
    go = shutil.which("go")
    if go is None:
        skip_or_fail("the test's pod is a program in Go, and there is no `go` on PATH")
    folder = tmp_path_factory.mktemp("probe")
    subprocess.run(
        [go, "build", "-trimpath", "-o", folder / "probe", "."],
        cwd=Path(__file__).parent / "probe",
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"},
        check=True,
    )
    write_archive(folder / "probe.tar", PROBE, folder / "probe")
    return folder / "probe.tar"


@pytest.fixture(scope="session")
def api(running: Node) -> Iterator[Api]:
    with api_of(running.cluster) as found:
        yield found


@pytest.fixture
def namespace(api: Api) -> Iterator[str]:
    with a_namespace(api, "node") as name:
        yield name


@pytest.fixture
def hack_node(environment: dict[str, str]) -> Iterator[Command]:
    """`python -m hack.node`, as people run it; the node `cli` is gone after the test."""

    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hack.node", *command],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )

    yield run
    run("down", "--name", "cli")
