"""Tables of timings: methods timed on the same images, on the same machine, in the same way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from ..results.timing import Split, TimingRecord
from .columns import MISSING

MARK = " *"
"""Stands after the name of a timing that may not be compared."""
COLUMNS: dict[str, str] = {
    "median\nms": "Median latency of a call of detect, whatever its batch size.",
    "95 % interval\nms": "Interval of the median by order statistics; it misses at most once in twenty times.",
    "p95\nms": "Smallest latency that at least 95 % of the calls do not exceed.",
    "images\n/s": "Images divided by the sum of the latencies.",
    "\N{MULTIPLICATION SIGN} fastest": "Median divided by that of the table's fastest method; none of a marked row.",
    "restore\nms": "Median of restoring's part of a call, from a pass of its own; in brackets where detect does "
    "without it and it was called on its own.",
    "predict\nms": "Median of the detector's part of a call, from the same pass.",
    "setup\ns": "Constructing the method and loading its weights, once.",
    "load\nms": "Decoding and degrading one image with one thread, median; in no latency.",
    "parameters\nM": "Millions of numbers that the method's networks hold.",
    "compute\nGFLOP": "Floating-point operations of an image in thousand millions, mean; two for each "
    "multiply-accumulate.",
    "memory\nMiB": "Peak while the calls ran: on the GPU where one computes, else resident memory above that before "
    "the method.",
}
"""Heading and meaning of each column besides the method's name."""


@dataclass(frozen=True)
class TimingRow:
    """One timing as it is printed.

    Attributes:
        label: The method's name with the detector behind it, marked if it may not be compared.
        texts: One text for each of ``COLUMNS``.
        comparable: Whether the figures may be compared with the others of the table.
    """

    label: str
    texts: tuple[str, ...]
    comparable: bool


@dataclass(frozen=True)
class TimingTable:
    """Timings that differ in the method alone.

    Attributes:
        title: Dataset and number of images.
        conditions: Machine, threads, batch size and precision, in one line.
        rows: The fastest first, then those that may not be compared.
        notes: Why rows are marked, and what failed.
    """

    title: str
    conditions: str
    rows: tuple[TimingRow, ...]
    notes: tuple[str, ...]

    @property
    def text_rows(self) -> list[list[str]]:
        """Return the rows as printed: label, then one text for each of ``COLUMNS``."""
        return [[row.label, *row.texts] for row in self.rows]


def timing_tables(records: Sequence[TimingRecord]) -> list[TimingTable]:
    """Group timings into tables within which they may be compared: same images, machine and way of timing.

    Args:
        records: In any order, failed ones included.
    """
    groups: dict[tuple[object, ...], list[TimingRecord]] = defaultdict(list)
    for record in records:
        groups[sharing(record)].append(record)
    return [_table(groups[key]) for key in sorted(groups, key=str)]


def print_timings(records: Sequence[TimingRecord], console: Console) -> None:
    """Print the tables of timings with their notes.

    Args:
        records: In any order; nothing is printed for none.
        console: Where to print.
    """
    for table in timing_tables(records):
        if table.rows:
            console.print(rich_table(table))
        for note in table.notes:
            console.print(Text(note))


def rich_table(table: TimingTable) -> RichTable:
    """Return a table as rich prints it; a column in which nothing is known is left out."""
    title = Text(f"{table.title}\n{table.conditions}")
    result = RichTable(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    result.add_column("method", overflow="fold")
    shown = [index for index in range(len(COLUMNS)) if any(row.texts[index] != MISSING for row in table.rows)]
    headings = list(COLUMNS)
    for index in shown:
        result.add_column(Text(headings[index]), justify="right", no_wrap=True)
    for row in table.rows:
        texts = (row.label, *(row.texts[index] for index in shown))
        result.add_row(*map(Text, texts), style="" if row.comparable else "dim")
    return result


def sharing(record: TimingRecord) -> tuple[object, ...]:
    """Return all that timings must share to be compared."""
    cell, given = record.cell, record.conditions
    images = (cell.dataset, cell.dataset_version, cell.split, cell.dataset_fingerprint, given.images)
    way = (given.threads, given.batch_size, given.wait_policy, given.precision)
    return (*images, given.machine, *way)


def _table(records: Sequence[TimingRecord]) -> TimingTable:
    first = records[0]
    done = [record for record in records if record.latency is not None]
    medians = [_median(record) for record in done if record.quiet]
    fastest = min(medians) if medians else None
    ordered = sorted(done, key=lambda record: (not record.quiet, _median(record), record.cell.method))
    failed = [record for record in records if record.latency is None]
    given = first.conditions
    policy = f", {given.wait_policy}" if given.wait_policy else ""
    return TimingTable(
        title=f"{first.cell.dataset}, {first.cell.split}: {given.images} images",
        conditions=f"{given.machine}; {given.threads} threads, batch {given.batch_size}, {given.precision}{policy}",
        rows=tuple(_row(record, fastest) for record in ordered),
        notes=(*_notes(ordered), *(f"{_name(record)} failed: {_last_line(record.error)}" for record in failed)),
    )


def _notes(records: Sequence[TimingRecord]) -> list[str]:
    notes = []
    for record in records:
        if not record.quiet:
            reasons = record.surroundings.reasons if record.surroundings else ()
            why = "; ".join(reasons) or "nobody watched what else ran"
            notes.append(f"{_name(record)}{MARK} is not comparable: {why}.")
        if record.compute.complaint:
            notes.append(f"{_name(record)}: operations are not counted ({record.compute.complaint}).")
    return notes


def _row(record: TimingRecord, fastest: float | None) -> TimingRow:
    figures = record.latency
    assert figures is not None
    known = figures.low_ms is not None and figures.high_ms is not None
    restore, predict = _split_texts(record.split)
    texts = (
        _number(figures.median_ms),
        f"{_number(figures.low_ms)} to {_number(figures.high_ms)}" if known else MISSING,
        _number(figures.p95_ms),
        _number(figures.images_per_s),
        f"{figures.median_ms / fastest:.2f}" if record.quiet and fastest else MISSING,
        restore,
        predict,
        _number(record.setup_s),
        _number(record.load_ms),
        _number(record.compute.parameters, 1e-6),
        _number(record.compute.flops_mean, 1e-9),
        _number(_memory(record)),
    )
    return TimingRow(_name(record) + ("" if record.quiet else MARK), texts, record.quiet)


def _split_texts(split: Split | None) -> tuple[str, str]:
    if split is None:
        return MISSING, MISSING
    restore = _number(split.restore_ms)
    return (f"({restore})" if split.restoring == "apart" else restore), _number(split.predict_ms)


def _memory(record: TimingRecord) -> float | None:
    peaks = record.memory
    return peaks.resident_mib if peaks.gpu_allocated_mib is None else peaks.gpu_allocated_mib


def _number(value: float | None, factor: float = 1.0) -> str:
    """Return three significant digits, or all of a large number's integer part; a dash for None."""
    if value is None:
        return MISSING
    scaled = value * factor
    return f"{scaled:,.0f}" if abs(scaled) >= 100 else f"{scaled:.3g}"


def _median(record: TimingRecord) -> float:
    assert record.latency is not None
    return record.latency.median_ms


def _name(record: TimingRecord) -> str:
    return "/".join(part for part in (record.cell.method, record.cell.detector) if part)


def _last_line(text: str) -> str:
    return text.splitlines()[-1] if text else "without a word"
