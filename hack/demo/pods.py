"""Pods as people compare them: without what differs from one to the next anyway. Pure."""

import copy
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import yaml

Pod = dict[str, Any]

_SERVERS_OWN = ("uid", "creationTimestamp", "generation", "managedFields", "resourceVersion")
_ACCESS = re.compile(r"kube-api-access-[a-z0-9]{5}")
_CONTEXT = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a difference."""

    kind: Literal["place", "same", "added", "removed"]
    text: str


def comparable(pod: Pod) -> Pod:
    """Leave out what the server makes up for each pod: uid, times, random names, where it runs."""
    found = copy.deepcopy(pod)
    found.pop("status", None)
    for key in _SERVERS_OWN:
        found["metadata"].pop(key, None)
    found["spec"].pop("nodeName", None)
    named = list(found["spec"].get("volumes", []))
    for container in containers(found):
        named += container.get("volumeMounts", [])
    for one in named:
        one["name"] = _ACCESS.sub("kube-api-access-*", one["name"])
    return found


def containers(pod: Pod) -> list[dict[str, Any]]:
    """List the init containers and the containers."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"].get("containers", [])]


def as_template(pod: Pod, name: str) -> Pod:
    """Make a pod anew out of one that is stored, as a controller makes pods of a template."""
    kept = ("namespace", "labels", "annotations")
    metadata = {key: pod["metadata"][key] for key in kept if key in pod["metadata"]}
    spec = {key: value for key, value in pod["spec"].items() if key != "nodeName"}
    return copy.deepcopy(
        {
            "apiVersion": pod["apiVersion"],
            "kind": pod["kind"],
            "metadata": {"name": name, **metadata},
            "spec": spec,
        }
    )


def difference(before: Pod, after: Pod) -> list[Line]:
    """Compare two pods as YAML, with context; empty if they are the same to people."""
    old, new = (_lines(comparable(pod)) for pod in (before, after))
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    lines: list[Line] = []
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        first_change = next(opcode[3] for opcode in group if opcode[0] != "equal")
        lines.append(Line("place", _place(new, first_change)))
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                lines += [Line("same", text) for text in new[new_from:new_to]]
            else:
                lines += [Line("removed", text) for text in old[old_from:old_to]]
                lines += [Line("added", text) for text in new[new_from:new_to]]
    return lines


def changes(before: Pod, after: Pod) -> list[str]:
    """List the lines that differ, `+` or `-` first."""
    marks = {"added": "+", "removed": "-"}
    found = difference(before, after)
    return [f"{marks[line.kind]} {line.text.strip()}" for line in found if line.kind in marks]


def _lines(pod: Pod) -> list[str]:
    text = yaml.dump(pod, Dumper=_Indenting, sort_keys=False, width=1000, allow_unicode=True)
    return text.splitlines()


class _Indenting(yaml.SafeDumper):
    """Lists stand further right than their key, so that indentation alone tells the parent."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's
        super().increase_indent(flow, False)  # noqa: FBT003


def _place(lines: list[str], index: int) -> str:
    """Name the keys that the line stands under: `spec.containers`."""
    return ".".join(reversed(list(_parents(lines, index)))) or "the whole pod"


def _parents(lines: list[str], index: int) -> Iterator[str]:
    indent = _indent(lines[index]) if index < len(lines) else 0
    for line in reversed(lines[:index]):
        if _indent(line) < indent:
            indent = _indent(line)
            key = line.strip().removeprefix("- ")
            if key.endswith(":"):
                yield key.removesuffix(":")


def _indent(line: str) -> int:
    """Tell where the key starts: behind the dash, if it is the first of a list's item."""
    return len(line) - len(line.lstrip(" -"))
