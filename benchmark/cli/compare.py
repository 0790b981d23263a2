"""``lqbench compare``: is one method better than another on the same images, or can they not be told apart?"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...datasets.errors import UserError
from .options import names_option, store_option

if TYPE_CHECKING:
    from rich.table import Table

    from ...results.record import Record
    from ...results.store import Store
    from ..statistics.comparison import ComparisonRow, Outputs
    from ..statistics.inference import Estimate

LEAST_REPLICATES = 100
"""Fewer replicates hardly reach the ends of a 95 % interval."""
MISSING = "\N{EN DASH}"


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--dataset", required=True, help="Dataset that both were run on.")
@click.option("--detector", default="", help="Only cells with this detector.")
@click.option("--split", default="", help="Only cells on this split.")
@names_option("--metric", "metrics", help="Compare these metrics alone; the correction is over as many.")
@click.option("--replicates", type=click.IntRange(min=LEAST_REPLICATES), default=1000, show_default=True)
@click.option("--seed", default=0, show_default=True, help="Decides which images each replicate draws.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with metrics as stored (AP in [0, 1]).")
@store_option
def command(
    *,
    a: str,
    b: str,
    dataset: str,
    detector: str,
    split: str,
    metrics: tuple[str, ...],
    replicates: int,
    seed: int,
    as_json: bool,
    store: Path,
) -> None:
    """Say whether method A is better than method B, worse, or not to be told apart.

    A and B are names of methods, or keys of stored cells. Images are drawn anew with replacement, the same for both
    (a paired bootstrap): each number and each difference gets a 95 % interval, each difference a p-value corrected for
    the number of metrics. Works on stored detections alone.
    """
    from ...results.store import Store
    from ..statistics.pairing import pair_of_cells

    opened = Store(store)
    pair = pair_of_cells(opened.records(), a, b, dataset, detector=detector, split=split)
    rows = _compare(opened, pair, replicates, seed, metrics)
    if as_json:
        click.echo(json.dumps(_document(pair, rows, replicates, seed), indent=2, allow_nan=False))
    else:
        _print(pair, rows, replicates, seed)


def _compare(
    store: Store, pair: tuple[Record, Record], replicates: int, seed: int, metrics: tuple[str, ...]
) -> list[ComparisonRow]:
    from ..scoring import area_frame
    from ..statistics.comparison import available_metrics, compare

    gt = store.ground_truth(pair[0].cell.dataset_fingerprint)
    first, second = (_outputs(store, record) for record in pair)
    known = available_metrics(first, second)
    unknown = [name for name in metrics if name not in known]
    if unknown:
        raise UserError(f"--metric {','.join(unknown)}: these two can be compared by {', '.join(known)}.")
    frame = area_frame(gt)
    return compare(gt, first, second, area=frame, replicates=replicates, seed=seed, metrics=metrics or known)


def _outputs(store: Store, record: Record) -> Outputs:
    from ..statistics.comparison import Outputs

    return Outputs(store.detections(record.cell), store.quality(record.cell))


def _document(pair: tuple[Record, Record], rows: list[ComparisonRow], replicates: int, seed: int) -> dict[str, Any]:
    from ..statistics.inference import ALPHA, LEVEL, smallest_p

    cells = [record.cell.model_dump(mode="json") | {"key": record.cell.key} for record in pair]
    return {
        **dict(zip("ab", cells, strict=True)),
        "images": pair[0].images,
        "replicates": replicates,
        "seed": seed,
        "level": LEVEL,
        "alpha": ALPHA,
        "smallest_p_holm": smallest_p(replicates, len(rows)),
        "rows": [asdict(row) for row in rows],
    }


def _print(pair: tuple[Record, Record], rows: list[ComparisonRow], replicates: int, seed: int) -> None:
    from ..statistics.inference import ALPHA, smallest_p
    from .console import table_console

    table_console().print(_table(pair, rows))
    click.echo(
        f"difference: A - B; [ ]: 95 % percentile intervals of {replicates} paired bootstrap replicates over "
        f"{pair[0].images} images, seed {seed}; p: two-sided, after Holm over {len(rows)} metrics; verdict: at 5 %."
    )
    if smallest_p(replicates, len(rows)) > ALPHA:
        click.echo(f"{replicates} replicates are too few to tell {len(rows)} metrics apart; raise --replicates.")


def _table(pair: tuple[Record, Record], rows: list[ComparisonRow]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    cell = pair[0].cell
    title = f"{_title(pair[0])} (A) against {_title(pair[1])} (B) on {cell.dataset}, split {cell.split}"
    table = Table(title=Text(title), box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    table.add_column("metric", no_wrap=True)
    for heading in ("A", "B", "difference", "p"):
        table.add_column(heading, justify="right")
    table.add_column("verdict on A")
    for row in rows:
        factor, decimals, unit = _unit(row.metric)
        numbers = [_interval(row.a, factor, decimals), _interval(row.b, factor, decimals)]
        difference = _interval(row.difference, factor, decimals, sign="+")
        p = MISSING if row.p_holm is None else f"{row.p_holm:.3f}"
        label = f"{row.metric} ({unit})" if unit else row.metric
        table.add_row(*map(Text, (label, *numbers, difference, p, row.verdict or MISSING)))
    return table


def _title(record: Record) -> str:
    return f"{record.cell.method} with {record.cell.detector}" if record.cell.detector else record.cell.method


def _unit(metric: str) -> tuple[float, int, str]:
    """Return factor from the stored to the printed number, decimals, and unit."""
    if metric.startswith("PSNR"):
        return 1.0, 2, "dB"
    return (1.0, 4, "") if metric.startswith("SSIM") else (100.0, 2, "%")


def _interval(estimate: Estimate, factor: float, decimals: int, sign: str = "") -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return MISSING
    value, low, high = (f"{factor * x:{sign}.{decimals}f}" for x in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]"
