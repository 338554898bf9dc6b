"""Runs tests/e2e: `python -m hack.e2e [--kubeconfig FILE] [--quick] [pytest's arguments]`."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from hack.cluster.errors import ClusterError
from hack.cluster.progress import printed
from hack.e2e.images import ImagesNeeded, archives, given_images
from hack.e2e.parts import Parts
from hack.e2e.place import Place, given, ours
from hack.e2e.suite import run_suite
from hack.images.errors import ImagesError


def main(argv: Sequence[str] | None = None) -> int:
    """Run it: pytest's exit code; 1 if it could not begin, 2 for wrong usage."""
    options, arguments = _parser().parse_known_args(argv)
    # So that what was started ends with it.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    parts = Parts()
    try:
        return _run(options, arguments, parts)
    except ImagesNeeded as error:
        print(f"hack.e2e: {error}", file=sys.stderr)
        return 2
    except (ClusterError, ImagesError, OSError) as error:
        print(f"hack.e2e: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("hack.e2e: interrupted", file=sys.stderr)
        return 130
    finally:
        parts.show()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hack.e2e",
        description="Installs the chart with our images on a cluster with nodes and runs tests/e2e"
        " on it. tests/e2e/README.md has the variables.",
        epilog="Further arguments are pytest's.",
    )
    parser.add_argument(
        "--kubeconfig",
        type=Path,
        metavar="FILE",
        help="of a cluster of yours (kind, AKS); else a local node is brought up, or kind",
    )
    parser.add_argument(
        "--quick", action="store_true", help="leave out what waits for minutes (marker `slow`)"
    )
    return parser


def _run(options: argparse.Namespace, arguments: Sequence[str], parts: Parts) -> int:
    if options.kubeconfig:
        place = given(options.kubeconfig, os.environ)
        built = {} if place.load is None else _built(parts)
        if place.load is None:
            given_images(os.environ)
        return _on(place, built, options, arguments, parts)
    built = _built(parts)
    with parts.part("a cluster") as part, ours(os.environ, printed()) as place:
        part.ends()
        return _on(place, built, options, arguments, parts)


def _built(parts: Parts) -> dict[str, Path]:
    with parts.part("images"):
        return archives(os.environ, printed())


def _on(
    place: Place,
    built: dict[str, Path],
    options: argparse.Namespace,
    arguments: Sequence[str],
    parts: Parts,
) -> int:
    print(f"on {place.name}", file=sys.stderr)
    if place.load is not None:
        with parts.part("loading images"):
            for archive in built.values():
                place.load(archive)
    with parts.part("tests"):
        chosen = ["-m", "not slow"] if options.quick else []
        return run_suite(place.kubeconfig, [*chosen, *arguments])


if __name__ == "__main__":
    sys.exit(main())
