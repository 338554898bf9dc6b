"""What is wrong with something that was sent or written, from pydantic's words to ours."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic import ValidationError

from emulator.seed.schema import WORDS
from identity.faults import Fault

_HIDDEN: Final = frozenset({"secret", "token", "certificate", "caData"})
"""Fields whose values must not be shown, or are too long to be."""
_TYPES: Final = {
    "string_type": "a text, in quotes if it looks like something else",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping of names to values",
    "model_type": "a mapping of names to values",
    "model_attributes_type": "a mapping of names to values",
    "invalid_key": "names that are texts",
}
_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")


class SeedError(Exception):
    """The seed can't be used; `faults` says all that is wrong."""

    def __init__(self, faults: Sequence[Fault], *, malformed: bool = False) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = tuple(faults)
        self.malformed = malformed
        """Whether it has not got a seed's form; else it contradicts itself or what is there."""


def faults_of(error: ValidationError, whole: str = "the seed") -> list[Fault]:
    """Return all that is wrong; `whole` is what the document is called."""
    return [_fault(one, whole) for one in error.errors(include_url=False)]


def path_of(location: Iterable[str | int], whole: str) -> str:
    """Write a place in a document: `applications[0].appId`."""
    text = ""
    for step in location:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if _KEY.fullmatch(step) else f".{step[:100]!a}"
    return text.lstrip(".") or whole


def _fault(error: Any, whole: str) -> Fault:
    location, kind, found = error["loc"], error["type"], error["input"]
    where = path_of(location, whole)
    if kind == "missing":
        return Fault(where, None, "is missing")
    if kind == "extra_forbidden":
        return Fault(where, None, "is unknown: check its spelling")
    shown = isinstance(found, str | int | float | bool) and not _HIDDEN & {*location}
    words = _words(error)
    return Fault(where, str(found) if shown else None, words if shown else f"expected {words}")


def _words(error: Any) -> str:
    if (pattern := error.get("ctx", {}).get("pattern")) in WORDS:
        return WORDS[pattern]
    if (known := _TYPES.get(error["type"])) is not None:
        return known
    words = str(error["msg"])
    for prefix in ("Value error, expected ", "Value error, ", "Input should be "):
        words = words.removeprefix(prefix)
    return words[:1].lower() + words[1:]
