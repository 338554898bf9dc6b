"""The flags that set faults: a number each, and `--fail` for a rule by which calls fail."""

import argparse
import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from emulator.calls.faults import Failure, Settings
from emulator.seed.faulty import faults_of
from identity.faults import Faults

_NUMBERS: Final = {
    "latency": ("latency_seconds", "seconds added to every call"),
    "propagation-delay": (
        "propagation_seconds",
        "seconds until the token endpoint knows of a changed credential",
    ),
    "stale-reads": ("stale_read_seconds", "seconds by which reads lag behind writes"),
    "stale-read-share": ("stale_read_share", "the part of the reads that lag, 0 to 1"),
    "throttle": ("throttle", "throttle at the published rates times this"),
    "write-time": ("write_seconds", "seconds a write of a credential takes; others meanwhile: 409"),
    "clock-offset": ("clock_offset_seconds", "seconds by which the emulator's clock is fast"),
    "random-seed": ("random_seed", "of everything that is left to chance"),
}
_TEXTS: Final = frozenset({"kind", "identity", "code", "message"})


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags to a command line."""
    for flag, (_, words) in _NUMBERS.items():
        parser.add_argument(f"--{flag}", metavar="N", help=words)
    parser.add_argument(
        "--fail",
        action="append",
        default=[],
        metavar="RULE",
        help="calls that fail, such as kind=graph.credentials.create,count=2,status=503;"
        " may be given several times",
    )


def read_flags(given: Mapping[str, Any], faults: Faults) -> Settings:
    """Return the faults that were asked for, with only those set; what is wrong goes to `faults`.

    `given` are the flags' values as argparse names them.
    """
    settings: dict[str, Any] = {}
    for flag, (name, _) in _NUMBERS.items():
        written = given[flag.replace("-", "_")]
        if written is not None:
            settings |= _number(f"--{flag}", name, written, faults)
    rules = [_rule(written, faults) for written in given["fail"]]
    if rules:
        settings["failures"] = [rule for rule in rules if rule is not None]
    return Settings.model_validate(settings)


def _number(flag: str, name: str, written: str, faults: Faults) -> dict[str, float]:
    try:
        value = int(written) if name == "random_seed" else float(written)
    except ValueError:
        faults.add(flag, written, "a whole number" if name == "random_seed" else "a number")
        return {}
    try:
        Settings.model_validate({name: value})
    except ValidationError as error:
        for fault in faults_of(error):
            words = fault.expected
            faults.add(flag, written, words if words.startswith("a ") else f"a number {words}")
        return {}
    return {name: value}


def _rule(written: str, faults: Faults) -> Failure | None:
    parts = dict(part.partition("=")[::2] for part in written.split(","))
    try:
        return Failure.model_validate(
            {name: value if name in _TEXTS else _value(value) for name, value in parts.items()}
        )
    except ValidationError as error:
        for fault in faults_of(error, "the rule"):
            faults.add("--fail", written, f"name=value pairs with commas between; {fault}")
    return None


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
