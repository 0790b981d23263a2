"""``lqbench results calibration``: do scores tell how often a detector is right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .output import decimals, json_option, percent, print_frame, print_json
from .selection import Selection, ignores_difficult, selects_cells, title_of

if TYPE_CHECKING:
    from ....results.record import Record
    from ....results.store import Store
    from ...analysis.calibration import CalibrationSettings


@click.command(short_help="Do scores tell how often a detector is right?")
@selects_cells
@click.option(
    "--iou",
    type=click.FloatRange(0.0, 1.0, min_open=True),
    default=0.5,
    show_default=True,
    help="IoU that a detection needs to be right.",
)
@click.option(
    "--min-score",
    type=click.FloatRange(0.0, 1.0, max_open=True),
    default=0.05,
    show_default=True,
    help="Only detections of at least this score enter.",
)
@click.option("--bins", type=click.IntRange(1, 1000), default=10, show_default=True, help="Equal bins of the score.")
@json_option
def command(selection: Selection, iou: float, min_score: float, bins: int, as_json: bool) -> None:
    """Print the detection expected calibration error (D-ECE) of cells; for a single one, its reliability curve too."""
    import pandas as pd

    from ...analysis.calibration import CalibrationSettings

    store = selection.store()
    settings = CalibrationSettings(min_score=min_score, iou=iou, bins=bins)
    rows = [_row(store, record, settings) for record in selection.finished()]
    if as_json:
        print_json({"iou": iou, "min_score": min_score, "bins": bins, "cells": rows})
        return
    names = {name: (name, str) for name in ("method", "detector", "dataset")}
    shares = {"dece": "D-ECE [%]", "mean_score": "mean score [%]", "precision": "precision [%]"}
    columns = {**names, **{name: (heading, percent) for name, heading in shares.items()}}
    title = f"Calibration: right at IoU {iou:g}, score at least {min_score:g}, {bins} bins"
    print_frame(title, pd.DataFrame(rows), {**columns, "detections": ("detections", decimals(0))})
    if len(rows) == 1:
        edges = {"low": ("score from", decimals(2)), "high": ("to", decimals(2)), "detections": ("n", decimals(0))}
        curve = {name: (f"{name.replace('_', ' ')} [%]", percent) for name in ("mean_score", "precision", "gap")}
        print_frame("Reliability curve", rows[0]["curve"], {**edges, **curve})


def _row(store: Store, record: Record, settings: CalibrationSettings) -> dict[str, Any]:
    """Return a cell's names, figures and curve."""
    from dataclasses import replace

    from ...analysis.calibration import calibration

    settings = replace(settings, ignore_difficult=ignores_difficult(record))
    truth = store.ground_truth(record.cell.dataset_fingerprint)
    result = calibration(truth, store.detections(record.cell), settings)
    figures = {name: getattr(result, name) for name in ("dece", "detections", "mean_score", "precision", "curve")}
    return {**title_of(record), **figures}
