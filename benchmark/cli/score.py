"""``lqbench score``: metrics again, from stored detections alone."""

from __future__ import annotations

from pathlib import Path

import click

from .options import datasets_option, names_option, store_option
from .selection import selected


@click.command()
@names_option("--method", "methods", help="Only cells of these methods.")
@datasets_option(help="Only cells on these datasets.")
@store_option
def command(methods: tuple[str, ...], datasets: tuple[str, ...], store: Path) -> None:
    """Compute the metrics of stored cells again.

    Needs neither the datasets nor the methods nor a GPU: every metric comes from stored detections.
    """
    from ...reports.terminal import print_table
    from ...results.store import Store
    from ..evaluate import rescore
    from .console import table_console

    opened = Store(store)
    stored = opened.records()
    records = selected(stored, methods, datasets, store) if stored else []
    done = [record for record in records if record.status == "done"]
    updated = [rescore(opened, record) for record in done]
    print_table(updated, table_console())
    failed = len(records) - len(done)
    click.echo(f"scored {len(done)} cells" + (f"; {failed} failed cells have no detections" if failed else ""))
