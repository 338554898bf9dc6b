"""Forked processes: real ones, quick to start, each by itself, and none is left."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.nursery import Nursery, nursery

PROGRAM = "tests.gateway.told"


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with nursery(PROGRAM, tmp_path_factory.mktemp("nursery")) as found:
        yield found


def ready(said: str) -> str | None:
    return said if "ready" in said else None


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_child_runs_with_its_own_arguments_and_environment(parent: Nursery) -> None:
    child = parent.start(["--a", "b"], {"SAID": "so"})
    assert child.wait_said(ready) == f"ready {child.pid} ['--a', 'b'] so nothing\n"
    assert child.running
    assert child.stop() == 3
    assert child.said().endswith("in order\n")
    assert gone(child.pid)


def test_a_child_can_be_killed(parent: Nursery) -> None:
    child = parent.start([])
    child.wait_said(ready)
    assert child.kill() == -signal.SIGKILL
    assert gone(child.pid)
    assert not child.running
    child.signal(signal.SIGTERM)  # which says nothing


def test_a_child_can_be_paused(parent: Nursery) -> None:
    child = parent.start([])
    child.wait_said(ready)
    child.pause()
    child.signal(signal.SIGTERM)
    with pytest.raises(AssertionError, match="has not ended"):
        child.wait(0.1)
    child.resume()
    assert child.wait() == 3


def test_a_change_is_in_one_child_only(parent: Nursery) -> None:
    changed = parent.start([], first=[f"{PROGRAM}:add"])
    another = parent.start([])
    assert "something" in changed.wait_said(ready)
    assert "nothing" in another.wait_said(ready)
    assert [child.stop() for child in (changed, another)] == [3, 3]


def test_the_status_is_the_program_s(parent: Nursery) -> None:
    assert parent.start(["status"]).wait() == 17


def test_a_child_that_fails_says_why(parent: Nursery) -> None:
    child = parent.start(["fail"])
    assert child.wait() == 1
    assert "ValueError: as was asked for" in child.said()
    with pytest.raises(AssertionError, match="ended with 1"):
        child.wait_said(ready)


def test_none_is_left_after_the_block(tmp_path: Path) -> None:
    with nursery(PROGRAM, tmp_path) as parent:
        children = [parent.start([]) for _ in range(3)]
        for child in children:
            child.wait_said(ready)
        children[0].pause()
    assert all(gone(child.pid) for child in children)
