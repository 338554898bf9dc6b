"""The command line around the story: options, and how each end of it is told."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from hack.cluster import ClusterError, ways
from hack.demo.errors import DemoFailed
from hack.demo.interruptions import Interruptions
from hack.demo.quick_start import MANIFESTS, read_quick_start
from hack.demo.screen import Screen
from hack.demo.story import Story


def run(argv: Sequence[str] | None, interruptions: Interruptions) -> int:
    """Run the demo; return the exit status. Raises Interrupted."""
    options = _parser().parse_args(argv)
    screen = Screen()
    interruptions.tell(screen.mute)
    screen.title("azwi demo: from a grant to an access token, on a real API server")
    leftovers: list[str] = []
    try:
        story = Story(
            read_quick_start(options.manifests),
            screen,
            interruptions,
            os.environ,
            withdraws=not options.quick,
        )
        leftovers = story.leftovers
        story.tell()
    except (DemoFailed, ClusterError) as error:
        screen.problem(str(error))
        return 1
    finally:
        screen.close()
        for leftover in leftovers:
            screen.problem(f"could not clean up: {leftover}")
    return 1 if leftovers else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hack.demo",
        description="From a grant to an access token, on a real API server, step by step.",
        epilog=ways.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--manifests",
        type=Path,
        default=MANIFESTS,
        metavar="FILE",
        help="a namespace, an annotated ServiceAccount, a labelled and an unlabelled pod"
        " (default: examples/quick-start.yaml)",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="leave out the withdrawal of the grant, which takes a minute",
    )
    return parser
