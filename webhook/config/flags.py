"""Flags in Go's spelling: the original's manifests are full of them, so ours read the same.

`--flag=value`, `--flag value`, `-flag value`; a switch stands alone or takes `=true` or `=false`.
Reading goes on after a fault, so that all of them are told. Source: https://pkg.go.dev/flag
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from identity.faults import Faults

_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag: its name without dashes, what it takes if nothing is said, and what it is for."""

    name: str
    default: str
    help: str
    switch: bool = False


class FlagValues:
    """What the command line says, by the flag's name; defaults stand in."""

    def __init__(self, flags: Sequence[Flag]) -> None:
        self._values = {flag.name: flag.default for flag in flags}

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __setitem__(self, name: str, value: str) -> None:
        self._values[name] = value

    def is_on(self, name: str) -> bool:
        """Tell whether a switch is on."""
        return self._values[name] in _TRUE


def parse_flags(arguments: Sequence[str], flags: Sequence[Flag], faults: Faults) -> FlagValues:
    """Read a command line (without the program's name); the last of several values wins."""
    known = {flag.name: flag for flag in flags}
    values = FlagValues(flags)
    rest = deque(arguments)
    while rest:
        argument = rest.popleft()
        name, equals, value = argument.lstrip("-").partition("=")
        dashes = len(argument) - len(argument.lstrip("-"))
        if dashes not in {1, 2} or not name:
            faults.add("arguments", argument, "flags only, such as --log-level=info")
            continue
        flag = known.get(name)
        if flag is None:
            faults.add(f"--{name}", None, "no such flag; --help lists them")
            if not equals and rest and not rest[0].startswith("-"):
                rest.popleft()
            continue
        _read(flag, value if equals else None, rest, values, faults)
    return values


def _read(
    flag: Flag, value: str | None, rest: deque[str], values: FlagValues, faults: Faults
) -> None:
    if value is None:
        value = "true" if flag.switch else (rest.popleft() if rest else None)
    if value is None:
        faults.add(f"--{flag.name}", None, "expected a value after it")
    elif flag.switch and value not in _TRUE | _FALSE:
        faults.add(f"--{flag.name}", value, "true or false")
    else:
        values[flag.name] = value


def usage(program: str, flags: Sequence[Flag]) -> str:
    """Return the text of `--help`."""
    width = max(len(flag.name) for flag in flags) + 2
    lines = [f"usage: {program} [--flag=value ...]", ""]
    for flag in flags:
        default = f" (default {flag.default})" if flag.default and not flag.switch else ""
        lines.append(f"  {'--' + flag.name:{width}}  {flag.help}{default}")
    return "\n".join(lines)
