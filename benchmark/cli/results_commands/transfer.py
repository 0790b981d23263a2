"""``lqbench results transfer``: tuned on one degradation, tested on another."""

from __future__ import annotations

import click

from .output import json_option, percent, print_frame, print_json
from .selection import Selection, selects_cells


@click.command(short_help="Tuned on one degradation, tested on another.")
@selects_cells
@click.option("--metric", metavar="NAME", help="Metric to show. Default: each dataset's own.")
@json_option
def command(selection: Selection, metric: str | None, as_json: bool) -> None:
    """Print scores by what a method was tuned on (its card tells) and the dataset it is tested on."""
    from ...analysis.tables import transfer_matrix

    matrix = transfer_matrix(selection.finished(), metric)
    datasets = [str(name) for name in matrix.columns]
    frame = matrix.reset_index()
    if as_json:
        print_json(frame)
        return
    names = {"tuned_on": ("tuned on", str), "method": ("method", str)}
    print_frame(
        "Tuned on (rows), tested on (columns), in percent", frame, {**names, **{d: (d, percent) for d in datasets}}
    )
