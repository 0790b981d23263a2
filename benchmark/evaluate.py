"""Metrics of stored cells: needs neither the dataset nor the method nor torch."""

from __future__ import annotations

import pandas as pd

from ..results.record import Metrics, Record
from ..results.store import Store, detections_sha256
from ..results.tables import GroundTruth
from .scoring import score


def evaluate(truth: GroundTruth, detections: pd.DataFrame, quality: pd.DataFrame | None) -> Metrics:
    """Return the metrics of detections, tied to them by their hash, and the mean image quality where restored."""
    return score(truth, detections, detections_sha256(detections), quality)


def rescore(store: Store, record: Record) -> Record:
    """Compute a stored cell's metrics again from its detections and replace them in its record.

    Raises:
        UserError: A stored file is missing, damaged or was edited.
    """
    cell = record.cell
    truth = store.ground_truth(cell.dataset_fingerprint)
    metrics = evaluate(truth, store.detections(cell), store.quality(cell))
    updated = record.model_copy(update={"metrics": metrics})
    store.update_record(updated)
    return updated
