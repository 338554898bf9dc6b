"""The emulator's process: `python -m emulator --help`.

Exit codes: 0 after an orderly end, 1 when it can't start, 2 for options or a seed that can't be
right. Standard output carries one line of JSON with the addresses, and nothing else.
"""

import logging
import sys
from collections.abc import Sequence

import uvloop

from emulator.options import Options, parse
from emulator.run import run
from emulator.seed.read import SeedError, default_seed, load_seed
from emulator.seed.schema import Seed
from emulator.serve import ServeError
from emulator.state import StateError
from emulator.storage import StorageError
from identity.faults import Faults


def main(arguments: Sequence[str]) -> int:
    """Run the emulator; return the exit code."""
    faults = Faults()
    options = parse(arguments, faults)
    seed, lines = _seed(options)
    lines = [*map(str, faults), *lines]
    if lines:
        for line in lines:
            _complain(line)
        return 2
    _set_up_logs(options.log_level)
    try:
        uvloop.run(run(options, seed))
    except (ServeError, StateError, StorageError, OSError) as error:
        _complain(str(error))
        return 1
    except KeyboardInterrupt:  # before it took the signals over
        return 1
    return 0


def _seed(options: Options) -> tuple[Seed, list[str]]:
    """Return the seed, and what is wrong with it in lines for people."""
    if options.seed is None:
        return default_seed(), []
    try:
        return load_seed(options.seed), []
    except SeedError as error:
        return default_seed(), [f"{options.seed}: {fault}" for fault in error.faults]


def _set_up_logs(level: str) -> None:
    logging.basicConfig(
        stream=sys.stderr,
        level=level.upper(),
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    if level != "debug":  # what libraries say of their everyday
        for name in ("httpx", "httpcore", "uvicorn"):
            logging.getLogger(name).setLevel(logging.WARNING)


def _complain(text: str) -> None:
    sys.stderr.write(f"azwi-emulator: {text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
