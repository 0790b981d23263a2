"""All stored numbers as one tidy table: one row a number."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ...results.record import Record

COLUMNS = {
    "cell": "12-hex-digit key of the cell",
    "method": "method name",
    "detector": "detector behind the method; empty where it brings its own",
    "dataset": "dataset name",
    "version": "version of the dataset",
    "split": "split of the dataset",
    "limit": "number of images asked for; missing for all",
    "images": "images evaluated",
    "images_official": "images of the whole split; missing where not published",
    "metric": "metric name as in record.json, such as AP or VOC07_AP50",
    "class": "class name; empty for the figure over all classes",
    "value": "AP-type metrics in [0, 1], PSNR in dB, costs in ones; missing where undefined (no objects of that kind)",
    "tuned_on": "degradations that the method saw in training, from its card; empty where unknown",
    "needs_clean": "true for oracles, which see the clean image",
    "fingerprint": "sha256 of the dataset's content",
    "weights": "sha256 of the weights; empty without weights",
    "detections": "sha256 of the detections that the number was computed from",
    "scorer": "package and version that computed it",
    "lqbench_version": "version of this package that computed the cell",
    "commit": "its commit",
}
"""Column name to meaning, in the order of the table."""

ORDER = ["method", "detector", "dataset", "split", "cell", "class", "metric"]


def results_frame(records: Sequence[Record]) -> pd.DataFrame:
    """Return every metric of every finished and scored cell.

    Args:
        records: Records in any order; failed cells have no numbers and give no rows.

    Returns:
        Columns ``COLUMNS``, sorted by method, detector, dataset, split, cell, class and metric, so that the same
        records give the same table. ``limit`` and ``images_official`` are nullable integers, ``value`` is float64.
    """
    rows = [row for record in records if record.status == "done" for row in _rows(record)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    types = {"limit": "Int64", "images": "int64", "images_official": "Int64", "value": "float64", "needs_clean": "bool"}
    return frame.astype(types).sort_values(ORDER, kind="stable").reset_index(drop=True)


def _rows(record: Record) -> list[tuple[object, ...]]:
    """Return one tuple of ``COLUMNS`` for each number of a cell."""
    if record.metrics is None:
        return []
    cell, card = record.cell, record.method_card
    before = (cell.key, cell.method, cell.detector, cell.dataset, cell.dataset_version, cell.split, cell.limit)
    sizes = (record.images, record.images_official)
    facts = (str(card.get("tuned_on", "")), bool(card.get("needs_clean", False)), cell.dataset_fingerprint)
    made_by = (record.provenance.lqbench_version, record.provenance.commit)
    after = (*facts, cell.weights_sha256, record.metrics.detections_sha256, record.metrics.scorer, *made_by)
    numbers = [(metric, "", value) for metric, value in record.metrics.values.items()]
    if record.cost is not None:
        costs = record.cost.model_dump()
        numbers += [(f"restoration_{name}", "", float(value)) for name, value in costs.items()]
    for metric, per_class in record.metrics.per_class.items():
        numbers += [(metric, name, value) for name, value in per_class.items()]
    return [(*before, *sizes, *number, *after) for number in numbers]
