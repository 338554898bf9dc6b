"""Which cgroups are a node's, and that they go."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from hack.cluster.folders import Folders
from hack.cluster.keeper import CGROUPS, listed_cgroups, remove_cgroups
from hack.node import cgroups
from hack.node.cgroups import hierarchies
from hack.node.ending import sweep

HYBRID = """\
9:name=systemd:/user.slice
5:cpu,cpuacct:/
4:memory:/a/b:c
0::/user.slice
"""


def test_the_v1_hierarchies_are_found_by_their_folders() -> None:
    assert hierarchies(HYBRID) == {
        "systemd": "/user.slice",
        "cpu,cpuacct": "/",
        "memory": "/a/b:c",
    }


def test_a_machine_with_v2_only_has_none() -> None:
    assert hierarchies("0::/init.scope\n") == {}


def test_a_folder_of_a_cluster_without_a_node_lists_none(tmp_path: Path) -> None:
    assert listed_cgroups(tmp_path) == []


def test_a_cgroup_goes_with_all_below_it(tmp_path: Path) -> None:
    (tmp_path / "node" / "kubepods" / "pod").mkdir(parents=True)
    assert remove_cgroups([tmp_path / "node"])
    assert not (tmp_path / "node").exists()
    assert remove_cgroups([tmp_path / "node"])


def test_one_that_is_populated_stays_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "node" / "pod").mkdir(parents=True)
    (tmp_path / "node" / "pod" / "process").touch()  # rmdir refuses, as the kernel does
    assert not remove_cgroups([tmp_path / "node"])
    assert (tmp_path / "node" / "pod").exists()


def test_a_run_that_is_gone_takes_its_cgroups_along_wherever_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroups, "sweep", lambda: None)  # the machine's are not the test's
    folders = Folders(tmp_path / "nodes")
    cgroup = tmp_path / "of-another-session"
    with folders.temporary() as alive:
        dead = alive.parent / "dead"
        for folder in (alive, dead):
            folder.mkdir(exist_ok=True)
            (cgroup / folder.name).mkdir(parents=True)
            (folder / CGROUPS).write_text(f"{cgroup / folder.name}\n")
        sweep(folders)
        assert [path.name for path in cgroup.iterdir()] == [alive.name]
        assert folders.all_temporary() == [alive]


def test_all_processes_below_a_cgroup_are_its_and_what_vanishes_has_none(tmp_path: Path) -> None:
    (tmp_path / "pods" / "one").mkdir(parents=True)
    (tmp_path / "cgroup.procs").write_text("1\n")
    (tmp_path / "pods" / "one" / "cgroup.procs").write_text("20\n300\n")
    assert cgroups.pids(tmp_path) == {1, 20, 300}
    assert cgroups.pids(tmp_path / "gone") == set()


def test_a_keeper_removes_the_cgroups_that_its_folder_lists(tmp_path: Path) -> None:
    cgroup = tmp_path / "cgroup"
    (cgroup / "pod").mkdir(parents=True)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / CGROUPS).write_text(f"{cgroup}\n")
    owner = """if True:
        import sys
        from pathlib import Path
        from hack.cluster.programs import Program
        Program(Path(sys.argv[1]), "sleeper").start(["/bin/sleep", "300"])
        print("started", flush=True)
        sys.stdin.read()
    """
    with subprocess.Popen(
        [sys.executable, "-c", owner, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        process.kill()
    end = time.monotonic() + 10
    while (folder.exists() or cgroup.exists()) and time.monotonic() < end:
        time.sleep(0.02)
    assert not folder.exists()
    assert not cgroup.exists()
