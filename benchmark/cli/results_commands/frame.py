"""``lqbench results frame``: every stored number as one tidy table in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .selection import Selection, selects_cells

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".parquet", ".csv")


@click.command(short_help="Every stored number as one table in a file.")
@selects_cells
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="File to write, ending in .parquet or .csv; an older one is replaced.",
)
def command(selection: Selection, out: Path) -> None:
    """Write all metrics of the stored cells as one table, one row a number.

    The columns are described in the documentation of lqbench.benchmark.analysis.frames.
    """
    from ....datasets.errors import UserError
    from ...analysis.frames import results_frame

    if out.suffix not in ENDINGS:
        raise UserError(f"--out {out} ends in {out.suffix or 'nothing'!r}: write a name ending in .parquet or .csv.")
    records = selection.finished()
    frame = results_frame(records)
    try:
        _write(frame, out)
    except OSError as error:
        raise UserError(f"--out {out} cannot be written ({error.strerror or error}): name another file.") from error
    click.echo(f"{len(frame)} rows from {len(records)} cells in {out}")


def _write(frame: pd.DataFrame, out: Path) -> None:
    """Write the table in the format that the file's ending names, whole or not at all."""
    from ....results.atomic import encode_parquet, write_bytes

    is_csv = out.suffix == ".csv"
    content = frame.to_csv(index=False, lineterminator="\n").encode() if is_csv else encode_parquet(frame)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(out, content)
