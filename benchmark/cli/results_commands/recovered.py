"""``lqbench results recovered``: how much of the gap between degraded and clean images a method recovers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .output import json_option, percent, print_frame, print_json
from .selection import Selection, selects_cells

if TYPE_CHECKING:
    import pandas as pd


@click.command(short_help="Share of the gap to the clean image that is recovered.")
@selects_cells
@click.option("--floor", default="lr", show_default=True, help="Method at the bottom of the gap.")
@click.option("--ceiling", default="hr", show_default=True, help="Method at the top of the gap.")
@click.option("--metric", metavar="NAME", help="Metric to compare. Default: each dataset's own.")
@json_option
def command(selection: Selection, floor: str, ceiling: str, metric: str | None, as_json: bool) -> None:
    """Print which share of the gap between floor and ceiling each method recovers, by dataset."""
    import pandas as pd

    from ....datasets.errors import UserError
    from ...analysis.tables import score_table

    scores = score_table(selection.finished(also=(floor, ceiling)), metric)
    for name in (floor, ceiling):
        if name not in scores.index:
            raise UserError(
                f"the store {selection.path} has no finished cell of method {name!r}, which bounds the gap."
            )
    frame = pd.DataFrame(_rows(scores, floor, ceiling))
    if as_json:
        print_json({"floor": floor, "ceiling": ceiling, "cells": frame})
        return
    names = {"dataset": ("dataset", str), "method": ("method", str)}
    shares = {name: (f"{name} [%]", percent) for name in ("value", "floor", "ceiling", "recovered")}
    print_frame(f"Share of the gap between {floor} and {ceiling} that is recovered", frame, {**names, **shares})


def _rows(scores: pd.DataFrame, floor: str, ceiling: str) -> list[dict[str, Any]]:
    """Return one row per dataset and method."""
    from ...analysis.robustness import recovered_share

    rows = []
    for dataset in scores.columns:
        low, high = float(scores.at[floor, dataset]), float(scores.at[ceiling, dataset])
        for method in scores.index:
            value = float(scores.at[method, dataset])
            bounds = {"value": value, "floor": low, "ceiling": high, "recovered": recovered_share(value, low, high)}
            rows.append({"dataset": dataset, "method": method, **bounds})
    return rows
