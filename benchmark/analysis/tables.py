"""Tables of scores by method and dataset, taken from records."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ...datasets.errors import UserError
from ...results.record import Record

PRIMARY = {"coco": "AP", "voc07": "VOC07_AP50"}
"""The metric of a dataset's protocol, by ``dataset_facts["metric"]``."""


def primary_metric(record: Record) -> str:
    """Return the metric of the protocol of the record's dataset."""
    return PRIMARY.get(str(record.dataset_facts.get("metric")), "AP")


def value_of(record: Record, metric: str | None = None) -> float:
    """Return a metric of a record, the protocol's own where None; NaN where it is undefined or the cell failed."""
    value = record.metrics.values.get(metric or primary_metric(record)) if record.metrics is not None else None
    return float("nan") if value is None else float(value)


def is_oracle(record: Record) -> bool:
    """Return whether the method sees the clean image: a ceiling, no competitor."""
    return bool(record.method_card.get("needs_clean", False))


def score_table(records: Sequence[Record], metric: str | None = None) -> pd.DataFrame:
    """Return scores by method and dataset.

    Args:
        records: Finished cells; those of one dataset must have been run on the same images.
        metric: Name in ``Metrics.values``; None for each dataset's own.

    Returns:
        Index: method names, columns: dataset names, both sorted; NaN where there is no number.

    Raises:
        UserError: A method has several cells on a dataset, or cells of one dataset were run on other images.
    """
    for name in sorted({record.cell.dataset for record in records}):
        _check_same_images(name, [record for record in records if record.cell.dataset == name])
    _check_single(records)
    rows = [(r.cell.method, r.cell.dataset, value_of(r, metric)) for r in records]
    frame = pd.DataFrame(rows, columns=["method", "dataset", "value"])
    return frame.pivot(index="method", columns="dataset", values="value").sort_index().sort_index(axis=1)


def transfer_matrix(records: Sequence[Record], metric: str | None = None) -> pd.DataFrame:
    """Return scores by what a method was tuned on (rows) and what it is tested on (columns).

    Args:
        records: Finished cells, as for ``score_table``. What a method was tuned on is told by its card.
        metric: Name in ``Metrics.values``; None for each dataset's own.

    Returns:
        Index: ``tuned_on`` ("unknown" where the card is silent) and ``method``, sorted; columns: datasets, sorted; NaN
        where there is no number.

    Raises:
        UserError: As ``score_table``.
    """
    scores = score_table(records, metric)
    tuned = {r.cell.method: str(r.method_card.get("tuned_on") or "unknown") for r in records}
    scores.index = pd.MultiIndex.from_tuples(
        [(tuned[name], name) for name in scores.index], names=["tuned_on", "method"]
    )
    return scores.sort_index()


def _check_same_images(dataset: str, records: Sequence[Record]) -> None:
    """Refuse to put numbers of different images side by side."""
    versions = {record.cell.dataset_fingerprint: record for record in records}
    if len(versions) > 1:
        kinds = sorted(
            f"{r.cell.split}, {r.images} images, version {r.cell.dataset_version}" for r in versions.values()
        )
        raise UserError(
            f"the cells on {dataset} were run on different images ({'; '.join(kinds)}): choose with --split or --cell."
        )


def _check_single(records: Sequence[Record]) -> None:
    seen: dict[tuple[str, str], Record] = {}
    for record in records:
        key = (record.cell.method, record.cell.dataset)
        if key in seen:
            kinds = sorted({r.cell.detector or "own" for r in (seen[key], record)})
            hint = "choose with --detector" if len(kinds) > 1 else "choose with --cell"
            names = f"{seen[key].cell.key}, {record.cell.key}"
            raise UserError(
                f"{key[0]} has several cells on {key[1]} (keys {names}; detectors {', '.join(kinds)}): {hint}."
            )
        seen[key] = record
