"""The benchmark's command line: `python -m hack.scale`."""

import argparse
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from types import FrameType
from typing import NoReturn

from hack.bench.machine import this_machine
from hack.bench.stage import StageFailed
from hack.cluster import ClusterError, StartFailed, local_cluster, printed
from hack.cluster.progress import told
from hack.scale.fleet import Fleet, Size, fleet
from hack.scale.phases import Plan, Run
from hack.scale.report import Book, table
from hack.scale.stage import staged

_PARTS = ("bare", "fill", "again", "steady")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; 0: done (whatever the figures are), 1: it could not be, 2: wrong usage."""
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        laid_out = fleet(Size(options.accounts, options.identities, options.subscriptions))
    except ValueError as error:
        parser.error(str(error))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGHUP, _exit)
    try:
        _run(options, laid_out)
    except (ClusterError, StageFailed, StartFailed, OSError) as error:
        print(f"hack.scale: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("hack.scale: interrupted", file=sys.stderr)
        return 130
    return 0


def _exit(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)  # so that what was started ends


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hack.scale",
        description="The controller with many ServiceAccounts, on a real API server and the"
        " emulator.",
    )
    size = Size()
    parser.add_argument("--accounts", type=int, default=size.accounts, help="(%(default)s)")
    parser.add_argument(
        "--identities",
        type=int,
        default=size.identities,
        help="every second one a managed identity (%(default)s)",
    )
    parser.add_argument(
        "--subscriptions",
        type=int,
        default=size.subscriptions,
        help="of the managed identities (%(default)s)",
    )
    parser.add_argument(
        "--factor",
        type=float,
        default=2.0,
        help="times the published rates, for the emulator's throttling and the controller's own"
        " budget (%(default)s)",
    )
    parser.add_argument("--resyncs", type=int, default=3, help="with nothing to do (%(default)s)")
    parser.add_argument(
        "--hurry",
        type=float,
        default=3.0,
        help="times as fast as real is the clock while nothing is to do: a resync of 180 s takes"
        " 60 s at 3 (%(default)s)",
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=_PARTS,
        metavar="PART",
        help=f"one part; may be given several times: {', '.join(_PARTS)}. again and steady need"
        " what fill makes",
    )
    parser.add_argument(
        "--launcher",
        nargs="+",
        default=["-m", "controller"],
        help="what Python runs to fill everything: a profiler (put it last)",
    )
    return parser


def _run(options: argparse.Namespace, laid_out: Fleet) -> None:
    progress = printed()
    step = partial(told, progress)
    machine, book = this_machine(), Book()
    wanted = options.only or list(_PARTS)
    size = laid_out.size
    what = f"making {size.accounts:,} ServiceAccounts, {size.identities:,} identities, grants"
    with ExitStack() as stack:
        cluster = stack.enter_context(local_cluster(progress=progress))
        with step(what) as tell:
            stage = stack.enter_context(staged(cluster, laid_out, options.factor, tell))
        plan = Plan(options.factor, options.hurry, options.resyncs, tuple(options.launcher))
        run = Run(stage, plan, book, step)
        for part in _PARTS:
            if part in wanted:
                getattr(run, part)()
    print(table(book, machine.lines()))


if __name__ == "__main__":
    sys.exit(main())
