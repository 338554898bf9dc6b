"""The table, readable without colour, and the same for programs. Pure."""

from collections.abc import Sequence
from typing import Any

from hack.bench.book import Book, Import, Row, verdict
from hack.bench.machine import Machine

_OURS = "ours"


def table(book: Book, machine: Machine, words: dict[str, str]) -> str:
    """Lay everything out; `words` fill the rows' labels in."""
    lines = [*machine.lines(), *book.notes]
    rows = list(book.rows())
    if rows:
        lines += ["", *_figures(book, rows, words)]
    if book.imports:
        lines += ["", *_imports(book.imports)]
    return "\n".join(lines)


def as_json(book: Book, machine: Machine) -> dict[str, Any]:
    """Return all samples, for comparison by programs."""
    return {
        "machine": {name: getattr(machine, name) for name in Machine.__slots__},
        "notes": book.notes,
        "figures": {
            row.key: {
                "unit": row.unit,
                "target": row.target,
                "better": row.better,
                "samples": {
                    subject: values
                    for (subject, key), values in book.samples.items()
                    if key == row.key
                },
            }
            for row in book.rows()
        },
        "imports": [
            {name: getattr(found, name) for name in Import.__slots__} for found in book.imports
        ],
    }


def _figures(book: Book, rows: Sequence[Row], words: dict[str, str]) -> list[str]:
    others = sorted({subject for subject, _ in book.samples} - {_OURS})
    head = ["", "unit", "original*", *(f"{other}, here" for other in others)]
    head += ["target", "ours", "+-", ""]
    body = []
    for row in rows:
        ours = book.value(_OURS, row.key)
        apart = book.spread(_OURS, row.key)
        cells = [row.label.format(**words), row.unit, row.original]
        cells += [_number(book.value(other, row.key), row.digits) for other in others]
        cells += [_target(row), _number(ours, row.digits)]
        cells += ["" if apart is None else f"{apart:.0%}"]
        cells += ["" if ours is None else verdict(row, ours)]
        body.append(cells)
    notes = [
        "",
        "* webhook 1.6, measured earlier on a machine of this kind, +-20 %",
        "Medians of several runs; +-: how far the runs lie from it at the most.",
    ]
    return _laid_out(head, body, right=range(2, len(head) - 1)) + notes


def _target(row: Row) -> str:
    if row.target is None:
        return ""
    return f"{'>=' if row.better == 'more' else '<='} {row.target:g}"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _imports(imports: Sequence[Import]) -> list[str]:
    head = ["import", "over", "MiB", "ms", "in the webhook's process"]
    body = [
        [
            found.module,
            ", ".join(found.over) or "bare Python",
            f"{found.mib:.1f}",
            f"{found.ms:.0f}",
            "yes" if found.loaded else "no",
        ]
        for found in imports
    ]
    return _laid_out(head, body, right=range(2, 4))


def _laid_out(head: list[str], body: list[list[str]], right: range) -> list[str]:
    widths = [max(len(line[column]) for line in (head, *body)) for column in range(len(head))]
    rule = ["-" * width for width in widths]
    return [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in (head, rule, *body)
    ]
