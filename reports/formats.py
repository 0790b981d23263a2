"""A table as text: for a terminal, in Markdown, as CSV and in LaTeX. The same table gives the same bytes."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator, Sequence

from ..datasets.errors import UserError
from .grid import Grid, GridCell, GridRow, Heading
from .grid_parts import Footnotes, rows_with_group
from .latex import latex_text
from .terminal_grid import terminal_text
from .text import join, markdown

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_BREAKS = re.compile(r"[\t\r\n]+")
_FORMULA = ("=", "+", "-", "@")
"""A spreadsheet takes a cell that begins with one of these for a formula, and may run it."""


def markdown_text(grid: Grid) -> str:
    """Return a table in GitHub's Markdown under a heading; bold: best by more than chance; footnotes beneath."""
    footnotes = Footnotes()
    titles = [_flat(heading) for heading in grid.headings]
    rule = ["---" if heading.align == "text" else "---:" for heading in grid.headings]
    body = [line for row, begins in rows_with_group(grid) for line in _markdown_rows(row, begins, footnotes)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in ([markdown(title) for title in titles], rule, *body))
    notes = [f"<sup>{mark}</sup> {markdown(text)}" for mark, text in footnotes.items]
    notes += [str(markdown(text)) for text in grid.notes]
    return "\n\n".join([f"### {markdown(grid.title)}", table, *notes]) + "\n"


def csv_text(grid: Grid) -> str:
    """Return a table as CSV, for programs and spreadsheets.

    A column of text stays one column. A column of numbers ``X`` becomes ``X`` as printed and ``X [value]``, the
    number before rounding, in the printed unit; then, where any of its cells has one, ``X [best]`` (yes where it is
    better than all others by more than chance), ``X [cell]`` (key of the cell in the store) and ``X [note]``. The
    first columns are ``group`` and ``kind`` where rows have them; columns that read alike are numbered. Text that a
    spreadsheet would take for a formula begins with an apostrophe. Title and notes are not in it.
    """
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    columns = list(_csv_columns(grid))
    writer.writerow([safe_text(name) for name, _ in columns])
    writer.writerows([safe_text(of(row)) for _, of in columns] for row in grid.rows)
    return sink.getvalue()


def safe_text(text: str) -> str:
    """Return text on one line that no spreadsheet takes for a formula: where it would, an apostrophe comes first."""
    line = _BREAKS.sub(" ", text)
    risky = line.lstrip().startswith(_FORMULA) and not _NUMBER.fullmatch(line)
    return f"'{line}" if risky else line


def _markdown_rows(row: GridRow, begins: bool, footnotes: Footnotes) -> Iterator[list[str]]:
    """Yield a row, before it the name of the group that begins with it."""
    if begins and row.group:
        yield [f"**{markdown(row.group)}**", *("" for _ in row.cells[1:])]
    yield [_markdown_cell(cell, mark) for cell, mark in zip(row.cells, footnotes.marks(row), strict=True)]


def _markdown_cell(cell: GridCell, mark: str) -> str:
    text = str(markdown(cell.text))
    shown = f"**{text}**" if cell.best and text else text
    return f"{shown}<sup>{mark}</sup>" if mark else shown


def _flat(heading: Heading) -> str:
    """Return a heading with the one above it, for formats that have a single line of them."""
    return join(heading.group, heading.text, by=": ")


_Texts = Callable[[GridRow], str]


def _csv_columns(grid: Grid) -> Iterator[tuple[str, _Texts]]:
    """Yield the name of each column and what it says of a row."""
    if any(row.group for row in grid.rows):
        yield "group", lambda row: row.group
    if any(row.kind for row in grid.rows):
        yield "kind", lambda row: row.kind
    for position, (name, heading) in enumerate(zip(_csv_names(grid.headings), grid.headings, strict=True)):
        yield from _csv_parts(name, heading, position, [row.cells[position] for row in grid.rows])


def _csv_names(headings: Sequence[Heading]) -> list[str]:
    """Return a name for each column; of those that read alike the second and later ones are numbered."""
    names = [_flat(heading) for heading in headings]
    counts = [names[:position].count(name) + 1 for position, name in enumerate(names)]
    return [f"{name} ({count})" if count > 1 else name for name, count in zip(names, counts, strict=True)]


def _csv_parts(name: str, heading: Heading, position: int, cells: list[GridCell]) -> Iterator[tuple[str, _Texts]]:
    yield name, lambda row: row.cells[position].text
    if heading.align == "number":
        yield f"{name} [value]", lambda row: _raw(row.cells[position].value)
    if any(cell.best for cell in cells):
        yield f"{name} [best]", lambda row: "yes" if row.cells[position].best else ""
    if any(cell.key for cell in cells):
        yield f"{name} [cell]", lambda row: row.cells[position].key
    if any(cell.note for cell in cells):
        yield f"{name} [note]", lambda row: row.cells[position].note


def _raw(value: float) -> str:
    """Return the shortest text that reads as the same number; empty for none."""
    return "" if math.isnan(value) else repr(float(value))


_WRITERS: dict[str, Callable[[Grid], str]] = {
    "terminal": terminal_text,
    "markdown": markdown_text,
    "csv": csv_text,
    "latex": latex_text,
}
FORMATS = tuple(_WRITERS)
"""Names that ``grid_text`` knows."""
ENDINGS = {"markdown": ".md", "csv": ".csv", "latex": ".tex"}
"""Of the formats that go into files: the file name's ending."""


def grid_text(grid: Grid, format: str) -> str:
    """Return a table in one of ``FORMATS``, ending in a line break.

    Raises:
        UserError: There is no such format.
    """
    if format not in _WRITERS:
        raise UserError(f"there is no format {format!r}; known are {', '.join(FORMATS)}.")
    return _WRITERS[format](grid)
