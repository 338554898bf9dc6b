"""The images from the command line: `python -m hack.images build|save`."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hack.cluster.folders import Folders
from hack.cluster.progress import printed
from hack.images.base import STAND_IN, default_base
from hack.images.build import Images, Settings
from hack.images.errors import ImagesError
from hack.images.targets import ROOT, TARGETS
from hack.images.tools import NAMES, find_tool


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0: done, 1: it could not be, 2: wrong usage."""
    options = _parser().parse_args(argv)
    try:
        images = Images(
            find_tool(options.tool), _settings(options), Folders.of(os.environ), printed()
        )
        if options.command == "build":
            for one in images.build(options.target):
                told = "" if one.anew else "  (as it was)"
                print(f"{one.image:36}{one.bytes / 1e6:8.1f} MB{told}")
        else:
            for archive in images.save(options.folder, options.target).values():
                print(f"{archive}  {archive.stat().st_size / 1e6:.1f} MB")
    except (ImagesError, OSError) as error:
        print(f"hack.images: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("hack.images: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hack.images",
        description="Builds the container images of the Dockerfile, for this machine's use.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--tool", choices=NAMES, help="(default: the first that works)")
    common.add_argument("--tag", default="dev", help="(default: %(default)s)")
    common.add_argument(
        "--base",
        metavar="IMAGE",
        help=f"Debian with Python and pip (default: {default_base()}); `{STAND_IN}` makes one from"
        " Debian's packages, which is done too where no registry is in reach",
    )
    common.add_argument(
        "--wheels",
        action="store_true",
        help="fetch the dependencies before the build, which then needs no network",
    )
    common.add_argument("--python", metavar="3.N", help="in the base, if its name doesn't tell")
    common.add_argument(
        "--revision", action="store_true", help="tell the commit and its time in the labels"
    )
    build = commands.add_parser("build", parents=[common], help="build them and tell their sizes")
    save = commands.add_parser(
        "save", parents=[common], help="... and write one docker-archive tar per image"
    )
    save.add_argument("folder", type=Path, metavar="DIR")
    for command in (build, save):
        command.add_argument(
            "target", metavar="TARGET", nargs="*", help=f"{', '.join(TARGETS)} (default: all)"
        )
    return parser


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        tag=options.tag,
        base=options.base,
        wheels=options.wheels,
        python=options.python,
        labels=_commit() if options.revision else {},
    )


def _commit() -> dict[str, str]:
    """Ask git; the time is the commit's, so that the same commit gives the same labels."""
    shown = subprocess.run(
        ["git", "show", "--no-patch", "--format=%H %cI"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if shown.returncode != 0:
        return {}
    revision, created = shown.stdout.split()
    return {"REVISION": revision, "CREATED": created}


if __name__ == "__main__":
    sys.exit(main())
