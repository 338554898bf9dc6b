"""Processes that start in a tenth of a second: forked from one that has imported everything.

    python -m tests.gateway.prefork MODULE      # read by `Nursery`

The parent imports MODULE, whose `main(arguments, environment)` returns an exit status. It has one
thread, reads orders on standard input, one JSON object a line, and answers each with one on
standard output:

    {"start": {"log": PATH, "arguments": [...], "environment": {...}, "first": ["module:name"]}}
    {"reap": PID}

Each child is a process like any other; what stands in `first` is called in it before `main`, to
change things in that process only. At the end of its input the parent ends all of them.
"""

import ctypes
import gc
import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NoReturn, TextIO

_PR_SET_PDEATHSIG: Final = 1


def serve(module: ModuleType, orders: TextIO, answers: TextIO) -> None:
    """Follow orders until there are no more."""
    libc = ctypes.CDLL(None)
    children: set[int] = set()
    gc.collect()
    gc.freeze()
    for line in orders:
        order = json.loads(line)
        if "start" in order:
            pid = _fork(module, order["start"], libc)
            children.add(pid)
            answer = {"pid": pid}
        else:
            answer = {"status": _reap(order["reap"])}
            children.discard(order["reap"])
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _reap(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _fork(module: ModuleType, start: dict[str, Any], libc: ctypes.CDLL) -> int:
    assert threading.active_count() == 1, "a fork would copy this thread only"
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        _run(module, start)
    return pid


def _run(module: ModuleType, start: dict[str, Any]) -> NoReturn:
    """Be the child, to its end; nothing of the parent's is run at it."""
    status = 1
    try:
        _redirect(Path(start["log"]))
        os.environ.clear()
        os.environ.update(start["environment"])
        for name in start["first"]:
            place, _, attribute = name.partition(":")
            getattr(importlib.import_module(place), attribute)()
        status = module.main(start["arguments"], os.environ)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - the end of a process
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


def _redirect(log: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(source, target)
    for descriptor in (nothing, written):
        os.close(descriptor)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def run(arguments: Sequence[str]) -> None:
    """Import, then serve. Orders and answers keep descriptors 0 and 1."""
    serve(importlib.import_module(arguments[0]), sys.stdin, sys.stdout)


if __name__ == "__main__":
    run(sys.argv[1:])
