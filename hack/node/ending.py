"""Ending a node that only its folder is known of: of a command before, or of a crash."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hack.cluster.errors import StartFailed
from hack.cluster.folders import Folders, alive, remove
from hack.cluster.programs import Program
from hack.node import cgroups
from hack.node.namespaces import FIRST, child, disconnect
from hack.node.networks import Network

FACTS = "node.json"


def facts(folder: Path) -> dict[str, Any]:
    """Read what is known of a node: place and settings; url and version when it is up."""
    try:
        known: dict[str, Any] = json.loads((folder / FACTS).read_text())
    except FileNotFoundError:
        return {}
    return known


def programs(folder: Path) -> Iterator[Program]:
    """List the programs that were started in a folder."""
    for file in sorted((folder / "pids").glob("*.json")):
        yield Program(folder, file.stem)


def end(folder: Path) -> None:
    """Kill everything of a node; returns when nothing is left of it but its folder."""
    known = facts(folder)
    holder = Program(folder, FIRST).process
    first = child(holder) if holder else None
    for program in programs(folder):
        program.stop(patience=0)
    if first:
        # With its first process gone the link is gone too, or another node's by now.
        if "place" in known:
            disconnect(Network(known["place"]))
        # It ends last, when all others have, and takes the mounts along.
        if not first.wait(30):
            raise StartFailed(f"the node's first process (pid {first.pid}) cannot be killed")
    cgroups.remove(folder)


def sweep(folders: Folders) -> None:
    """Remove what killed runs left on this machine. Only `cgroups.alone()`."""
    for folder in folders.all_temporary():
        if not alive(folder):
            end(folder)
            remove(folder)
    cgroups.sweep()
