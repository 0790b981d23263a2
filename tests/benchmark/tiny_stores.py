"""Stores with a finished or failed cell in them, without a model or a data set behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lqbench.datasets.types import Boxes, Detections, ImageRecord
from lqbench.results.cell import Cell
from lqbench.results.record import Metrics, Provenance, Record
from lqbench.results.store import Store, detections_sha256
from lqbench.results.tables import detections_frame


class Images:
    """Two images without objects; what fingerprint they have is asked for."""

    classes: tuple[str, ...] = ("person",)
    boxes: tuple[Boxes, ...] = (Boxes.empty(), Boxes.empty())

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        size = (40, 50)
        self.records = tuple(ImageRecord(f"id-{i}", i, f"{i}.png", size, size, size, (1.0, 1.0), i) for i in range(2))

    def facts(self) -> dict[str, Any]:
        return {"title": "fake"}


def write(
    store: Store, method: str = "bicubic", score: float = 0.5, started: str = "2026-01-01", **cell: Any
) -> Record:
    """Store a finished cell with one detection; more words are fields of the cell."""
    given = {"method_source": "a" * 64, "dataset": "fake", "dataset_version": "1", "split": "val"}
    made = Cell(**{"method": method, "dataset_fingerprint": "f" * 64, **given, **cell})
    box = Detections(np.array([[0, 0, 5, 5]], np.float32), np.array([score], np.float32), np.array([0]))
    found = detections_frame([(0, box)])
    record = Record(
        cell=made,
        status="done",
        images=2,
        detections=1,
        started=started,
        seconds={"detect": 1.0},
        provenance=Provenance(lqbench_version="0", python="3", platform="p", cpu="c", device="cpu"),
        metrics=Metrics(detections_sha256=detections_sha256(found), values={"AP": score}, per_class={}, scorer="test"),
    )
    store.save_ground_truth(Images(made.dataset_fingerprint))
    store.write_cell(record, found)
    return record


def fail(store: Store, record: Record) -> Record:
    """Store a failed record of a record's cell."""
    failed = record.model_copy(update={"status": "failed", "error": "ValueError: no", "metrics": None})
    store.write_failure(failed)
    return failed


def content(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
