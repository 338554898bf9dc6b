"""A pytest plugin: a test that leaves a task, a thread or a socket behind fails.

What fixtures of a wider scope hold is theirs: the look before a test is taken after they are set
up. Tests on a real cluster share API clients whose connections open lazily, so that for those only
listening sockets count.
"""

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_JOIN_SECONDS = 2.0
_LISTENING = "0A"


@dataclass
class _Before:
    threads: set[threading.Thread] = field(default_factory=set)
    sockets: set[str] = field(default_factory=set)


_BEFORE = pytest.StashKey[_Before]()


@pytest.fixture(autouse=True)
def _what_was_there(request: pytest.FixtureRequest) -> None:
    only_listening = _only_listening(request.node)
    request.node.stash[_BEFORE] = _Before(set(threading.enumerate()), _sockets(only_listening))


@pytest.fixture(autouse=True)
async def _no_task_is_left(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    if not inspect.iscoroutinefunction(getattr(request.node, "obj", None)):
        yield
        return
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    if left:
        pytest.fail(f"tasks left behind: {sorted(task.get_name() for task in left)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Look again once the test, its fixtures and its event loop are gone."""
    yield
    before = item.stash.get(_BEFORE, None)
    if before is None:
        return
    threads = set(threading.enumerate()) - before.threads
    for thread in threads:
        thread.join(_JOIN_SECONDS)
    alive = sorted(thread.name for thread in threads if thread.is_alive())
    sockets = _sockets(_only_listening(item)) - before.sockets
    if alive or sockets:
        pytest.fail(f"left behind: threads {alive}, sockets {sorted(sockets)}")


def _only_listening(item: pytest.Item) -> bool:
    return item.get_closest_marker("cluster") is not None


def _sockets(only_listening: bool) -> set[str]:
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except OSError:
            continue  # the descriptor of this very listing
        if target.startswith("socket:"):
            found.add(target)
    return found & _listening() if only_listening else found


def _listening() -> set[str]:
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/self/net/{table}").read_text(encoding="ascii").splitlines()[1:]
    ]
    return {f"socket:[{row[9]}]" for row in rows if row[3] == _LISTENING}
