"""What a report is made from: records, what was computed from them, published numbers; each read when it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...datasets.errors import UserError
from .selection import selected

if TYPE_CHECKING:
    from ...reports.report import Report
    from ...results.ledger import Ledger
    from ...results.pictures import StoredPicture
    from ...results.record import Record
    from ...results.timing import TimingRecord
    from ..analysis.cells import CellAnalysis

FIRST = "lqbench run --method hr,lr,bicubic --dataset scenes-d"


@dataclass(frozen=True)
class Input:
    """A selection of a store's cells.

    Attributes:
        store: Folder of the store; need not exist.
        methods: Only these; none for all.
        datasets: Only these; none for all.
        vouched: sha256 of weights that are a paper's own, as the user says.
        draws: Whether the report has figures.
    """

    store: Path
    methods: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    vouched: tuple[str, ...] = ()
    draws: bool = True

    @cached_property
    def records(self) -> list[Record]:
        """Return the selected records; none where the store has none at all and nothing was selected.

        Raises:
            UserError: The selection matches no cell, a record is damaged, or a newer lqbench made the store.
        """
        from ...results.store import Store

        opened = Store(self.store)
        records = opened.records() if (self.store / "cells").is_dir() else []
        if not records and (self.methods or self.datasets):
            raise self.without_results()
        return selected(records, self.methods, self.datasets, self.store) if records else []

    def without_results(self) -> UserError:
        """Return what to say where there are no results."""
        return UserError(
            f"There are no results in {self.store} yet: first run `{FIRST}`, or name another folder with --store."
        )

    @cached_property
    def analyses(self) -> dict[str, CellAnalysis]:
        """Return what the bootstrap and the error analysis say of each finished cell, by its key.

        What was computed before is taken from the store; progress is shown on standard error.
        """
        return analyse_cells(self.store, self.records)

    @cached_property
    def report(self) -> Report:
        """Return what the report says, each part computed when it is first asked for.

        Raises:
            UserError: A picture or the gallery's data cannot be read.
        """
        from ...reports.report import Report
        from ...results.runs import skipped_cells
        from ...results.store import Store
        from ..gallery import load_gallery

        return Report(
            self.records,
            self.pictures,
            self.timings,
            self.ledger,
            self.analyses,
            load_gallery(Store(self.store), self.records),
            self.vouched,
            [one for one in skipped_cells(self.store) if self._selects(one.method, one.dataset)],
            self.draws,
        )

    @cached_property
    def pictures(self) -> dict[str, list[StoredPicture]]:
        """Return the stored pictures of the cells that have some, by the cell's key."""
        from ...results.pictures import pictures_of

        found = {record.cell.key: pictures_of(self.store, record.cell) for record in self.records}
        return {key: pictures for key, pictures in found.items() if pictures}

    def _selects(self, method: str, dataset: str) -> bool:
        return (not self.methods or method in self.methods) and (not self.datasets or dataset in self.datasets)

    @cached_property
    def ledger(self) -> Ledger:
        """Return the published numbers."""
        from ...results.ledger import load_ledger

        return load_ledger()

    @cached_property
    def timings(self) -> list[TimingRecord]:
        """Return the timings of the methods and datasets that the report is about."""
        from ...results.timing import read_timings

        shown = {(record.cell.method, record.cell.dataset) for record in self.records}
        return [timing for timing in read_timings(self.store) if (timing.cell.method, timing.cell.dataset) in shown]


def analyse_cells(store: Path, records: Sequence[Record]) -> dict[str, CellAnalysis]:
    """Analyse the finished cells among records of a store, with progress on standard error.

    Ctrl-C ends the command; cells that were analysed by then are not analysed again.
    """
    if not any(record.status == "done" for record in records):
        return {}
    from rich.console import Console

    from ...results.store import Store
    from ..analysis.cells import analyse
    from ..device import usable_processors
    from .data_commands.options import resumable
    from .report_progress import showing_cells

    kept = resumable("what was analysed is kept, the same command goes on from there")
    with kept, showing_cells(Console(stderr=True)) as told:
        return analyse(Store(store), records, processes=usable_processors(), progress=told, say=_say)


def _say(sentence: str) -> None:
    click.echo(f"lqbench: {sentence}", err=True)
