"""What ``lqbench report`` prints and writes."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from ...datasets.errors import UserError

if TYPE_CHECKING:
    from ...reports.grid import Grid
    from .report_input import Input

TABLES = ("matrix", "matrix-intervals")
TERMINAL, ALL, NONE = "terminal", "all", "none"
FIGURES = ("svg", "pdf", "png")
TABLE_FOLDER, FIGURE_FOLDER = "tables", "figures"
LIST = ".lqbench-report.json"
"""In the report's folder: which tables and figures the last report wrote, so that the next can remove stale ones."""


@dataclass(frozen=True)
class Choices:
    """What to print and in which formats, each name known.

    Attributes:
        papers: Keys of papers, as given; "all" for all.
        tables: Some of ``TABLES``.
        form: One of ``reports.formats.FORMATS``.
        figures: Some of ``FIGURES``.
    """

    papers: tuple[str, ...]
    tables: tuple[str, ...]
    form: str
    figures: tuple[str, ...]

    @staticmethod
    def checked(
        papers: tuple[str, ...], tables: tuple[str, ...], form: str | None, figures: tuple[str, ...]
    ) -> Choices:
        """Return choices whose names are known; those of papers are looked at when the ledger is read.

        Raises:
            UserError: A name is not known.
        """
        from ...reports.formats import FORMATS

        check_names("--format", (form,) if form else (), FORMATS)
        check_names("--table", tables, TABLES)
        check_names("--figures", figures, (*FIGURES, NONE))
        if NONE in figures and len(figures) > 1:
            raise UserError(f"--figures {','.join(figures)}: {NONE} stands alone.")
        chosen = FIGURES[:1] if not figures else tuple(name for name in figures if name != NONE)
        return Choices(papers, tables, form or TERMINAL, chosen)


def check_names(option: str, names: Iterable[str], known: Sequence[str]) -> None:
    """Refuse names that an option does not know, suggesting a close one.

    Raises:
        UserError: A name is not known.
    """
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}."
            raise UserError(f"{option} {name}: there is no such name; {hint}")


def wanted_grids(given: Input, choices: Choices) -> list[Grid]:
    """Return the tables that are to be printed, papers first.

    Raises:
        UserError: A paper is unknown, or a table needs results and there are none.
    """
    papers = [paper.key for paper in given.ledger.papers] if choices.papers else []
    check_names("--paper", choices.papers, (*papers, ALL))
    grids = [grid for key in papers if {key, ALL} & set(choices.papers) for grid in _paper_grids(given, key)]
    if choices.tables and not given.records:
        raise given.without_results()
    return grids + [grid for name in choices.tables for grid in _matrices(given, long=name != TABLES[0])]


def _paper_grids(given: Input, paper: str) -> list[Grid]:
    from ...reports.papers import paper_grids

    return paper_grids(given.ledger, paper, given.records, given.analyses, vouched=given.vouched)


def _matrices(given: Input, *, long: bool) -> list[Grid]:
    from ...reports.matrix import matrix_grids

    return matrix_grids(given.records, given.analyses, long=long)


def echo_grids(grids: Sequence[Grid], form: str) -> None:
    """Print tables, an empty line between two; on a terminal no wider than it is, elsewhere as wide as they are."""
    from rich.console import Console

    from ...reports.formats import grid_text
    from ...reports.terminal_grid import terminal_text

    console = Console()
    width = console.width if console.is_terminal else None
    texts = (terminal_text(grid, width) if form == TERMINAL else grid_text(grid, form) for grid in grids)
    for position, text in enumerate(texts):
        click.echo(f"\n{text}" if position else text, nl=False)


def write_report(given: Input, out: Path, figures: Sequence[str]) -> Iterator[str]:
    """Write page, Markdown, tables and figures; yield lines on what was written.

    Raises:
        UserError: There are no results, or the folder cannot be written.
    """
    if not given.records:
        raise given.without_results()
    from ...results.atomic import make_folder

    try:
        make_folder(out)  # before the analyses, which take long
        yield from _write(given, out, figures)
    except OSError as error:
        raise UserError(
            f"The report cannot be written to {out} ({error.strerror or error}); name another folder with --out."
        ) from error


def _write(given: Input, out: Path, figures: Sequence[str]) -> Iterator[str]:
    from ...reports.build import write_pages
    from ...results.pictures import FOLDER

    write_pages(given.report, out)
    yield f"report of {len(given.records)} cells in {given.store}:"
    yield f"  {out / 'report.html'}"
    yield f"  {out / 'report.md'}"
    written = _write_tables(given, out / TABLE_FOLDER)
    yield f"  {out / TABLE_FOLDER}: {len(written)} files"
    if figures:
        drawn = _write_figures(given, out / FIGURE_FOLDER, figures)
        yield f"  {out / FIGURE_FOLDER}: {len(drawn)} files"
        written += drawn
    _forget_stale(out, written)
    if given.pictures:
        yield f"pictures: {sum(map(len, given.pictures.values()))} in {given.store / FOLDER}"


def _write_tables(given: Input, folder: Path) -> list[Path]:
    """Write all tables in all formats that are files."""
    from ...reports.formats import ENDINGS, grid_text
    from ...results.atomic import make_folder, write_bytes

    grids = [*given.report.matrices, *_matrices(given, long=True)]
    grids += [grid for paper in given.report.papers for grid in paper.grids]
    make_folder(folder)
    written = []
    for grid in grids:
        for form, ending in ENDINGS.items():
            path = folder / f"{grid.name}{ending}"
            write_bytes(path, grid_text(grid, form).encode())
            written.append(path)
    return written


def _write_figures(given: Input, folder: Path, formats: Sequence[str]) -> list[Path]:
    return [path for figure in given.report.figures for path in figure.save(folder, formats)]


def _forget_stale(out: Path, written: Sequence[Path]) -> None:
    """Remove tables and figures of an earlier report that this one has no more, and note those of this one."""
    from ...results.atomic import write_json

    names = sorted(path.relative_to(out).as_posix() for path in written)
    for name in set(_noted(out)) - set(names):
        (out / name).unlink(missing_ok=True)
    write_json(out / LIST, names)


def _noted(out: Path) -> list[str]:
    """Return the names of the files that an earlier report noted; only such as a report may have written."""
    try:
        content = json.loads((out / LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    names = [PurePosixPath(name) for name in content if isinstance(name, str)] if isinstance(content, list) else []
    return [str(name) for name in names if len(name.parts) == 2 and name.parts[0] in (TABLE_FOLDER, FIGURE_FOLDER)]


def leaderboard_lines(given: Input, folder: Path) -> Iterator[str]:
    """Write a leaderboard; yield lines on what became of it."""
    from ...reports.leaderboard import LEADERBOARD, README, write_leaderboard

    done = write_leaderboard(given.records, folder)
    yield f"leaderboard in {folder}: {LEADERBOARD}, {README}"
    yield f"  methods of {given.store}: {', '.join(done.methods) or 'none'}"
    if done.kept:
        yield f"  methods kept as they were: {', '.join(done.kept)}"
    for method, gone in done.dropped.items():
        yield f"  {method}: {gone} cells that are not in this store were dropped from its file"
