"""Runs a program in the cgroups of a node.

    python -I -S join.py FILE PROGRAM...

FILE lists the cgroups, a path a line. The standard library only.
"""

import os
import sys
from pathlib import Path


def main() -> None:
    """Join, then become the program."""
    for line in Path(sys.argv[1]).read_text().splitlines():
        (Path(line) / "cgroup.procs").write_text(str(os.getpid()))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main()
