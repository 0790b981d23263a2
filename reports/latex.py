"""A table in LaTeX with the rules of the package booktabs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from .grid import Grid, GridCell, GridRow, Heading
from .grid_parts import Footnotes, rows_with_group

_ESCAPES = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "`": r"\textasciigrave{}",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "\N{EN DASH}": "--",
    "\N{EM DASH}": "---",
    "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}",
    "\N{NO-BREAK SPACE}": "~",
    "\N{MINUS SIGN}": "$-$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{LESS-THAN OR EQUAL TO}": r"$\leq$",
    "\N{GREATER-THAN OR EQUAL TO}": r"$\geq$",
    "\N{MIDDLE DOT}": r"$\cdot$",
    "\N{RIGHTWARDS ARROW}": r"$\rightarrow$",
    "\N{DEGREE SIGN}": r"$^\circ$",
    "\N{SUPERSCRIPT ONE}": "$^1$",
    "\N{SUPERSCRIPT TWO}": "$^2$",
    "\N{SUPERSCRIPT THREE}": "$^3$",
    "\N{GREEK SMALL LETTER ALPHA}": r"$\alpha$",
    "\N{GREEK SMALL LETTER BETA}": r"$\beta$",
    "\N{GREEK SMALL LETTER GAMMA}": r"$\gamma$",
    "\N{GREEK SMALL LETTER LAMDA}": r"$\lambda$",
    "\N{GREEK SMALL LETTER MU}": r"$\mu$",
    "\N{MICRO SIGN}": r"$\mu$",
    "\N{GREEK SMALL LETTER SIGMA}": r"$\sigma$",
    "\N{GREEK CAPITAL LETTER DELTA}": r"$\Delta$",
}
"""Brackets and asterisks are wrapped, since after a line's end they would be read as arguments of it."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_HYPHENS = re.compile(r"-(?=-)")


def latex_text(grid: Grid) -> str:
    r"""Return a table as a ``table`` environment; needs ``\usepackage{booktabs}``.

    Headings above several columns are ``\multicolumn`` with a rule beneath. What is better than all others by more
    than chance is in bold. Everything is escaped; letters of other scripts than Latin and Greek stay as they are,
    which XeLaTeX and LuaLaTeX print.
    """
    footnotes = Footnotes()
    body = [line for row in _with_groups(grid, footnotes) for line in row]
    columns = "".join("l" if heading.align == "text" else "r" for heading in grid.headings)
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{escape(grid.title)}}}",
        rf"  \label{{tab:{grid.name}}}",
        rf"  \begin{{tabular}}{{{columns}}}",
        r"    \toprule",
        *(f"    {line}" for line in _heading_lines(grid.headings)),
        r"    \midrule",
        *(f"    {line}" for line in body),
        r"    \bottomrule",
        r"  \end{tabular}",
        *(f"  {line}" for line in _note_lines(footnotes, grid.notes)),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Return text that LaTeX prints literally, on one line."""
    # Two hyphens would be joined to a dash, as in the name of an option.
    parts = _HYPHENS.sub("-\0", " ".join(_CONTROL.sub(" ", text).split()))
    return "".join("{}" if character == "\0" else _ESCAPES.get(character, character) for character in parts)


def _heading_lines(headings: Sequence[Heading]) -> list[str]:
    """Return the line of headings, above it a line of those that stand above several where there are any."""
    titles = _line([_heading(heading) for heading in headings])
    if not any(heading.group for heading in headings):
        return [titles]
    above, rules, first = [], [], 1
    for name, members in groupby(headings, key=lambda heading: heading.group):
        count = len(list(members))
        above.append(rf"\multicolumn{{{count}}}{{c}}{{{escape(name)}}}" if name else " & ".join([""] * count))
        if name:
            rules.append(rf"\cmidrule(lr){{{first}-{first + count - 1}}}")
        first += count
    return [_line(above), " ".join(rules), titles]


def _heading(heading: Heading) -> str:
    text = escape(heading.text)
    return text if heading.align == "text" else rf"\multicolumn{{1}}{{c}}{{{text}}}"


def _with_groups(grid: Grid, footnotes: Footnotes) -> list[list[str]]:
    """Return the lines of each row; where a group begins, a rule and its name come first."""
    lines = []
    for position, (row, begins) in enumerate(rows_with_group(grid)):
        name = rf"\multicolumn{{{len(row.cells)}}}{{l}}{{\textit{{{escape(row.group)}}}}} \\"
        rule = [r"\midrule"] if begins and position else []
        lines.append([*rule, *([name] if begins and row.group else []), _row(row, footnotes)])
    return lines


def _row(row: GridRow, footnotes: Footnotes) -> str:
    return _line([_cell(cell, mark) for cell, mark in zip(row.cells, footnotes.marks(row), strict=True)])


def _cell(cell: GridCell, mark: str) -> str:
    text = escape(cell.text)
    shown = rf"\textbf{{{text}}}" if cell.best and text else text
    return rf"{shown}\textsuperscript{{{mark}}}" if mark else shown


def _line(cells: Sequence[str]) -> str:
    return rf"{' & '.join(cells)} \\"


def _note_lines(footnotes: Footnotes, notes: Sequence[str]) -> list[str]:
    """Return footnotes and notes beneath the table, each as a paragraph of small print."""
    texts = [rf"\textsuperscript{{{mark}}} {escape(text)}" for mark, text in footnotes.items]
    texts += [escape(text) for text in notes]
    if not texts:
        return []
    small = r"\begin{minipage}{\linewidth}\footnotesize"
    return [r"\par\medskip", small, *(rf"{text}\par" for text in texts), r"\end{minipage}"]
