"""However a node ends, nothing of it is left on the machine."""

import json
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hack.cluster.programs import Process
from hack.node.ending import programs
from tests.node.conftest import Command
from tests.node.traces import Traces, settings

pytestmark = pytest.mark.cluster

OWNER = """
    import sys
    from pathlib import Path
    from hack.node import node
    from tests.cluster.api import api_of
    from tests.node.pods import start_probe
    with node(name="owned") as running:
        running.load(Path(sys.argv[1]))
        with api_of(running.cluster) as api:
            start_probe(api, "default")
        print(running.cluster.folder, flush=True)
        sys.stdin.read()
"""


@contextmanager
def an_owner(
    environment: dict[str, str], probe: Path
) -> Iterator[tuple[subprocess.Popen[str], Traces]]:
    """A process with a node, and a pod on it; it ends in order when its stdin does."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OWNER), probe],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as owner:
        assert owner.stdout is not None
        folder = Path(owner.stdout.readline().strip())
        traces = Traces.of(folder)
        assert len(traces.processes) > 20  # programs, keepers, a shim, two of the pod
        assert len(traces.left()) > len(traces.processes)
        yield owner, traces


@pytest.mark.parametrize("number", [None, signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_however_its_owner_ends(
    environment: dict[str, str], probe: Path, number: signal.Signals | None
) -> None:
    before = settings()
    with an_owner(environment, probe) as (owner, traces):
        if number is None:
            assert owner.stdin is not None
            owner.stdin.close()
        else:
            owner.send_signal(number)
        owner.wait(30)
    assert traces.left_after(10) == []
    assert settings() == before


def test_what_is_left_where_the_keepers_were_killed_too_goes_with_the_next_start(
    environment: dict[str, str], probe: Path
) -> None:
    with an_owner(environment, probe) as (owner, traces):
        keepers = [keeper for keeper in traces.processes if is_keeper(keeper)]
        assert len(keepers) == 9
        for process in [*keepers, Process.of(owner.pid)]:
            assert process is not None
            process.signal(signal.SIGSTOP)  # none of them may see another's end
        for process in [*keepers, Process.of(owner.pid)]:
            assert process is not None
            process.signal(signal.SIGKILL)
    assert str(traces.folder) in traces.left_after(1)
    with an_owner(environment, probe) as (_, others):
        assert traces.left() == []
    assert others.left_after(10) == []


def is_keeper(process: Process) -> bool:
    return b"keeper.py" in Path(f"/proc/{process.pid}/cmdline").read_bytes()


def test_a_node_runs_from_up_to_down(hack_node: Command, probe: Path) -> None:
    up = hack_node("up", "--name", "cli")
    assert up.returncode == 0, up.stderr
    assert " ok starting the node's programs" in up.stderr
    kubeconfig = Path(hack_node("kubeconfig", "--name", "cli").stdout.strip())
    assert f"export KUBECONFIG={kubeconfig}\n" in up.stdout
    content = hack_node("kubeconfig", "--name", "cli", "--content").stdout
    assert json.loads(content) == json.loads(kubeconfig.read_text())

    status = hack_node("status", "--name", "cli")
    assert status.returncode == 0
    assert status.stdout.startswith("cli: up\n  url ")
    assert "kubelet                 pid " in status.stdout

    loaded = hack_node("load", "--name", "cli", probe)
    assert (loaded.returncode, loaded.stdout) == (0, f"cli has the images of {probe}\n")

    assert hack_node("up", "--name", "cli").stdout == up.stdout
    other = hack_node("up", "--name", "cli", "--issuer", "https://issuer.example.test")
    assert other.returncode == 1
    assert "runs with another issuer: end it first (down)" in other.stderr

    traces = Traces.of(kubeconfig.parent)
    assert hack_node("down", "--name", "cli").stdout == "cli is down\n"
    assert traces.left() == []
    assert hack_node("status", "--name", "cli").returncode == 1


@pytest.mark.parametrize("program", ["first-process", "kubelet"])
def test_a_node_that_broke_says_so_and_is_started_anew(hack_node: Command, program: str) -> None:
    assert hack_node("up", "--name", "cli").returncode == 0
    folder = Path(hack_node("kubeconfig", "--name", "cli").stdout.strip()).parent
    traces = Traces.of(folder)
    keeper = keeper_of(folder, program)
    keeper.signal(signal.SIGKILL)
    assert keeper.wait(5)
    assert eventually_ended(folder, program)

    status = hack_node("status", "--name", "cli")
    assert status.returncode == 1
    assert status.stdout.startswith("cli: not up (it starts, or it broke)\n")
    assert f"  {program:24}ended\n" in status.stdout
    refused = hack_node("load", "--name", "cli", "x.tar")
    assert "node 'cli' is not up: python -m hack.node up --name cli" in refused.stderr

    assert hack_node("up", "--name", "cli").returncode == 0
    left = traces.left()
    assert [each for each in left if each != str(folder)] == []
    assert hack_node("status", "--name", "cli").returncode == 0
    again = Traces.of(folder)
    assert hack_node("down", "--name", "cli").returncode == 0
    assert again.left() == []


def keeper_of(folder: Path, program: str) -> Process:
    facts = json.loads((folder / "pids" / f"{program}.json").read_text())
    return Process(facts["pids"]["keeper"], facts["started"]["keeper"], facts["boot"])


def eventually_ended(folder: Path, program: str) -> bool:
    process = next(each for each in programs(folder) if each.name == program).process
    return process is None or process.wait(5)


def test_up_that_fails_leaves_nothing(hack_node: Command, environment: dict[str, str]) -> None:
    done = hack_node("up", "--name", "cli", "--api-server-arg=--no-such-flag=1")
    assert done.returncode == 1
    assert "unknown flag: --no-such-flag" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (Path(environment["AZWI_CACHE"]) / "nodes" / "clusters" / "cli").exists()
    assert list(Path("/sys/fs/cgroup").rglob("azwi-node.cli.*")) == []
