"""Where clusters lie, and how leftovers go."""

import stat
from pathlib import Path

import pytest

from hack.cluster.errors import BadSetting, ClusterError
from hack.cluster.folders import ALIVE, Folders, alive
from hack.cluster.locks import held_by_anybody, locked, shared


@pytest.mark.parametrize(
    ("environment", "root"),
    [
        ({"AZWI_CACHE": "/a", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/a"),
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/azwi"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/azwi"),
        ({"HOME": "/h"}, "/h/.cache/azwi"),
    ],
)
def test_the_root_is_where_the_environment_says(environment: dict[str, str], root: str) -> None:
    assert Folders.of(environment).root == Path(root)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "Upper", "-a", "a-", "a" * 41, "."])
def test_a_name_that_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadSetting, match="expected 1 to 40 of a-z, 0-9 and '-'"):
        Folders(tmp_path).named(name)


def test_a_temporary_folder_is_private_and_goes_with_its_block(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    with folders.temporary() as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert alive(folder)
        assert folders.all_temporary() == [folder]
    assert folders.all_temporary() == []


def test_a_temporary_folder_goes_when_the_block_fails(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    with pytest.raises(KeyboardInterrupt), folders.temporary():
        raise KeyboardInterrupt
    assert folders.all_temporary() == []


def test_the_next_run_sweeps_what_a_killed_one_left(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    killed = tmp_path / "run" / "killed"
    (killed / "pki").mkdir(parents=True)
    (killed / ALIVE).touch()
    with folders.temporary() as first, folders.temporary() as second:
        assert folders.all_temporary() == sorted([first, second])


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ClusterError, match=r"^cannot make .*\(AZWI_CACHE names another place\)$"),
        Folders(tmp_path / "file").temporary(),
    ):
        pass


def test_a_lock_is_held_alone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    waited: list[bool] = []

    class StopWaitingError(Exception):
        pass

    def waiting() -> None:
        waited.append(True)
        raise StopWaitingError

    with locked(path):
        assert held_by_anybody(path)
        with pytest.raises(StopWaitingError), locked(path, waiting=waiting):
            pass
    assert waited == [True]
    assert not held_by_anybody(path)


def test_a_shared_lock_is_held_until_its_last_holder_ends(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with shared(path):
        with shared(path):
            pass
        assert held_by_anybody(path)
    assert not held_by_anybody(path)
