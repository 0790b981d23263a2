"""Which stored cells a sub-command works on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..options import datasets_option, names_option, store_option

if TYPE_CHECKING:
    from ....results.record import Record
    from ....results.store import Store


@dataclass(frozen=True)
class Selection:
    """The cells named on the command line; an empty tuple leaves a part open.

    Attributes:
        methods: Method names.
        datasets: Dataset names.
        detectors: Detector names.
        splits: Splits.
        cells: Keys of cells.
        path: Folder of the store.
    """

    methods: tuple[str, ...]
    datasets: tuple[str, ...]
    detectors: tuple[str, ...]
    splits: tuple[str, ...]
    cells: tuple[str, ...]
    path: Path

    def store(self) -> Store:
        """Return the store."""
        from ....results.store import Store

        return Store(self.path)

    def finished(self, also: Sequence[str] = ()) -> list[Record]:
        """Return the finished and scored cells of the selection, and those of the methods in ``also``.

        Raises:
            UserError: There is no store, a name has no finished cell in it, or nothing is left.
        """
        from ....datasets.errors import UserError

        every = self.store().records()
        done = [record for record in every if record.status == "done" and record.metrics is not None]
        methods = (*self.methods, *also) if self.methods else ()
        wanted = {"method": methods, "dataset": self.datasets, "detector": self.detectors, "split": self.splits}
        for kind, names in [*wanted.items(), ("cell", self.cells)]:
            self._check_names(kind, names, done)
        chosen = [r for r in done if all(not names or name_of(r, kind) in names for kind, names in wanted.items())]
        chosen = self._keyed(chosen, also)
        if not chosen:
            raise UserError(f"the store {self.path} has no such finished cell; compute one with `lqbench run`.")
        return chosen

    def _keyed(self, records: list[Record], also: Sequence[str]) -> list[Record]:
        """Return the cells named by key, and those of the methods in ``also`` of which no cell is named."""
        if not self.cells:
            return records
        beside = set(also) - {record.cell.method for record in records if record.cell.key in self.cells}
        return [record for record in records if record.cell.key in self.cells or record.cell.method in beside]

    def _check_names(self, kind: str, names: Sequence[str], records: Sequence[Record]) -> None:
        from ....datasets.errors import UserError

        present = {name_of(record, kind) for record in records}
        for name in names:
            if name not in present:
                known = ", ".join(sorted(name for name in present if name)) or "none"
                raise UserError(f"the store {self.path} has no finished cell of {kind} {name!r}; it has {known}.")


def name_of(record: Record, kind: str) -> str:
    """Return a record's method, dataset, detector, split or cell key."""
    cell = record.cell
    names = {"method": cell.method, "dataset": cell.dataset, "detector": cell.detector, "split": cell.split}
    return cell.key if kind == "cell" else names[kind]


def selects_cells(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that name cells, handed to it as the argument ``selection``."""

    @functools.wraps(function)
    def wrapped(
        *,
        methods: tuple[str, ...],
        datasets: tuple[str, ...],
        detectors: tuple[str, ...],
        splits: tuple[str, ...],
        cells: tuple[str, ...],
        store: Path,
        **others: Any,
    ) -> None:
        function(selection=Selection(methods, datasets, detectors, splits, cells, store), **others)

    options = (
        names_option("--method", "methods", help="Only cells of these methods."),
        datasets_option(help="Only cells on these datasets."),
        names_option("--detector", "detectors", help="Only cells with these detectors."),
        names_option("--split", "splits", help="Only cells on these splits."),
        names_option("--cell", "cells", help="Only the cells with these keys, as in their folders' names."),
        store_option,
    )
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


def title_of(record: Record) -> dict[str, str]:
    """Return the columns that name a cell in a table."""
    return {"cell": record.cell.key, "method": record.cell.method, "detector": record.cell.detector} | {
        "dataset": record.cell.dataset,
        "split": record.cell.split,
    }


def ignores_difficult(record: Record) -> bool:
    """Return whether the protocol of the record's dataset ignores VOC's difficult objects."""
    return record.dataset_facts.get("metric") == "voc07"
