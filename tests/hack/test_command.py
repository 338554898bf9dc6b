"""`python -m hack.cluster`, as people run it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a command where nothing is and nothing can be built."""
    environment = {"AZWI_CACHE": str(tmp_path), "PATH": "/nowhere"}
    return lambda *command: hack_cluster(environment, *command)


def hack_cluster(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hack.cluster", *command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )


def test_up_names_the_ways_where_there_is_none(run: Run) -> None:
    done = run("up")
    assert done.returncode == 1
    assert done.stderr.startswith("hack.cluster: no way to a local cluster on this machine:\n")
    assert len(done.stderr.splitlines()) == 5


def test_a_bad_name_is_one_line(run: Run) -> None:
    done = run("up", "--name", "../x")
    assert done.returncode == 1
    assert done.stderr.startswith("hack.cluster: cluster name '../x': expected 1 to 40 of ")
    assert len(done.stderr.splitlines()) == 1


def test_kubeconfig_of_a_cluster_that_does_not_run_is_one_line(run: Run) -> None:
    done = run("kubeconfig", "--name", "none")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "hack.cluster: cluster 'none' does not run: python -m hack.cluster up --name none\n"
    )


def test_status_where_nothing_runs(run: Run) -> None:
    assert run("status").stdout == "no cluster\n"
    assert run("status").returncode == 0
    assert run("status", "--name", "a").stdout == "a: there is none\n"
    assert run("status", "--name", "a").returncode == 1


def test_down_where_nothing_runs(run: Run) -> None:
    done = run("down", "--name", "a")
    assert (done.returncode, done.stdout) == (0, "a: there was none\n")


def test_wrong_usage_is_2(run: Run) -> None:
    assert run("sideways").returncode == 2


def test_up_with_a_kubeconfig_that_is_given_has_nothing_to_start(tmp_path: Path) -> None:
    (tmp_path / "k").touch()
    environment = {"AZWI_CACHE": str(tmp_path), "AZWI_KUBECONFIG": str(tmp_path / "k")}
    done = hack_cluster(environment, "up")
    assert done.returncode == 1
    assert done.stderr.endswith("names a cluster to use: there is nothing to start\n")


@pytest.fixture
def ended(environment: dict[str, str]) -> Iterator[None]:
    yield
    hack_cluster(environment, "down", "--name", "cli")


@pytest.mark.cluster
@pytest.mark.usefixtures("ended")
def test_a_cluster_runs_from_up_to_down(
    environment: dict[str, str], connect: Callable[[Path], Any]
) -> None:
    up = hack_cluster(environment, "up", "--name", "cli")
    assert up.returncode == 0, up.stderr
    assert " ok starting kube-apiserver" in up.stderr
    kubeconfig = Path(hack_cluster(environment, "kubeconfig", "--name", "cli").stdout.strip())
    assert f"export KUBECONFIG={kubeconfig}\n" in up.stdout
    assert client.CoreV1Api(connect(kubeconfig)).list_namespace().items
    content = hack_cluster(environment, "kubeconfig", "--name", "cli", "--content").stdout
    assert json.loads(content) == json.loads(kubeconfig.read_text())

    status = hack_cluster(environment, "status", "--name", "cli")
    assert status.returncode == 0
    assert status.stdout.startswith("cli: running\n  url ")
    assert "kube-apiserver          pid " in status.stdout

    again = hack_cluster(environment, "up", "--name", "cli")
    assert (again.returncode, again.stderr) == (0, "")
    other = hack_cluster(environment, "up", "--name", "cli", "--aggregator-routing")
    assert other.returncode == 1
    assert "runs with another aggregator_routing: end it first (down)" in other.stderr

    assert hack_cluster(environment, "down", "--name", "cli").stdout == "cli is down\n"
    assert not kubeconfig.parent.exists()
    assert hack_cluster(environment, "status", "--name", "cli").returncode == 1


@pytest.mark.cluster
@pytest.mark.usefixtures("ended")
def test_up_that_fails_leaves_nothing(environment: dict[str, str]) -> None:
    done = hack_cluster(environment, "up", "--name", "cli", "--api-server-arg=--no-such-flag=1")
    assert done.returncode == 1
    assert "unknown flag: --no-such-flag" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (Path(environment["AZWI_CACHE"]) / "clusters" / "cli").exists()
