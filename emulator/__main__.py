"""The emulator's process: `python -m emulator --help`.

Exit codes: 0 after an orderly end, 1 when it can't start, 2 for options or a seed that can't be
right. Standard output carries one line of JSON with the addresses, and nothing else.
"""

import logging
import sys
from collections.abc import Sequence

import uvloop

from emulator.options import parse
from emulator.run import run
from emulator.seed.read import SeedError
from emulator.serve import ServeError
from identity.faults import Faults


def main(arguments: Sequence[str]) -> int:
    """Run the emulator; return the exit code."""
    faults = Faults()
    options = parse(arguments, faults)
    if faults:
        for fault in faults:
            _complain(str(fault))
        return 2
    logging.basicConfig(
        stream=sys.stderr,
        level=options.log_level.upper(),
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        uvloop.run(run(options))
    except SeedError as error:
        for fault in error.faults:
            _complain(f"{options.seed}: {fault}")
        return 2
    except (ServeError, OSError) as error:
        _complain(str(error))
        return 1
    return 0


def _complain(text: str) -> None:
    sys.stderr.write(f"azwi-emulator: {text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
