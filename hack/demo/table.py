"""Tables of the API server, laid out as kubectl prints them. Pure.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
"""

from collections.abc import Sequence
from typing import Any

_GAP = 3
_SHORTEST = 7
"""Of a cell that had to be cut: a column that is narrower already stays as it is."""


def table_lines(table: dict[str, Any], width: int | None = None) -> list[str]:
    """Lay out a table, header first; empty if it has no rows.

    Cells are cut in their midst where a line would be longer than `width`.
    """
    shown = [
        index
        for index, column in enumerate(table["columnDefinitions"])
        if not column.get("priority", 0)  # the others are for `-o wide`
    ]
    rows = [[_text(row["cells"][index]) for index in shown] for row in table.get("rows") or ()]
    if not rows:
        return []
    names = [str(table["columnDefinitions"][index]["name"]).upper() for index in shown]
    lines = [names, *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(shown))]
    if width is not None:
        widths = _narrowed(widths, width)
    return [_line(cells, widths) for cells in lines]


def _narrowed(widths: Sequence[int], width: int) -> list[int]:
    """Take from the widest column, one character at a time, until all fit."""
    found = list(widths)
    while sum(found) + _GAP * (len(found) - 1) > width and max(found) > _SHORTEST:
        found[found.index(max(found))] -= 1
    return found


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [_cut(cell, width).ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return (" " * _GAP).join(padded).rstrip()


def _cut(text: str, width: int) -> str:
    if len(text) <= width:
        return text
    head = width // 2
    tail = width - head - 1
    return f"{text[:head]}…{text[len(text) - tail :]}"


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)
