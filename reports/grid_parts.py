"""What all formats of a table share: footnotes, and where groups of rows begin."""

from __future__ import annotations

from collections.abc import Iterator

from .grid import Grid, GridRow


class Footnotes:
    """Notes of cells, numbered in the order in which they are met; equal notes share a number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def marks(self, row: GridRow) -> list[str]:
        """Return the number of each cell's note as text; empty where there is none, or the row says it anyway."""
        said = [cell.text for cell in row.cells]
        return [self.mark(cell.note) if not any(cell.note in text for text in said) else "" for cell in row.cells]

    def mark(self, note: str) -> str:
        """Return the number of a note as text; empty for no note."""
        return str(self._numbers.setdefault(note, len(self._numbers) + 1)) if note else ""

    @property
    def items(self) -> list[tuple[str, str]]:
        """Return (number, note) pairs in order."""
        return [(str(number), note) for note, number in self._numbers.items()]


def rows_with_group(grid: Grid) -> Iterator[tuple[GridRow, bool]]:
    """Yield each row, and whether another group of rows than before begins with it, be it one without a name."""
    before = ""
    for row in grid.rows:
        yield row, row.group != before
        before = row.group
