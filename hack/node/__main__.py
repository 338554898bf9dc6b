"""The local node from the command line: `python -m hack.node up|down|status|load|...`."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from hack.cluster.errors import ClusterError
from hack.cluster.progress import printed
from hack.cluster.settings import ISSUER
from hack.node.machine import Machine, missing
from hack.node.named import Nodes, Standing
from hack.node.wish import DEFAULT_NAME, Wish


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0: done, 1: it could not be, or nothing runs, 2: wrong usage."""
    options = _parser().parse_args(argv)
    # So that what `up` has started so far ends with it.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    nodes = Nodes(os.environ)
    commands = {
        "up": _up,
        "down": _down,
        "status": _status,
        "kubeconfig": _kubeconfig,
        "load": _load,
        "missing": _missing,
    }
    try:
        return commands[options.command](nodes, options)
    except ClusterError as error:
        print(f"hack.node: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("hack.node: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hack.node",
        description="A real Kubernetes node on this machine, without Docker; needs root.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    name = argparse.ArgumentParser(add_help=False)
    name.add_argument("--name", default=DEFAULT_NAME, help="which node (default: %(default)s)")
    up = commands.add_parser("up", parents=[name], help="start a node; it runs until `down`")
    up.add_argument("--issuer", default=ISSUER, help="of ServiceAccount tokens")
    up.add_argument(
        "--api-server-arg",
        action="append",
        default=[],
        metavar="--FLAG=VALUE",
        help="give it with `=`: --api-server-arg=--v=2",
    )
    commands.add_parser("down", parents=[name], help="end a node, with all that it stored")
    status = commands.add_parser("status", help="what runs: address, version, pids, memory")
    status.add_argument("--name", help="one node only; exit status 1 if it is not up")
    shown = commands.add_parser("kubeconfig", parents=[name], help="print the kubeconfig's path")
    shown.add_argument("--content", action="store_true", help="print what stands in it")
    load = commands.add_parser("load", parents=[name], help="load images from archives")
    load.add_argument("archive", nargs="+", type=Path, help="as `docker save` or buildah write it")
    commands.add_parser("missing", help="what this machine lacks for a node; exit status 1 if any")
    return parser


def _up(nodes: Nodes, options: argparse.Namespace) -> int:
    wish = Wish(
        name=options.name,
        issuer=options.issuer,
        extra_apiserver_args=tuple(options.api_server_arg),
    )
    standing = nodes.up(wish, printed())
    print(f"{standing.name} is up: {standing.facts['url']}, {standing.facts['version']}")
    print(f"export KUBECONFIG={standing.kubeconfig}")
    return 0


def _down(nodes: Nodes, options: argparse.Namespace) -> int:
    was = nodes.down(options.name)
    print(f"{options.name} is down" if was else f"{options.name}: there was none")
    return 0


def _status(nodes: Nodes, options: argparse.Namespace) -> int:
    if options.name:
        standing = nodes.standing(options.name)
        _show(standing)
        return 0 if standing.up else 1
    found = nodes.all()
    for standing in found:
        _show(standing)
    if not found:
        print("no node")
    return 0


def _show(standing: Standing) -> None:
    if not standing.folder.exists():
        print(f"{standing.name}: there is none")
        return
    print(f"{standing.name}: {'up' if standing.up else 'not up (it starts, or it broke)'}")
    for key in ("url", "version"):
        if key in standing.facts:
            print(f"  {key:24}{standing.facts[key]}")
    print(f"  {'kubeconfig':24}{standing.kubeconfig}")
    for name, process in standing.processes.items():
        told = f"pid {process.pid}, {process.memory() / 2**20:.0f} MiB" if process else "ended"
        print(f"  {name:24}{told}")


def _kubeconfig(nodes: Nodes, options: argparse.Namespace) -> int:
    kubeconfig = nodes.running(options.name).kubeconfig
    print(kubeconfig.read_text() if options.content else kubeconfig)
    return 0


def _load(nodes: Nodes, options: argparse.Namespace) -> int:
    for archive in options.archive:
        nodes.load(options.name, archive)
        print(f"{options.name} has the images of {archive}")
    return 0


def _missing(_: Nodes, __: argparse.Namespace) -> int:
    faults = missing(Machine(os.environ))
    for fault in faults:
        print(fault)
    if not faults:
        print("nothing is missing")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
