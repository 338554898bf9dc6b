"""What is derived of the chart's values: `python -m hack.chart readme [--check]`."""

import argparse
import sys
from collections.abc import Sequence

from hack.chart.errors import ChartError
from hack.chart.files import derived, stale


def main(argv: Sequence[str] | None = None) -> int:
    """Write what is derived, or look whether it is right; 0: it is, 1: not, 2: wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m hack.chart", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    readme = commands.add_parser("readme", help="write the README's tables and the defaults' copy")
    readme.add_argument("--check", action="store_true", help="write nothing, say what is not right")
    options = parser.parse_args(argv)
    try:
        wrong = stale()
        for path in wrong:
            if not options.check:
                path.write_text(derived()[path], "utf-8")
            print(f"{path}: {'not right; run `make chart`' if options.check else 'written'}")
    except ChartError as error:
        print(f"hack.chart: {error}", file=sys.stderr)
        return 1
    return 1 if wrong and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
