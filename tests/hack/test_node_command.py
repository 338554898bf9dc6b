"""`python -m hack.node` where no node can run, and what tests say there."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hack.node.testing import node_or_skip

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def nowhere(tmp_path: Path) -> dict[str, str]:
    """Variables of a place without programs."""
    return {"AZWI_CACHE": str(tmp_path), "PATH": "/nowhere"}


@pytest.fixture
def run(nowhere: dict[str, str]) -> Run:
    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hack.node", *arguments],
            env=nowhere,
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[2],
        )

    return command


def test_missing_names_the_packages(run: Run) -> None:
    done = run("missing")
    assert (done.returncode, done.stderr) == (1, "")
    assert "no containerd; " in done.stdout
    assert "apt-get install --no-install-recommends containerd " in done.stdout


def test_up_says_what_is_missing_and_starts_nothing(run: Run, tmp_path: Path) -> None:
    done = run("up")
    assert done.returncode == 1
    assert done.stderr.startswith("hack.node: no node can run on this machine:\n  ")
    assert "no containerd; " in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [("kubeconfig",), ("load", "x.tar")])
def test_what_needs_a_node_says_how_to_start_one(run: Run, command: tuple[str, ...]) -> None:
    done = run(*command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == ("hack.node: node 'node' is not up: python -m hack.node up --name node\n")


def test_status_and_down_where_nothing_runs(run: Run) -> None:
    assert (run("status").stdout, run("status").returncode) == ("no node\n", 0)
    assert run("status", "--name", "a").stdout == "a: there is none\n"
    assert run("status", "--name", "a").returncode == 1
    assert (run("down").stdout, run("down").returncode) == ("node: there was none\n", 0)


def test_a_bad_name_is_one_line(run: Run) -> None:
    done = run("up", "--name", "../x")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "expected 1 to 40 of a-z, 0-9 and '-'" in done.stderr


def test_wrong_usage_is_2(run: Run) -> None:
    assert run("sideways").returncode == 2


def test_a_test_is_skipped_and_told_why(
    nowhere: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZWI_REQUIRE_NODE", raising=False)
    with (
        pytest.raises(pytest.skip.Exception, match="no node can run on this machine"),
        node_or_skip(environment=nowhere),
    ):
        pass


def test_where_a_node_is_required_it_fails(
    nowhere: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZWI_REQUIRE_NODE", "1")
    with (
        pytest.raises((pytest.fail.Exception, pytest.skip.Exception)) as caught,
        node_or_skip(environment=nowhere),
    ):
        pass
    assert caught.type is pytest.fail.Exception
    assert str(caught.value).startswith("AZWI_REQUIRE_NODE=1, but no node can run")
