"""A small image set, a cell and its record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lqbench.datasets.types import Boxes, Detections, ImageRecord
from lqbench.results.cell import Cell
from lqbench.results.record import Metrics, Provenance, Record
from lqbench.results.store import Store, detections_sha256
from lqbench.results.tables import detections_frame


@dataclass(frozen=True)
class FakeImages:
    """Two images of the kind that ``ground_truth_of`` takes; the second one is empty."""

    classes: tuple[str, ...] = ("person", "car")
    fingerprint: str = "f" * 64

    @property
    def records(self) -> tuple[ImageRecord, ...]:
        return tuple(
            ImageRecord(f"id-{i}", i, f"{i}.png", (60, 80), (60, 80), (30, 40), (0.5, 0.5), 7 + i) for i in range(2)
        )

    @property
    def boxes(self) -> tuple[Boxes, ...]:
        one = Boxes(
            np.array([[1, 2, 11, 12]], np.float32),
            np.array([1]),
            np.array([100.0]),
            np.array([400.0]),
            np.array([False]),
            np.array([True]),
        )
        return one, Boxes.empty()

    def facts(self) -> dict[str, Any]:
        return {"area_frame": "degraded", "title": "fake"}


@pytest.fixture
def images() -> FakeImages:
    return FakeImages()


@pytest.fixture
def cell() -> Cell:
    return Cell(
        method="bicubic",
        method_settings={"detector": "mini"},
        method_source="a" * 64,
        dataset="fake",
        dataset_version="1",
        split="val",
        dataset_fingerprint="f" * 64,
    )


@pytest.fixture
def detections() -> pd.DataFrame:
    found = Detections(
        np.array([[0, 0, 5, 5], [1, 1, 6, 7]], np.float32), np.array([0.9, 0.4], np.float32), np.array([1, 0])
    )
    return detections_frame([(1, Detections.empty()), (0, found)])


@pytest.fixture
def record(cell: Cell, detections: pd.DataFrame) -> Record:
    metrics = Metrics(
        detections_sha256=detections_sha256(detections),
        values={"AP": 0.25, "AP_S": None},
        per_class={},
        scorer="test 1",
    )
    provenance = Provenance(lqbench_version="0", python="3", platform="p", cpu="c", device="cpu")
    return Record(
        cell=cell,
        status="done",
        images=2,
        detections=2,
        started="2026-01-01T00:00:00+00:00",
        seconds={"detect": 1.5},
        provenance=provenance,
        metrics=metrics,
    )


@pytest.fixture
def store(tmp_path) -> Store:
    return Store.open(tmp_path / "store")
