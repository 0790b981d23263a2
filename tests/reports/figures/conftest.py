"""Records, analyses and timings with invented numbers, enough for every kind of figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lqbench.benchmark.analysis.tide import ERRORS
from lqbench.reports.figures.data import Tracks, tracks_of
from lqbench.results.record import Record, RestorationCost
from lqbench.results.timing import Conditions, Latency, Surroundings, TimingRecord

METHODS = {"hr": 0.50, "lr": 0.20, "bicubic": 0.30, "tdsr": 0.40, "classsr": 0.35}
REPLICATES = 50


@dataclass
class Analysed:
    """The part of an analysis that figures read."""

    replicates: Mapping[str, NDArray[np.float64]]
    tide: Mapping[str, float] | None


class Maker:
    """Makes records, analyses and timings."""

    def __init__(self, samples: ModuleType) -> None:
        self.samples = samples

    def record(self, method: str, dataset: str = "coco-d", ap: float | None = None, **given: Any) -> Record:
        """A finished record; ``given`` are facts of the dataset, or values, per_class, gflops and detector."""
        values = given.pop("values", {})
        per_class = given.pop("per_class", None)
        gflops = given.pop("gflops", None)
        settings = {"detector": given.pop("detector", "mini")}
        cell = self.samples.cell(method, dataset, method_settings=settings)
        metrics = self.samples.coco_metrics(METHODS.get(method, 0.3) if ap is None else ap, **values)
        if per_class is not None:
            metrics = metrics.model_copy(update={"per_class": {"AP": per_class}})
        cost = None
        if gflops is not None:
            cost = RestorationCost(flops_mean=gflops * 1e9, flops_max=round(gflops * 1e9), parameters=1)
        record = self.samples.record(method, of=cell, metrics=metrics, cost=cost)
        return record.model_copy(update={"dataset_facts": {**record.dataset_facts, "metric": "coco", **given}})

    def analysis(self, record: Record, spread: float = 0.01) -> Analysed:
        assert record.metrics is not None
        rng = np.random.default_rng(len(record.cell.method))
        known = {name: value for name, value in record.metrics.values.items() if value is not None}
        drawn = {
            name: np.concatenate([[value], value + spread * rng.standard_normal(REPLICATES)])
            for name, value in known.items()
        }
        return Analysed(drawn, {name: 0.01 * place for place, name in enumerate(ERRORS, 1)})

    def timing(self, record: Record, median: float, quiet: bool = True, threads: int = 2) -> TimingRecord:
        figures = {"calls": 9, "median_ms": median, "low_ms": median * 0.9, "high_ms": median * 1.1, "coverage": 0.96}
        more = {"p95_ms": median * 2, "mean_ms": median, "min_ms": median, "images_per_s": 1000 / median}
        return TimingRecord(
            cell=record.cell,
            status="done",
            started="2026-01-01T00:00:00+00:00",
            conditions=Conditions(
                cpu="A CPU",
                device="cpu",
                threads=threads,
                batch_size=1,
                precision="float32",
                images=9,
                warm_up=5,
                repeat=1,
            ),
            latency=Latency.model_validate(figures | more),
            surroundings=Surroundings(quiet=quiet, seconds=3),
            provenance=record.provenance,
        )

    def tracks(self, records: Sequence[Record], analysed: bool = True) -> Tracks:
        return tracks_of(records, {r.cell.key: self.analysis(r) for r in records if r.metrics} if analysed else {})


@pytest.fixture(scope="session")
def maker(samples: ModuleType) -> Maker:
    return Maker(samples)


@pytest.fixture(scope="session")
def matrix(maker: Maker) -> list[Record]:
    """Five methods on a family of two scales and on a track of another kind, out of order."""
    records = []
    for number, dataset in enumerate(("coco-lr-x8", "coco-d", "coco-lr-x4")):
        for place, (method, ap) in enumerate(METHODS.items()):
            restored = method not in ("hr", "lr")
            values = {"PSNR_Y": 20.0 + 2 * place + number} if restored else {}
            facts = {"settings": {"factor": int(dataset[-1])}} if dataset[-1] != "d" else {}
            cost = 1.0 + place if restored else None
            records.append(maker.record(method, dataset, ap - 0.05 * number, values=values, gflops=cost, **facts))
    return records
