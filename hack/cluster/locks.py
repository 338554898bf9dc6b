"""File locks (flock): the kernel drops them with their last holder, so none is ever stale."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, *, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock alone; `waiting` is called about twice a second while another holds it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not _try(file, fcntl.LOCK_EX):
            if waiting:
                waiting()
            time.sleep(0.5 if waiting else 0.05)
        yield
    finally:
        os.close(file)


def shared(path: Path) -> AbstractContextManager[None]:
    """Hold the lock beside others, from the call on until the end of the block."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(file, fcntl.LOCK_SH)

    @contextmanager
    def held() -> Iterator[None]:
        try:
            yield
        finally:
            os.close(file)

    return held()


def held_by_anybody(path: Path) -> bool:
    """Whether any process holds the lock; a file that isn't there is held by nobody."""
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _try(file, fcntl.LOCK_EX)
    finally:
        os.close(file)


def _try(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
