"""Ending a node that only its folder is known of: of a command before, or of a crash."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hack.cluster.folders import Folders, alive, remove
from hack.cluster.programs import Program
from hack.node import cgroups
from hack.node.namespaces import FIRST, disconnect
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
    # With its first process gone the link is gone too, or another node's by now.
    linked = "place" in known and Program(folder, FIRST).process is not None
    for program in programs(folder):
        program.stop(patience=0)
    if linked:
        disconnect(Network(known["place"]))
    cgroups.remove(folder)


def sweep(folders: Folders) -> None:
    """Remove what killed runs left on this machine. Only `cgroups.alone()`."""
    for folder in folders.all_temporary():
        if not alive(folder):
            end(folder)
            remove(folder)
    cgroups.sweep()
