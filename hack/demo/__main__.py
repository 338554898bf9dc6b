"""`python -m hack.demo`: exit status 0 if all was as it should be, 1 if not, 130 after Ctrl-C."""

import sys
from collections.abc import Sequence

from hack.demo.errors import Interrupted
from hack.demo.interruptions import Interruptions


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; a signal unwinds it from here on."""
    interruptions = Interruptions()
    try:
        # Imported only now: it takes some tenths of a second, and Ctrl-C comes at any time.
        from hack.demo.program import run  # noqa: PLC0415

        return run(argv, interruptions)
    except Interrupted as interrupted:
        print(f"interrupted ({interrupted}): what was started is ended", file=sys.stderr)
        return interrupted.exit_status


if __name__ == "__main__":
    sys.exit(main())
