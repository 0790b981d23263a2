"""``lqbench results robustness``: P, mPC and rPC over a sweep of corruptions and severities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .output import json_option, percent, print_frame, print_json
from .selection import Selection, selects_cells

if TYPE_CHECKING:
    import pandas as pd

Place = tuple[str, int, str]
"""Corruption, severity and the dataset that shows it."""


def _places(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[Place, ...]:
    """Parse ``corruption:severity=dataset``."""
    places = []
    for value in values:
        cell, _, dataset = value.partition("=")
        corruption, _, severity = cell.rpartition(":")
        if not (corruption and severity.isdigit() and dataset):
            raise click.BadParameter(
                f"{value!r} is not of the form corruption:severity=dataset, such as fog:3=fog-0.02"
            )
        places.append((corruption, int(severity), dataset))
    return tuple(places)


def _severities(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    """Parse a comma list of severities."""
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isdigit() and int(part) > 0 for part in parts):
        raise click.BadParameter(f"{value!r} is no comma list of severities of 1 and more, such as 1,2,3,4,5")
    return tuple(int(part) for part in parts)


@click.command(short_help="P, mPC and rPC over a sweep of corruptions.")
@selects_cells
@click.option("--clean", required=True, metavar="NAME", help="Dataset without corruption.")
@click.option(
    "--at",
    "places",
    multiple=True,
    required=True,
    callback=_places,
    metavar="CORRUPTION:SEVERITY=DATASET",
    help="Dataset that shows a corruption at a severity; repeat for each.",
)
@click.option(
    "--severities", default="1,2,3,4,5", show_default=True, callback=_severities, help="Severities of the whole sweep."
)
@click.option("--metric", metavar="NAME", help="Metric to use. Default: the clean dataset's own.")
@json_option
def command(
    *,
    selection: Selection,
    clean: str,
    places: tuple[Place, ...],
    severities: tuple[int, ...],
    metric: str | None,
    as_json: bool,
) -> None:
    """Print accuracy on clean images (P), its mean under corruption (mPC) and their ratio (rPC).

    A severity without a finished cell makes mPC and rPC missing; the coverage tells how much of the sweep is there.
    """
    import pandas as pd

    from ....datasets.errors import UserError
    from ...analysis.tables import primary_metric, score_table

    records = [r for r in selection.finished() if r.cell.dataset in {clean, *(place[2] for place in places)}]
    cleans = [record for record in records if record.cell.dataset == clean]
    if not cleans:
        raise UserError(
            f"the store {selection.path} has no such finished cell on {clean}, and rPC needs P on clean images."
        )
    scores = score_table(records, metric or primary_metric(cleans[0]))
    rows = [_row(str(method), scores, clean, places, severities) for method in scores.index]
    if as_json:
        print_json(rows)
        return
    names = {"method": ("method", str), "coverage": ("coverage", str)}
    shares = {"clean": ("P [%]", percent), "mpc": ("mPC [%]", percent), "rpc": ("rPC [%]", percent)}
    print_frame(
        f"Robustness over severities {', '.join(map(str, severities))}", pd.DataFrame(rows), {**names, **shares}
    )


def _row(
    method: str, scores: pd.DataFrame, clean: str, places: tuple[Place, ...], severities: tuple[int, ...]
) -> dict[str, Any]:
    """Return one method's figures and curves.

    Raises:
        UserError: The method has no number on clean images, or a place is named twice or lies outside the sweep.
    """
    import pandas as pd

    from ....datasets.errors import UserError
    from ...analysis.robustness import robustness, severity_curves

    values = [(c, s, scores.at[method, d] if d in scores.columns else float("nan")) for c, s, d in places]
    sweep = pd.DataFrame(values, columns=["corruption", "severity", "value"])
    try:
        result = robustness(scores.at[method, clean], sweep, severities=severities)
    except ValueError as error:
        raise UserError(f"{method}: {error}; see --clean, --at and --severities.") from error
    figures = {"clean": result.clean, "mpc": result.mpc, "rpc": result.rpc, "coverage": result.coverage}
    curves = severity_curves(result.clean, sweep, severities)
    return {"method": method, **figures, "per_corruption": result.per_corruption, "curves": curves}
