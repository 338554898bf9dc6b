"""What was found beside what it should be. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    label: str
    found: float
    unit: str = ""
    most: float | None = None
    """The target; None: told for its own sake."""
    digits: int = 0

    @property
    def kept(self) -> bool:
        """Whether it is no more than it may be."""
        return self.most is None or self.found <= self.most

    @property
    def verdict(self) -> str:
        """Say whether it is kept, or by how much it is not."""
        if self.most is None:
            return ""
        if self.kept:
            return "kept"
        return f"missed by {self.found / self.most - 1:.0%}" if self.most else "missed"


@dataclass(slots=True)
class Book:
    """What one run found, part by part."""

    figures: list[tuple[str, Figure]] = field(default_factory=list)
    """With the part that each belongs to."""
    notes: list[str] = field(default_factory=list)

    def add(self, part: str, *figures: Figure) -> None:
        """Note figures of a part."""
        self.figures += [(part, figure) for figure in figures]

    @property
    def kept(self) -> bool:
        """Whether every target is kept."""
        return all(figure.kept for _, figure in self.figures)


def table(book: Book, machine: Sequence[str]) -> str:
    """Lay everything out, readable without colour."""
    lines: list[list[str]] = [["", "unit", "target", "found", ""]]
    part = ""
    for now, figure in book.figures:
        if now != part:
            lines.append([now, "", "", "", ""])
            part = now
        target = "" if figure.most is None else f"<= {_number(figure.most, figure.digits)}"
        found = _number(figure.found, figure.digits)
        lines.append([f"  {figure.label}", figure.unit, target, found, figure.verdict])
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    laid_out = [
        "  ".join(
            cell.rjust(width) if column in {2, 3} else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([*machine, *book.notes, "", *laid_out])


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}"
