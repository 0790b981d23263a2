"""Rows of a comparison table: one finished or failed cell, with a label that tells it from its neighbours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..results.record import Record
from .text import is_file, join, plain, settings_text

HASH_DIGITS = 8
"""Digits of a sha256 that are shown: enough to tell the runs of one store apart."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a record and how it is named.

    Attributes:
        record: The cell's record.
        label: Method name, with what tells it from other rows of the same method in parentheses.
    """

    record: Record
    label: str

    @property
    def key(self) -> str:
        """Return the cell's key, which is unique in a store."""
        return self.record.cell.key

    @property
    def title(self) -> str:
        """Return the method's title from its card, or its name."""
        return str(self.record.method_card.get("title") or self.record.cell.method)

    @property
    def is_ceiling(self) -> bool:
        """Return whether the method sees the clean image: a ceiling, not a competitor."""
        return is_ceiling(self.record)

    @property
    def failed(self) -> bool:
        """Return whether the cell failed."""
        return self.record.status == "failed"

    @property
    def failure(self) -> str:
        """Return the last line of the error of a failed cell; empty for a finished cell."""
        lines = [line.strip() for line in self.record.error.splitlines() if line.strip()]
        return (lines[-1] if lines else "no error text was recorded") if self.failed else ""

    @property
    def marked_label(self) -> str:
        """Return the label with what plain text must say about the row: ceiling, failed."""
        marks = [text for text, holds in (("ceiling", self.is_ceiling), ("failed", self.failed)) if holds]
        return " ".join([self.label, *(f"({mark})" for mark in marks)])


def is_ceiling(record: Record) -> bool:
    """Return whether a record's method card says that it sees the clean image."""
    card = record.method_card
    return bool(card.get("needs_clean")) or card.get("kind") == "oracle"


def canonical(records: Iterable[Record]) -> list[Record]:
    """Return records in an order that depends on their content alone, so that reports are byte-stable."""
    return sorted(records, key=lambda record: (record.cell.directory, record.started, record.model_dump_json()))


def dataset_identity(record: Record) -> tuple[str, str, str, int, str]:
    """Return what must agree for two records to share a table: name, version, split, limit (-1: all), content hash."""
    cell = record.cell
    return (
        cell.dataset,
        cell.dataset_version,
        cell.split,
        -1 if cell.limit is None else cell.limit,
        cell.dataset_fingerprint,
    )


def rows_of(records: Sequence[Record]) -> list[Row]:
    """Return one row per record, in the given order, with labels unique among rows of one dataset and detector.

    A label is the method's name, then the settings in which runs of this method differ, then, only where two rows
    of one table would still read the same, the first digits of the weights' or the source's hash.
    """
    settings = [
        join(text, _precision(record)) for record, text in zip(records, _differing_settings(records), strict=True)
    ]
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for position, (record, text) in enumerate(zip(records, settings, strict=True)):
        groups[(*dataset_identity(record), record.cell.method, record.cell.detector, text)].append(position)
    hashes = [""] * len(records)
    for positions in groups.values():
        for position, text in zip(positions, _distinguishing_hashes([records[i] for i in positions]), strict=True):
            hashes[position] = text
    return [
        Row(record, _label(record.cell.method, *parts))
        for record, *parts in zip(records, settings, hashes, strict=True)
    ]


def _precision(record: Record) -> str:
    """Return in which numbers a cell was computed, where that is not what everybody expects."""
    return "" if record.cell.precision == "float32" else record.cell.precision


def _differing_settings(records: Sequence[Record]) -> list[str]:
    """Return for each record those settings, as text, in which runs of its method and detector differ."""
    runs: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        runs[record.cell.method, record.cell.detector].append(record)
    names = {group: _varying_names(of) for group, of in runs.items()}
    return [
        settings_text(
            {
                name: value
                for name, value in record.cell.method_settings.items()
                if name in names[record.cell.method, record.cell.detector]
            }
        )
        for record in records
    ]


def _varying_names(records: Sequence[Record]) -> set[str]:
    """Return the settings whose value is not the same, or not given, in all records.

    A weight file among the settings is compared on each dataset apart: many methods have one for each.
    """
    names = {name for record in records for name in record.cell.method_settings}
    return {name for name in names if _varies(name, records)}


def _varies(name: str, records: Sequence[Record]) -> bool:
    """Tell whether a setting differs among records."""
    seen: dict[tuple[object, ...], set[str | None]] = defaultdict(set)
    values = [record.cell.method_settings.get(name) for record in records]
    apart = any(is_file(value) for value in values)
    for record, value in zip(records, values, strict=True):
        given = name in record.cell.method_settings
        seen[dataset_identity(record) if apart else ()].add(plain(value) if given else None)
    return any(len(found) > 1 for found in seen.values())


def _distinguishing_hashes(records: Sequence[Record]) -> list[str]:
    """Return what tells equal-looking cells apart: weights, else source, else the cell's own key."""
    if len(records) == 1:
        return [""]
    weights = [record.cell.weights_sha256[:HASH_DIGITS] for record in records]
    if len(set(weights)) == len(records):
        return [f"weights {digest or 'none'}" for digest in weights]
    sources = [record.cell.method_source[:HASH_DIGITS] for record in records]
    if len(set(sources)) == len(records):
        return [f"source {digest}" for digest in sources]
    return [f"cell {record.cell.key}" for record in records]


def _label(name: str, *parts: str) -> str:
    given = join(*parts)
    return f"{name} ({given})" if given else name
