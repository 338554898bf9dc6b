"""`python -m hack.fuzz`: exit code 0 without findings, 1 with some, 2 for wrong usage."""

import argparse
import asyncio
import secrets
import sys
from collections.abc import Sequence

import hack.fuzz
from hack.fuzz.broken import FAULTS
from hack.fuzz.cases import deal
from hack.fuzz.client import Connection
from hack.fuzz.oracle import judge
from hack.fuzz.report import case_in_full, lines_of, printed
from hack.fuzz.run import Plan, Report, Run, end
from hack.fuzz.stage import WEBHOOK, Stage, StageFailed, on_stage


def main(argv: Sequence[str] | None = None) -> int:
    """Run."""
    options = _parser().parse_args(argv)
    seed = secrets.randbelow(10**9) if options.seed is None else options.seed
    plan = Plan(
        seed, options.count, options.seconds, options.connections, options.patience, options.hurry
    )
    try:
        with on_stage(_launcher(options.fault)) as stage:
            if options.case is not None:
                return asyncio.run(show(stage, plan, options.case))
            print(
                f"seed {seed}: {plan.count:,} cases, {plan.seconds:.0f} s at the most", flush=True
            )
            report = asyncio.run(Run(stage, plan, printed()).play())
    except StageFailed as error:
        print(f"hack.fuzz: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"hack.fuzz: interrupted; the seed was {seed}", file=sys.stderr)
        return 130
    print("\n".join(lines_of(report)))
    return _verdict(report)


def _launcher(fault: str | None) -> Sequence[str]:
    return WEBHOOK if fault is None else ("-m", "hack.fuzz.broken", fault)


def _verdict(report: Report) -> int:
    if report.kinds:
        return 1
    if report.done + report.left_out < report.plan.count:
        print(f"out of time after {report.done:,} cases; --seconds gives more", file=sys.stderr)
        return 1
    return 0


async def show(stage: Stage, plan: Plan, index: int) -> int:
    """Send one case to a fresh server and print everything of it."""
    case = deal(plan.seed, index)
    connection = await Connection.open(stage.target, tls=case.tls)
    try:
        seen = await connection.perform(case, plan.patience)
    finally:
        await end(connection, case)
    findings = list(judge(case, seen))
    print("\n".join(case_in_full(case, seen, findings)))
    return 1 if findings else 0


def _parser() -> argparse.ArgumentParser:
    defaults = Plan(0)
    parser = argparse.ArgumentParser(
        prog="python -m hack.fuzz",
        description=hack.fuzz.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, help="make the same cases again (default: a new one)")
    parser.add_argument("--case", type=int, metavar="I", help="show and send one case of the seed")
    parser.add_argument("--count", type=int, default=defaults.count, help="default: %(default)s")
    parser.add_argument(
        "--seconds",
        type=float,
        default=defaults.seconds,
        help="begin no case after this (default: %(default)s)",
    )
    parser.add_argument("--connections", type=int, default=defaults.connections)
    parser.add_argument(
        "--patience",
        type=float,
        default=defaults.patience,
        help="seconds without an answer that are a hang (default: %(default)s)",
    )
    parser.add_argument(
        "--hurry", action="store_true", help="leave out what waits for the server's time limits"
    )
    parser.add_argument(
        "--break",
        dest="fault",
        choices=FAULTS,
        help="build a fault into the server, to see that it is found",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
