"""The benchmark's command line: `python -m hack.bench`, or `make bench`."""

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from hack.bench import bench as benches
from hack.bench import cost, creation, exchanges, speed, wrk
from hack.bench.bench import Bench, SaturatingDriver, Scale
from hack.bench.book import Book
from hack.bench.certificates import write_certificates
from hack.bench.driver import DriveFailed
from hack.bench.machine import Cores, this_machine
from hack.bench.profile import profile
from hack.bench.report import as_json, table
from hack.bench.reviews import captured, pod_bytes
from hack.bench.stage import StageFailed, staged
from hack.bench.subject import ServerFailed, Subject, subjects
from hack.cluster import Cluster, ClusterError, local_cluster, printed

_PARTS: Final[dict[str, Callable[[Bench, Subject], None]]] = {
    "saturation": speed.saturation,
    "low-rate": speed.low_rate,
    "handshake": speed.handshake,
    "burst": speed.burst,
    "creation": creation.creation,
    "imports": cost.imports,
    "start": cost.start,
    "memory": cost.memory,
    "exchanges": exchanges.exchanges,
}
_WITH_MANY: Final[dict[str, Callable[[Bench, Subject], None]]] = {
    "start": cost.start_with_many,
    "memory": cost.memory_with_many,
}
"""Come after all of the others: the many ServiceAccounts stay."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; 0: done (whatever the figures are), 1: it could not be, 2: wrong usage."""
    options = _parser().parse_args(argv)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGHUP, _exit)
    try:
        _run(options)
    except (ClusterError, DriveFailed, ServerFailed, StageFailed, OSError) as error:
        print(f"hack.bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("hack.bench: interrupted", file=sys.stderr)
        return 130
    return 0


def _exit(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)  # so that what was started ends


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hack.bench",
        description="Speed and memory of the webhook and the emulator, measured on real processes.",
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=sorted(_PARTS),
        metavar="PART",
        help=f"measure this part; may be given several times: {', '.join(_PARTS)}",
    )
    parser.add_argument("--quick", action="store_true", help="less of everything; noisier")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there, too")
    parser.add_argument(
        "--driver",
        choices=("auto", "wrk", "own"),
        default="auto",
        help="who saturates the server; auto: wrk where it is installed",
    )
    parser.add_argument(
        "--original",
        type=Path,
        default=os.environ.get("AZWI_ORIGINAL") or None,
        metavar="BINARY",
        help="azure-workload-identity's webhook, to be measured beside ours (or AZWI_ORIGINAL)",
    )
    parser.add_argument(
        "--profile", action="store_true", help="sample the server at saturation instead"
    )
    parser.add_argument(
        "--stacks",
        type=Path,
        default=Path(tempfile.gettempdir()) / "azwi-bench.folded",
        metavar="FILE",
        help="where --profile writes stacks for a flame graph (%(default)s)",
    )
    return parser


def _run(options: argparse.Namespace) -> None:
    book = Book()
    scale = benches.QUICK if options.quick else Scale()
    machine = this_machine()
    with _bench(options, scale, book) as bench:
        if options.profile:
            print(profile(bench, options.stacks))
            return
        book.notes += _notes(bench, options)
        for name, part in (*_PARTS.items(), *_WITH_MANY.items()):
            if options.only is None or name in options.only:
                for subject in subjects(options.original):
                    part(bench, subject)
    words = {"accounts": f"{scale.accounts:,}", "admissions": f"{scale.load:,}"}
    words["exchanges"] = f"{scale.load // 2:,}"
    print(table(book, machine, words))
    if options.json is not None:
        options.json.write_text(json.dumps(as_json(book, machine), indent=1) + "\n")


@contextmanager
def _bench(options: argparse.Namespace, scale: Scale, book: Book) -> Iterator[Bench]:
    progress = printed()
    with local_cluster(progress=progress) as cluster, staged(cluster) as stage:
        folder = cluster.folder / "bench"  # goes with the cluster, whatever way that ends
        folder.mkdir(mode=0o700)
        host = _host(cluster)
        write_certificates(folder, host)
        yield Bench(
            stage=stage,
            folder=folder,
            cores=Cores.of(os.sched_getaffinity(0)),
            scale=scale,
            book=book,
            driver=_driver(options.driver, folder),
            progress=progress,
            host=host,
        )


def _host(cluster: Cluster) -> str:
    return "127.0.0.1" if cluster.way in {"assets", "build"} else cluster.host_address


def _driver(wanted: str, folder: Path) -> SaturatingDriver:
    program = wrk.found()
    if wanted == "wrk" and program is None:
        raise DriveFailed("--driver=wrk, but there is no wrk on PATH (Debian: apt install wrk)")
    if wanted == "own" or program is None:
        return speed.OwnDriver()
    return speed.WrkDriver(program, folder)


def _notes(bench: Bench, options: argparse.Namespace) -> list[str]:
    cores = bench.cores
    notes = [
        (
            f"API server {bench.stage.cluster.version}; webhook on core {cores.server},"
            f" driver on core {cores.driver}; at saturation the driver is {bench.driver.name}"
        ),
        f"reviews of a pod of {pod_bytes(captured()) / 1024:.1f} KiB with three containers",
    ]
    if options.original is not None:
        notes.append(f"the original: {options.original}")
    if options.quick:
        notes.append("--quick: fewer and shorter runs, so noisier")
    return notes


if __name__ == "__main__":
    sys.exit(main())
