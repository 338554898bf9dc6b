"""Running the programs that do the work, and saying how they failed."""

import subprocess
from collections.abc import Sequence
from os import PathLike

from hack.images.errors import BuildFailed

_LINES = 30

Argument = str | PathLike[str]


def run(command: Sequence[Argument]) -> str:
    """Run to the end and return what it printed. Raises BuildFailed with its last lines."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise BuildFailed(f"cannot start {command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        tail = "\n".join(f"  {line}" for line in done.stdout.splitlines()[-_LINES:])
        raise BuildFailed(f"{_said(command)} ended with status {done.returncode}:\n{tail}")
    return done.stdout


def answer(command: Sequence[Argument]) -> str | None:
    """Return what it printed on its standard output, or nothing where it failed."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def _said(command: Sequence[Argument]) -> str:
    """Say a command in short: its options may hold a URL with a password."""
    return " ".join(str(word) for word in command[:2])
