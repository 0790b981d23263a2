"""A table on a terminal: as wide as it needs to be, or in parts below each other where the terminal is narrower."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .grid import Grid, GridCell, GridRow, Heading
from .grid_parts import Footnotes, rows_with_group

BEST = "*"
"""Behind a number that is better than all others of its column by more than chance."""
BEST_MEANS = f"{BEST} best of its column, by more than chance."
_UNLIMITED = 100_000
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_BETWEEN = 2
"""Columns of the terminal between two columns of the table."""


def terminal_text(grid: Grid, width: int | None = None) -> str:
    """Return a table for a terminal.

    No number is cut or folded: a table wider than the terminal is printed in parts, each with the columns of text
    that the table begins with.

    Args:
        grid: The table.
        width: Columns of the terminal; None for as many as it takes.
    """
    footnotes = Footnotes()
    rows = [_printed_row(row, footnotes) for row in grid.rows]
    parts = _parts(grid, rows, width or _UNLIMITED)
    tables = [_render(grid, rows, columns) for columns in parts]
    notes = [f"{mark.translate(_SUPERSCRIPT)} {' '.join(text.split())}" for mark, text in footnotes.items]
    if any(cell.best for row in grid.rows for cell in row.cells):
        notes.append(BEST_MEANS)
    blocks = [grid.title, *tables, "\n".join([*notes, *grid.notes])]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _printed_row(row: GridRow, footnotes: Footnotes) -> list[str]:
    """Return a row's texts; rows of a group are set in beneath its name."""
    texts = [_printed(cell, mark) for cell, mark in zip(row.cells, footnotes.marks(row), strict=True)]
    return [f"  {texts[0]}", *texts[1:]] if row.group else texts


def _printed(cell: GridCell, mark: str) -> str:
    """Return a cell's text on one line, with its marks."""
    return " ".join(cell.text.split()) + (BEST if cell.best else "") + mark.translate(_SUPERSCRIPT)


def _parts(grid: Grid, rows: Sequence[Sequence[str]], width: int) -> list[list[int]]:
    """Return the columns of each part, by position; each part begins with the columns that name the rows."""
    widths = [
        max([_heading_width(heading), *(cell_len(row[position]) for row in rows)])
        for position, heading in enumerate(grid.headings)
    ]
    widths[0] = max([widths[0], *(cell_len(row.group) for row in grid.rows)])
    names = _naming(grid.headings)
    parts, free = [list(names)], width - _taken(widths, names)
    for position in range(len(names), len(widths)):
        needed = widths[position] + _BETWEEN
        if needed > free and len(parts[-1]) > len(names):
            parts.append(list(names))
            free = width - _taken(widths, names)
        parts[-1].append(position)
        free -= needed
    return parts


def _naming(headings: Sequence[Heading]) -> range:
    """Return the positions of the columns of text that a table begins with; of nothing but text, the first."""
    numbers = [position for position, heading in enumerate(headings) if heading.align == "number"]
    return range(numbers[0]) if numbers else range(min(1, len(headings)))


def _taken(widths: Sequence[int], positions: Sequence[int]) -> int:
    return sum(widths[position] + _BETWEEN for position in positions)


def _heading_width(heading: Heading) -> int:
    return max(cell_len(heading.text), cell_len(heading.group))


def _render(grid: Grid, rows: Sequence[Sequence[str]], columns: Sequence[int]) -> str:
    """Return a part of the table as rich draws it. Names go in as ``Text``, so that no markup in them is obeyed."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    grouped = any(grid.headings[position].group for position in columns)
    for position in columns:
        heading = grid.headings[position]
        text = f"{heading.group}\n{heading.text}" if grouped else heading.text
        table.add_column(Text(text), justify="right" if heading.align == "number" else "left", no_wrap=True)
    for (row, begins), texts in zip(rows_with_group(grid), rows, strict=True):
        if begins and row.group and columns[0] == 0:
            table.add_row(Text(row.group), *("" for _ in columns[1:]))
        table.add_row(*(Text(texts[position]) for position in columns))
    console = Console(file=io.StringIO(), width=_UNLIMITED, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())
