"""The part of OData's `$filter` that the emulator answers: comparisons joined by `and`. Pure.

Sources: https://learn.microsoft.com/graph/filter-query-parameter,
https://docs.oasis-open.org/odata/odata/v4.01/odata-v4.01-part2-url-conventions.html
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from emulator.calls.refusal import Refusal
from emulator.graph.refusals import LONGEST, unsupported

_TEXT: Final = r"'(?P<value>(?:[^']|'')*)'"
_EQUALS: Final = re.compile(rf"\s*(?P<property>[A-Za-z]\w*)\s+eq\s+{_TEXT}\s*", re.IGNORECASE)
_STARTS: Final = re.compile(
    rf"\s*startswith\s*\(\s*(?P<property>[A-Za-z]\w*)\s*,\s*{_TEXT}\s*\)\s*", re.IGNORECASE
)
_AND: Final = re.compile(r"and(?=\s)", re.IGNORECASE)

EQ: Final = "eq"
STARTS_WITH: Final = "startswith"


@dataclass(frozen=True, slots=True)
class Clause:
    """One comparison of a property with a text."""

    property: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Filterable:
    """What a collection can be filtered by."""

    type: str
    """As messages call its objects: `Application`."""
    operators: Mapping[str, Sequence[str]]
    """By property."""
    exact: frozenset[str] = frozenset()
    """Properties whose case matters; the directory compares all others without."""
    clauses: int = 10
    """How many comparisons may be joined."""


def parse(text: str, by: Filterable) -> list[Clause]:
    """Read a filter. Raises Refusal (400)."""
    clauses = [*_clauses(text)]
    if len(clauses) > by.clauses:
        raise unsupported(
            f"Unsupported query filter: at most {by.clauses} comparison is possible for resource"
            f" '{by.type}'."
        )
    for clause in clauses:
        if clause.operator not in by.operators.get(clause.property, ()):
            raise unsupported(
                "Unsupported or invalid query filter clause specified for property"
                f" '{clause.property[:LONGEST]}' of resource '{by.type}'."
            )
    return clauses


def equal_to(name: str, text: str | None) -> str:
    """Return what a filter wants a property to be; empty if it doesn't say, or is none."""
    try:
        clauses = [*_clauses(text or "")]
    except Refusal:
        return ""
    found = (one.value for one in clauses if (one.property, one.operator) == (name, EQ))
    return next(found, "")


def passes(row: Mapping[str, Any], clauses: Sequence[Clause], by: Filterable) -> bool:
    """Tell whether an object passes a filter."""
    return all(_holds(row, clause, clause.property in by.exact) for clause in clauses)


def _clauses(text: str) -> Iterator[Clause]:
    place = 0
    while True:
        operator = EQ
        match = _EQUALS.match(text, place)
        if match is None:
            operator = STARTS_WITH
            match = _STARTS.match(text, place)
        if match is None:
            raise _invalid(text, place)
        yield Clause(match["property"], operator, match["value"].replace("''", "'"))
        place = match.end()
        if place == len(text):
            return
        joined = _AND.match(text, place)
        if joined is None:
            raise _invalid(text, place)
        place = joined.end()


def _holds(row: Mapping[str, Any], clause: Clause, exact: bool) -> bool:  # noqa: FBT001
    found, wanted = str(row[clause.property]), clause.value
    if not exact:
        found, wanted = found.lower(), wanted.lower()
    return found.startswith(wanted) if clause.operator == STARTS_WITH else found == wanted


def _invalid(text: str, place: int) -> Refusal:
    return Refusal(
        400,
        "BadRequest",
        f"Invalid filter clause: expected <property> eq '<text>' or startswith(<property>,'<text>')"
        f" at position {place} in '{text[:LONGEST]}'.",
    )
