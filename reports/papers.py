"""The papers' tables: as printed, with measured numbers beside, and number by number with difference and verdict."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Literal

from ..results.ledger import Claim, Ledger, LedgerTable, Paper
from ..results.record import Record
from .columns import MISSING
from .grid import Grid, GridCell, GridRow, Heading
from .paper_verdicts import READING_ERROR, TOLERANCE, Judge, Judgement
from .rows import is_ceiling

if TYPE_CHECKING:
    from ..benchmark.analysis.cells import CellAnalysis

NOT_PRINTED = "The table has no number here."
APPROXIMATE = "Read off a figure."
LONG_HEADINGS = (
    Heading("row", "text", meaning="Row as printed."),
    Heading("column", "text", meaning="Column as printed."),
    Heading("metric", "text", meaning="What the suite calls the number, and its unit."),
    Heading("published", meaning="As printed."),
    Heading("measured", meaning="From stored detections, with as many digits."),
    Heading("difference [95 % interval]", meaning="Measured minus published; see the notes."),
    Heading("images", meaning="Images measured, of how many where it is a subset."),
    Heading("verdict", "text", meaning="What the two say of each other; see the notes."),
)
READING = (
    "difference: measured minus published. Its 95 % interval is the bootstrap interval of the measured number, widened "
    "on both sides by half a unit of the last printed digit"
)
VERDICTS = (
    f"reproduced: the interval includes 0 and lies within ±{TOLERANCE['%']:g} % points (±{TOLERANCE['dB']:g} dB). "
    "within noise: it includes 0 but is wider. differs: it does not include 0. protocol differs: the two were not "
    "measured alike, as said."
)
WEIGHTS = (
    "Weights count as the paper's if they are a detector's published checkpoint, or if their sha256 was vouched for."
)

_Place = tuple[str, str, str]


def paper_grids(
    ledger: Ledger,
    paper: str,
    records: Sequence[Record],
    analyses: Mapping[str, CellAnalysis],
    *,
    vouched: Collection[str] = (),
) -> list[Grid]:
    """Return three grids for each table of a paper.

    The table as printed, ``<paper>-<table>``; the same with the measured number beside each, ``…-measured``; and one
    row for each number with difference and verdict, ``…-verdicts``. They depend on the content of the arguments alone.

    Args:
        ledger: Published numbers.
        paper: Key of the paper.
        records: Records of a store, in any order.
        analyses: By the key of the cell, see ``benchmark.analysis.cells``; a cell without one has no interval.
        vouched: sha256 of weight files that the user knows to be the paper's own.

    Raises:
        UserError: The ledger has no such paper.
    """
    found = ledger.paper(paper)
    return list(chain.from_iterable(_grids(found, table, records, analyses, vouched) for table in found.tables))


def _grids(
    paper: Paper,
    table: LedgerTable,
    records: Sequence[Record],
    analyses: Mapping[str, CellAnalysis],
    vouched: Collection[str],
) -> tuple[Grid, Grid, Grid]:
    judge = Judge(table.claims, records, analyses, vouched)
    judged = {(claim.group, claim.row, claim.column): judge(claim) for claim in table.claims}
    return published_grid(paper, table), _measured_grid(paper, table, judged), _long_grid(paper, table, judged)


def published_grid(paper: Paper, table: LedgerTable) -> Grid:
    """Return a table as its source prints it, digit by digit."""
    rows = _paired_rows(table) if table.paired else _plain_rows(table)
    return Grid(_name(table), _title(paper, table), _headings(table), rows, _sources(paper, table))


def _plain_rows(table: LedgerTable) -> tuple[GridRow, ...]:
    rows = []
    for position, (group, row) in enumerate(table.rows):
        numbers = [_published(table, table.claim(group, row, column)) for column in table.columns]
        rows.append(GridRow((*_texts(table, position), *numbers), group, "published"))
    return tuple(rows)


def _paired_rows(table: LedgerTable) -> tuple[GridRow, ...]:
    """Return the rows of a table whose groups share a cell in print: "(16.7:9.8)"."""
    names = tuple(dict.fromkeys(row for _, row in table.rows))
    return tuple(
        GridRow((GridCell(name), *(_pair(table, name, column) for column in table.columns)), "", "published")
        for name in names
    )


def _pair(table: LedgerTable, row: str, column: str) -> GridCell:
    claims = [claim for group in table.groups if (claim := table.claim(group, row, column)) is not None]
    if len(claims) < 2:
        return _published(table, claims[0] if claims else None)
    note = " ".join(dict.fromkeys(_note(claim) for claim in claims))
    return GridCell(f"({':'.join(_printed(table, claim) for claim in claims)})", claims[0].value, note=note.strip())


def _measured_grid(paper: Paper, table: LedgerTable, judged: Mapping[_Place, Judgement]) -> Grid:
    """Return a table in its own shape, "published | measured" in each cell; groups that share one stand apart."""
    rows = []
    for position, (group, row) in enumerate(table.rows):
        own = [judged.get((group, row, column)) for column in table.columns]
        cells = [_beside(table, one) for one in own]
        rows.append(GridRow((*_texts(table, position), *cells), group, _kind(own)))
    notes = ("published | measured; a dash where there is no number.", WEIGHTS, *_sources(paper, table))
    title = f"{_title(paper, table)}, published | measured"
    return Grid(f"{_name(table)}-measured", title, _headings(table), tuple(rows), notes)


def _beside(table: LedgerTable, judged: Judgement | None) -> GridCell:
    if judged is None:
        return GridCell(MISSING, note=NOT_PRINTED)
    measured = _measured(judged)
    note = " ".join(part for part in (f"{judged.text}.", _note(judged.claim)) if part)
    return GridCell(f"{_printed(table, judged.claim)} | {measured.text}", measured.value, key=measured.key, note=note)


def _long_grid(paper: Paper, table: LedgerTable, judged: Mapping[_Place, Judgement]) -> Grid:
    """Return one row for each printed number."""
    headings = dict(zip(table.columns, table.headings, strict=True))
    rows = tuple(_long_row(table, headings[one.claim.column], one) for one in judged.values())
    slack = f", or by {READING_ERROR:g} where it was read off a figure." if _has_approximate(table) else "."
    notes = (READING + slack, VERDICTS, WEIGHTS, *_sources(paper, table))
    return Grid(f"{_name(table)}-verdicts", f"{_title(paper, table)}, number by number", LONG_HEADINGS, rows, notes)


def _long_row(table: LedgerTable, heading: str, judged: Judgement) -> GridRow:
    claim = judged.claim
    metric = f"{claim.metric} ({claim.unit})" if claim.unit else claim.metric
    column = claim.column if table.headings.count(heading) > 1 else heading
    texts = (GridCell(claim.row), GridCell(column), GridCell(metric))
    numbers = (_published(table, claim), _measured(judged), _difference(judged), _images(judged))
    verdict = GridCell(judged.text, key=_key(judged), note=judged.reason)
    return GridRow((*texts, *numbers, verdict), claim.group, _kind([judged]))


def _published(table: LedgerTable, claim: Claim | None) -> GridCell:
    if claim is None:
        return GridCell(MISSING, note=NOT_PRINTED)
    return GridCell(_printed(table, claim), claim.value, note=_note(claim))


def _printed(table: LedgerTable, claim: Claim) -> str:
    """Return a number as printed, with its unit where not all of its column have the same."""
    units = {other.unit for other in table.claims if other.column == claim.column}
    return f"{claim.text}{claim.unit}" if len(units) > 1 else claim.text


def _measured(judged: Judgement) -> GridCell:
    if judged.measured is None:
        return GridCell(MISSING, key=_key(judged), note=judged.reason)
    other = judged.metric if judged.metric != judged.claim.metric else ""
    text = f"{judged.measured:.{judged.claim.precision}f}"
    return GridCell(text, judged.measured, key=_key(judged), note=other)


def _difference(judged: Judgement) -> GridCell:
    ends = judged.difference
    if ends.value is None or ends.low is None or ends.high is None:
        return GridCell(MISSING, key=_key(judged), note=judged.reason)
    value, low, high = (_signed(number, judged.claim.precision) for number in (ends.value, ends.low, ends.high))
    return GridCell(f"{value} [{low}, {high}]", ends.value, key=_key(judged))


def _signed(number: float, decimals: int) -> str:
    """Return a number with its sign; what rounds to nothing has none."""
    text = f"{number:+.{decimals}f}"
    return text[1:] if float(text) == 0.0 else text


def _images(judged: Judgement) -> GridCell:
    if judged.record is None:
        return GridCell(MISSING, note=judged.reason)
    images, official = judged.record.images, judged.record.images_official
    subset = official is not None and images < official
    return GridCell(f"{images} of {official}" if subset else str(images), images, note="subset" if subset else "")


def _kind(judged: Sequence[Judgement | None]) -> Literal["", "ceiling", "published"]:
    records = [one.record for one in judged if one is not None and one.record is not None]
    if not records:
        return "published"
    return "ceiling" if all(is_ceiling(record) for record in records) else ""


def _key(judged: Judgement) -> str:
    return judged.record.cell.key if judged.record is not None else ""


def _note(claim: Claim) -> str:
    """Return what a reader must know of this number alone; what is about a row or a column stands beneath the table."""
    return APPROXIMATE if claim.approximate else ""


def _texts(table: LedgerTable, position: int) -> tuple[GridCell, ...]:
    words = table.texts[position] if table.texts else ()
    return (GridCell(table.rows[position][1]), *map(GridCell, words))


def _headings(table: LedgerTable) -> tuple[Heading, ...]:
    words = () if table.paired else table.text_columns
    numbers = [
        Heading(printed, meaning=_meaning(table, column))
        for column, printed in zip(table.columns, table.headings, strict=True)
    ]
    return (Heading("row", "text"), *(Heading(word, "text") for word in words), *numbers)


def _meaning(table: LedgerTable, column: str) -> str:
    """Return what a column holds: the metrics with their units."""
    claims = [claim for claim in table.claims if claim.column == column]
    found = dict.fromkeys(f"{claim.metric} ({claim.unit})" if claim.unit else claim.metric for claim in claims)
    return ", ".join(found)


def _sources(paper: Paper, table: LedgerTable) -> tuple[str, ...]:
    """Return whose numbers they are, where they are printed, how they were measured and what else is known of them."""
    sources = dict.fromkeys(f"Source: {claim.source}." for claim in table.claims)
    protocols = dict.fromkeys(f"Protocol of the paper: {claim.protocol}" for claim in table.claims if claim.protocol)
    known = (f"{about}: {note}" if about else note for about, note in table.notes)
    return (f"{paper.citation}.", *sources, *protocols, *known)


def _has_approximate(table: LedgerTable) -> bool:
    return any(claim.approximate for claim in table.claims)


def _name(table: LedgerTable) -> str:
    return f"{table.paper}-{table.name}"


def _title(paper: Paper, table: LedgerTable) -> str:
    return f"{paper.title}: {table.title}"
