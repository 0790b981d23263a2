"""``lqbench report``: the stored results as tables, for reading and for passing on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...datasets.errors import UserError
from .options import datasets_option, names_option, store_option
from .selection import selected

if TYPE_CHECKING:
    from ...results.record import Record
    from ...results.timing import TimingRecord

DEFAULT_OUT = Path(".lqbench/report")
FIRST = "lqbench run --method hr,lr,bicubic --dataset scenes-d"


@click.command()
@names_option("--method", "methods", help="Only cells of these methods.")
@datasets_option(help="Only cells on these datasets.")
@store_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=DEFAULT_OUT,
    envvar="LQBENCH_REPORT",
    show_default=True,
    show_envvar=True,
    help="Folder for report.html and report.md; an older report in it is replaced.",
)
def command(methods: tuple[str, ...], datasets: tuple[str, ...], store: Path, out: Path) -> None:
    """Write the stored results as one HTML page and one Markdown file.

    Runs no model and reads no image of a dataset. The page is a single file that opens offline; it holds some of the
    pictures that `lqbench show` wrote of these cells.
    """
    from ...reports.build import build_report
    from ...results.pictures import FOLDER, pictures_of

    records = selected(_stored(store), methods, datasets, store)
    pictures = {record.cell.key: found for record in records if (found := pictures_of(store, record.cell))}
    try:
        files = build_report(records, out, pictures, _timings(store, records))
    except OSError as error:
        raise UserError(
            f"The report cannot be written to {out} ({error.strerror or error}); name another folder with --out."
        ) from error
    click.echo(f"report of {len(records)} cells in {store}:")
    click.echo(f"  {files.html}")
    click.echo(f"  {files.markdown}")
    if pictures:
        click.echo(f"pictures: {sum(map(len, pictures.values()))} in {store / FOLDER}")


def _timings(store: Path, records: list[Record]) -> list[TimingRecord]:
    """Return the timings of the methods and datasets that the report is about."""
    from ...results.timing import read_timings

    shown = {(record.cell.method, record.cell.dataset) for record in records}
    return [timing for timing in read_timings(store) if (timing.cell.method, timing.cell.dataset) in shown]


def _stored(store: Path) -> list[Record]:
    """Return all records of a store.

    Raises:
        UserError: There is no store, no cell in it, or a record is damaged.
    """
    from ...results.store import Store

    records = Store(store).records() if (store / "cells").is_dir() else []
    if not records:
        raise UserError(
            f"There are no results in {store} yet: first run `{FIRST}`, or name another folder with --store."
        )
    return records
