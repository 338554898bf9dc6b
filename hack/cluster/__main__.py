"""The local cluster from the command line: `python -m hack.cluster up|down|status|kubeconfig`."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from hack.cluster import ways
from hack.cluster.errors import ClusterError
from hack.cluster.named import Clusters, Standing
from hack.cluster.progress import printed
from hack.cluster.settings import ISSUER, Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0: done, 1: it could not be, or nothing runs, 2: wrong usage."""
    options = _parser().parse_args(argv)
    # So that what `up` has started so far ends with it.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    clusters = Clusters(os.environ)
    commands = {"up": _up, "down": _down, "status": _status, "kubeconfig": _kubeconfig}
    try:
        return commands[options.command](clusters, options)
    except ClusterError as error:
        print(f"hack.cluster: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("hack.cluster: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hack.cluster",
        description="A real Kubernetes API server on this machine; several may run side by side.",
        epilog=ways.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    name = argparse.ArgumentParser(add_help=False)
    name.add_argument("--name", default="default", help="which cluster (default: %(default)s)")
    up = commands.add_parser("up", parents=[name], help="start a cluster; it runs until `down`")
    up.add_argument(
        "--controller-manager",
        action="store_true",
        help="default ServiceAccounts, Deployments, garbage collection, the end of namespaces",
    )
    up.add_argument(
        "--aggregator-routing",
        action="store_true",
        help="the API server calls Services' endpoints itself, without kube-proxy",
    )
    up.add_argument("--issuer", default=ISSUER, help="of ServiceAccount tokens; {url} in it: own")
    up.add_argument(
        "--api-server-arg",
        action="append",
        default=[],
        metavar="--FLAG=VALUE",
        help="give it with `=`: --api-server-arg=--v=2",
    )
    commands.add_parser("down", parents=[name], help="end a cluster, with all that it stored")
    status = commands.add_parser("status", help="what runs: address, version, pids, memory")
    status.add_argument("--name", help="one cluster only; exit status 1 if it does not run")
    shown = commands.add_parser("kubeconfig", parents=[name], help="print the kubeconfig's path")
    shown.add_argument("--content", action="store_true", help="print what stands in it")
    return parser


def _up(clusters: Clusters, options: argparse.Namespace) -> int:
    settings = Settings(
        controller_manager=options.controller_manager,
        aggregator_routing=options.aggregator_routing,
        issuer=options.issuer,
        extra_apiserver_args=tuple(options.api_server_arg),
    )
    standing = clusters.up(options.name, settings, printed())
    print(f"{standing.name} is up: {standing.facts['url']}, {standing.facts['version']}")
    print(f"export KUBECONFIG={standing.kubeconfig}")
    return 0


def _down(clusters: Clusters, options: argparse.Namespace) -> int:
    was = clusters.down(options.name)
    print(f"{options.name} is down" if was else f"{options.name}: there was none")
    return 0


def _status(clusters: Clusters, options: argparse.Namespace) -> int:
    if options.name:
        standing = clusters.standing(options.name)
        _show(standing)
        return 0 if standing.running else 1
    found = clusters.all()
    for standing in found:
        _show(standing)
    if not found:
        print("no cluster")
    return 0


def _show(standing: Standing) -> None:
    facts = standing.facts
    if not standing.folder.exists():
        print(f"{standing.name}: there is none")
        return
    state = ("running" if facts else "starting") if standing.running else "not running (leftovers)"
    print(f"{standing.name}: {state}")
    for key in ("url", "version", "way"):
        if key in facts:
            print(f"  {key:24}{facts[key]}")
    print(f"  {'kubeconfig':24}{standing.kubeconfig}")
    for name, process in standing.processes.items():
        told = f"pid {process.pid}, {process.memory() / 2**20:.0f} MiB" if process else "ended"
        print(f"  {name:24}{told}")


def _kubeconfig(clusters: Clusters, options: argparse.Namespace) -> int:
    standing = clusters.standing(options.name)
    if not standing.running or not standing.facts:
        start = f"python -m hack.cluster up --name {options.name}"
        raise ClusterError(f"cluster {options.name!r} does not run: {start}")
    print(standing.kubeconfig.read_text() if options.content else standing.kubeconfig)
    return 0


if __name__ == "__main__":
    sys.exit(main())
