"""``lqbench results errors``: what kinds of mistake cost how much AP, after TIDE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .output import decimals, json_option, percent, print_frame, print_json
from .selection import Selection, ignores_difficult, selects_cells, title_of

if TYPE_CHECKING:
    from ....results.record import Record
    from ....results.store import Store


@click.command(short_help="What kinds of error cost how much AP (TIDE).")
@selects_cells
@click.option(
    "--iou",
    type=click.FloatRange(0.0, 1.0, min_open=True),
    default=0.5,
    show_default=True,
    help="IoU that a detection needs to be right.",
)
@click.option(
    "--background",
    type=click.FloatRange(0.0, 1.0, min_open=True),
    default=0.1,
    show_default=True,
    help="IoU up to which a detection lies on background.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0.0, 1.0, min_open=True),
    default=0.3,
    show_default=True,
    help="Score that a detection must reach to count among the false positives per image.",
)
@json_option
def command(selection: Selection, iou: float, background: float, threshold: float, as_json: bool) -> None:
    """Print the AP that each kind of error costs (TIDE), and false positives per image.

    Cls: wrong class. Loc: badly placed. Both: wrong class and badly placed. Dupe: found twice. Bkg: nothing there.
    Miss: object not found. FalsePos, FalseNeg: AP gained without any false positive, without any missed object.
    """
    import pandas as pd

    from ....datasets.errors import UserError
    from ...analysis.tide import ERRORS, SPECIAL_ERRORS

    if background > iou:
        raise UserError(f"--background {background} is above --iou {iou}: name a smaller one.")
    store = selection.store()
    rows = [_row(store, record, iou, background, threshold) for record in selection.finished()]
    if as_json:
        print_json({"iou": iou, "background": background, "threshold": threshold, "cells": rows})
        return
    names = {name: (name, str) for name in ("method", "detector", "dataset")}
    costs = {name: (name, percent) for name in (*ERRORS, *SPECIAL_ERRORS)}
    columns = {**names, "ap": ("AP", percent), **costs, "fp_per_image": (f"FP/image at {threshold:g}", decimals(2))}
    title = f"AP at IoU {iou:g} and what each kind of error costs, in points of AP"
    print_frame(title, pd.DataFrame([row | row["d_ap"] for row in rows]), columns)


def _row(store: Store, record: Record, iou: float, background: float, threshold: float) -> dict[str, Any]:
    """Return a cell's names, AP, costs by error, counts by error and false positives per image."""
    from ...analysis.assignment import AssignmentSettings, assign
    from ...analysis.false_positives import false_positives_per_image
    from ...analysis.tide import ERRORS, SPECIAL_ERRORS, costs

    settings = AssignmentSettings(iou, background, ignore_difficult=ignores_difficult(record))
    truth = store.ground_truth(record.cell.dataset_fingerprint)
    assignment = assign(truth, store.detections(record.cell), settings)
    result = costs(assignment)
    false = false_positives_per_image(assignment, threshold)
    per_kind = dict(zip(false["error"], false["per_image"], strict=True))
    d_ap = {name: result.d_ap.get(name) for name in (*ERRORS, *SPECIAL_ERRORS)}
    per_image = {"fp_per_image": per_kind["all"], "fp_per_image_by_error": per_kind}
    return {**title_of(record), "ap": result.ap, "d_ap": d_ap, "counts": result.counts, **per_image}
