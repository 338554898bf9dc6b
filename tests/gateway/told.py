"""A program for the tests of the nursery: says what it was given, and waits for its end."""

import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence

ADDED = "nothing"


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    if "fail" in arguments:
        raise ValueError("as was asked for")
    if "status" in arguments:
        return 17
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    said = environment.get("SAID")
    sys.stdout.write(f"ready {os.getpid()} {list(arguments)} {said} {ADDED}\n")
    asked.wait()
    sys.stderr.write("in order\n")
    return 3


def add() -> None:
    """Change this process before it begins."""
    global ADDED  # noqa: PLW0603 - which shows that it is this process only
    ADDED = "something"
