"""What was run and on what: image sets, machines, and cells without a number with the reason why."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Collection, Sequence

from ..results.runs import SkippedCell
from .columns import MISSING
from .grid import Grid, GridCell, GridRow, Heading
from .provenance import CellSource
from .rows import Row
from .sections import DatasetSection


def overview_grids(
    sections: Sequence[DatasetSection], sources: Sequence[CellSource], skipped: Sequence[SkippedCell] = ()
) -> list[Grid]:
    """Return the tables of image sets, of machines and, where there are any, of cells without a number.

    Args:
        sections: The image sets.
        sources: The cells.
        skipped: What runs left out; cells that have been computed since are not told of.
    """
    lacking = _lacking(sections, skipped)
    return [_sets(sections), _machines(sources), *([lacking] if lacking.rows else [])]


def _sets(sections: Sequence[DatasetSection]) -> Grid:
    headings = (
        Heading("image set", "text"),
        Heading("images"),
        Heading("part of the split", "text"),
        Heading("primary metric", "text"),
        Heading("methods"),
        Heading("cells finished"),
        Heading("cells failed"),
    )
    return Grid("sets", "Image sets", headings, tuple(_set_row(section) for section in sections))


def _set_row(section: DatasetSection) -> GridRow:
    rows = [row for table in section.tables for row in table.rows]
    failed = sum(row.failed for row in rows)
    texts = (section.name, section.subset.removeprefix("subset: ") or "all", section.tables[0].primary.label)
    name, part, metric = (GridCell(text) for text in texts)
    counts = (len({row.record.cell.method for row in rows}), len(rows) - failed, failed)
    return GridRow((name, _count(section.images), part, metric, *map(_count, counts)))


def _machines(sources: Sequence[CellSource]) -> Grid:
    cells: dict[tuple[str, str, str, str], list[CellSource]] = defaultdict(list)
    for source in sources:
        given = source.row.record.provenance
        cells[given.host or "unnamed", given.cpu, given.device, given.platform].append(source)
    headings = (
        Heading("machine", "text"),
        Heading("processor", "text"),
        Heading("device", "text"),
        Heading("cells"),
        Heading("computing (min)", meaning="Wall time of all phases of its cells; not a benchmark of speed."),
        Heading("days", "text"),
    )
    rows = []
    for key in sorted(cells):
        own = [source.row.record for source in cells[key]]
        minutes = sum(sum(record.seconds.values()) for record in own) / 60
        days = sorted({record.started[:10] for record in own})
        texts = [GridCell(text or MISSING) for text in key[:3]]
        period = GridCell(days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}")
        rows.append(GridRow((*texts, _count(len(own)), GridCell(f"{minutes:,.1f}", minutes), period)))
    return Grid("machines", "Machines", headings, tuple(rows))


def _lacking(sections: Sequence[DatasetSection], skipped: Sequence[SkippedCell]) -> Grid:
    """Return the failed cells, those that runs left out, and the other pairs on the page that have no cell at all."""
    headings = tuple(Heading(text, "text") for text in ("method", "detector", "image set", "state", "reason"))
    pairs = {(row.record.cell.method, row.record.cell.dataset) for row in _all_rows(sections)}
    left_out = [one for one in skipped if (one.method, one.dataset) not in pairs]
    told = {(one.method, one.dataset) for one in left_out}
    rows = [row for section in sections for row in [*_failed(section), *_not_run(section, sections, told)]]
    rows += [_row(one.method, one.dataset, "left out", one.reason) for one in left_out]
    return Grid("no-number", "Cells without a number", headings, tuple(rows))


def _failed(section: DatasetSection) -> list[GridRow]:
    found = [(table, row) for table in section.tables for row in table.rows if row.failed]
    return [
        GridRow(
            (
                GridCell(row.label, key=row.key),
                GridCell(table.key.detector_name),
                GridCell(section.name),
                GridCell("failed"),
                GridCell(row.failure),
            )
        )
        for table, row in found
    ]


def _all_rows(sections: Sequence[DatasetSection]) -> list[Row]:
    return [row for section in sections for table in section.tables for row in table.rows]


def _row(method: str, dataset: str, state: str, reason: str) -> GridRow:
    return GridRow(tuple(GridCell(text) for text in (method, MISSING, dataset, state, reason)))


def _not_run(
    section: DatasetSection, sections: Sequence[DatasetSection], told: Collection[tuple[str, str]]
) -> list[GridRow]:
    every = {row.record.cell.method for row in _all_rows(sections)}
    here = {row.record.cell.method for row in _all_rows([section])}
    dataset = section.tables[0].key.dataset
    return [
        _row(
            method,
            section.name,
            "not run",
            "No such cell in the store; it may lack what is told by "
            f"{shlex.join(('lqbench', 'plan', '--method', method, '--dataset', dataset))}",
        )
        for method in sorted(every - here)
        if (method, dataset) not in told
    ]


def _count(number: int) -> GridCell:
    return GridCell(f"{number:,}", float(number))
