"""Two stores side by side: what is paired, what is not and why, and what the verdict says."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from lqbench.benchmark.analysis.cells import CellAnalysis
from lqbench.reports.columns import MISSING
from lqbench.reports.grid import Grid
from lqbench.reports.store_comparison import StoreSide, store_grids
from lqbench.reports.store_pairs import pair_stores
from lqbench.results.record import Record


def analysis(value: float, seed: int) -> CellAnalysis:
    shared = np.random.default_rng(0).normal(0, 0.02, 300)
    own = np.random.default_rng(seed).normal(0, 0.001, 300)
    return CellAnalysis({"AP": np.r_[value, value + shared + own]}, None, pd.Series(dtype=float))


def side(name: str, *records: Record, seed: int = 1) -> StoreSide:
    done = [record for record in records if record.metrics is not None]
    return StoreSide(
        name, records, {r.cell.key: analysis(r.metrics.values["AP"] or 0.0, seed) for r in done if r.metrics}
    )


def texts(grid: Grid) -> list[dict[str, str]]:
    return [
        dict(zip((heading.text for heading in grid.headings), (cell.text for cell in row.cells), strict=True))
        for row in grid.rows
    ]


def test_the_same_cells_are_told_to_be_identical(samples: ModuleType) -> None:
    records = [samples.record("lr", 0.1), samples.record("bicubic", 0.2)]
    both, single = store_grids(side("old", *records), side("new", *records))
    assert [row["verdict on A"] for row in texts(both)] == ["identical detections"] * 2
    assert single.rows == ()
    assert "old (A) against new (B)" in both.title


def test_differences_are_tested_in_pairs(samples: ModuleType) -> None:
    a = side("old", samples.record("lr", 0.12), samples.record("bicubic", 0.2001), samples.record("tdsr", 0.3), seed=1)
    b = side("new", samples.record("lr", 0.1), samples.record("bicubic", 0.2), samples.record("tdsr", 0.33), seed=2)
    rows = {row["method"]: row for row in texts(store_grids(a, b)[0])}
    assert rows["lr/yolox-nano"]["verdict on A"] == "better"
    assert rows["bicubic/yolox-nano"]["verdict on A"] == "not told apart"
    assert rows["tdsr/yolox-nano"]["verdict on A"] == "worse"
    assert rows["lr/yolox-nano"]["difference"].startswith("+2.00 [+1.")
    assert (rows["tdsr/yolox-nano"]["A"], rows["tdsr/yolox-nano"]["B"]) == ("30.0", "33.0")


def test_without_replicates_there_is_a_difference_and_no_verdict(samples: ModuleType) -> None:
    a, b = (StoreSide(name, [samples.record("lr", ap)], {}) for name, ap in (("old", 0.1), ("new", 0.2)))
    (row,) = texts(store_grids(a, b)[0])
    assert (row["difference"], row["verdict on A"]) == ("-10.00", "not analysed")


def test_an_undefined_number_is_compared_with_nothing(samples: ModuleType) -> None:
    undefined = samples.record("lr", metrics=samples.coco_metrics(0.1, AP=None))
    a = StoreSide("old", [undefined], {})
    (row,) = texts(store_grids(a, side("new", samples.record("lr", 0.2)))[0])
    assert (row["A"], row["difference"], row["verdict on A"]) == (MISSING,) * 3


def test_cells_of_one_store_alone_say_why(samples: ModuleType) -> None:
    a = [
        samples.record("lr", 0.1),
        samples.failed("bicubic", "no"),
        samples.record("tdsr", 0.2),
        samples.record("hr", 0.5, of=samples.cell("hr", dataset_fingerprint="f" * 64)),
    ]
    b = [samples.record("bicubic", 0.2), samples.failed("tdsr", "no"), samples.record("hr", 0.5)]
    rows = [
        (row["store"], row["method"].split("/")[0], row["why"])
        for row in texts(store_grids(side("a", *a), side("b", *b))[1])
    ]
    other = "other images in {}: the content of the dataset differs"
    assert rows == [
        ("A", "bicubic", "failed here"),
        ("A", "hr", other.format("B")),
        ("A", "lr", "not in B"),
        ("A", "tdsr", "failed in B"),
        ("B", "bicubic", "failed in A"),
        ("B", "hr", other.format("A")),
        ("B", "tdsr", "failed here"),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"dataset_fingerprint": "f" * 64},
        {"method_settings": {"detector": "fcos"}},
        {"limit": 9},
        {"split": "train2017"},
        {"precision": "bfloat16"},
    ],
)
def test_what_differs_in_what_was_asked_is_never_paired(samples: ModuleType, change: dict[str, object]) -> None:
    pairs = pair_stores([samples.record("lr", 0.1)], [samples.record("lr", 0.1, of=samples.cell("lr", **change))])
    assert pairs.both == () and len(pairs.only_a) == len(pairs.only_b) == 1


def test_another_source_or_weights_are_paired_and_told(samples: ModuleType) -> None:
    changed = samples.record("lr", 0.2, of=samples.cell("lr", method_source="0" * 64, weights_sha256="1" * 64))
    both, _ = store_grids(side("old", samples.record("lr", 0.1)), side("new", changed, seed=2))
    assert both.rows[0].cells[0].note == "In B another source and another weight file."


def test_of_several_cells_equal_ones_are_paired_first_then_equal_weights_then_the_newest(samples: ModuleType) -> None:
    def version(name: str, day: int, weights: str = "weights") -> Record:
        cell = samples.cell("lr", method_source=samples.sha(name), weights_sha256=samples.sha(weights))
        return samples.record("lr", 0.1, of=cell, started=f"2025-03-{day:02}")

    kept, old, new, later = version("kept", 1), version("old", 2), version("new", 3), version("later", 4)
    other = version("other", 5, "other weights")
    pairs = pair_stores([old, kept, new], [other, later, kept])
    assert [(a.started[-2:], b.started[-2:]) for a, b in pairs.both] == [("01", "01"), ("03", "04"), ("02", "05")]
    alone = pair_stores([old, kept, new], [kept])
    assert [(record.started[-2:], why) for record, why in alone.only_a] == [
        (record.started[-2:], "another cell of it was paired with B's")
        for record in sorted((old, new), key=lambda record: record.cell.key)
    ]


def test_two_stores_with_nothing_in_common(samples: ModuleType) -> None:
    both, single = store_grids(side("a", samples.record("lr", 0.1)), side("b", samples.record("hr", 0.1)))
    assert both.rows == () and both.notes == ("The two stores have no finished cell in common.",)
    assert len(single.rows) == 2
