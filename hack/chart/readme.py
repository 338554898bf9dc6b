"""The README of the chart with its tables written anew."""

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from hack.chart.errors import ChartError
from hack.chart.values import Row

_BEGIN: Final = "<!-- values: written by `make chart` from values.schema.json and values.yaml -->"
_END: Final = "<!-- end of values -->"
_PLACE: Final = re.compile(re.escape(_BEGIN) + r"\n.*?" + re.escape(_END), re.DOTALL)

_TITLES: Final = {
    "azureTenantID": "For both",
    "replicaCount": "The webhook",
    "grants": "The controller",
    "policies": "Policies, monitoring, network",
}
"""Where in the order of values each table begins."""


def with_tables(readme: str, rows: Sequence[Row]) -> str:
    """Return the README with the tables of these rows; raises ChartError where it has no place."""
    if len(_PLACE.findall(readme)) != 1:
        raise ChartError(f"README.md: expected the tables' place once: {_BEGIN} ... {_END}")
    return _PLACE.sub(lambda _: f"{_BEGIN}\n{_tables(rows)}\n{_END}", readme)


def _tables(rows: Sequence[Row]) -> str:
    title = ""
    parts: list[str] = []
    for group, some in groupby(rows, key=lambda row: row.group):
        if group in _TITLES:
            title = _TITLES[group]
            parts += ["", f"### {title}", "", "| Value | Default | |", "|---|---|---|"]
        if not title:
            raise ChartError(f"values.schema.json begins with {group}, which begins no table")
        parts += [_line(row) for row in some]
    return "\n".join([*parts, ""])


def _line(row: Row) -> str:
    cells = (f"`{row.path}`", row.default, row.description)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
