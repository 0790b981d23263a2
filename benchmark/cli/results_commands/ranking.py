"""``lqbench results ranking``: mean ranks over datasets and whether they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .output import decimals, json_option, percent, print_frame, print_json
from .selection import Selection, selects_cells

if TYPE_CHECKING:
    from ...analysis.ranking import Ranking


@click.command(short_help="Mean ranks over datasets and whether they differ.")
@selects_cells
@click.option("--metric", metavar="NAME", help="Metric to rank by. Default: each dataset's own.")
@click.option(
    "--alpha",
    type=click.FloatRange(0.0, 1.0, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Level of the critical difference.",
)
@click.option("--oracles", is_flag=True, help="Rank methods that see the clean image too.")
@json_option
def command(selection: Selection, metric: str | None, alpha: float, oracles: bool, as_json: bool) -> None:
    """Rank methods over datasets: mean rank, Friedman's test, Nemenyi's critical difference.

    Every method needs a result on every dataset.
    """
    from ...analysis.ranking import rank_methods
    from ...analysis.tables import is_oracle, score_table

    records = [record for record in selection.finished() if oracles or not is_oracle(record)]
    ranking = rank_methods(score_table(records, metric), alpha)
    if as_json:
        print_json({name: getattr(ranking, name) for name in ranking.__dataclass_fields__})
        return
    title = f"Mean rank over {', '.join(ranking.datasets)}"
    columns = {"method": ("method", str), "rank": ("mean rank", decimals(2)), "value": ("mean value [%]", percent)}
    print_frame(title, ranking.table, columns)
    for line in _lines(ranking):
        click.echo(line)


def _lines(ranking: Ranking) -> list[str]:
    """Return the tests and notes as sentences."""
    lines = []
    if ranking.chi2 is not None and ranking.f is not None:
        lines.append(f"Friedman: chi2 = {ranking.chi2:.3f}, p = {ranking.p_chi2:.3g}")
        lines.append(f"Iman-Davenport: F = {ranking.f:.3f}, p = {ranking.p_f:.3g}")
    if ranking.critical_difference is not None:
        lines.append(
            f"Nemenyi: critical difference of mean ranks {ranking.critical_difference:.3f} at {ranking.alpha:g}"
        )
        lines += [f"not told apart: {', '.join(group)}" for group in ranking.groups]
    return [*lines, *ranking.notes]
