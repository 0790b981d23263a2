"""The matrix of methods and tracks: what is best, what is missing and why, and when there are ranks."""

from __future__ import annotations

import math
import random
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lqbench.benchmark.analysis.cells import CellAnalysis
from lqbench.reports.grid import Grid, GridCell
from lqbench.reports.matrix import matrix_grids
from lqbench.reports.significance import best_of
from lqbench.results.record import Record

REPLICATES = 400


def analysis(value: float, own_noise: float = 0.001, metric: str = "AP", seed: int = 1) -> CellAnalysis:
    """Replicates that share the images' noise with all others, and have a little of their own."""
    shared = np.random.default_rng(0).normal(0, 0.02, REPLICATES)
    own = np.random.default_rng(seed).normal(0, own_noise, REPLICATES)
    return CellAnalysis({metric: np.r_[value, value + shared + own]}, None, pd.Series(dtype=float))


def of_all(records: list[Record], own_noise: float = 0.001) -> dict[str, CellAnalysis]:
    """Analyses of all records with metrics, by key."""
    found = {}
    for seed, record in enumerate(records):
        metric = "VOC07_AP50" if record.dataset_facts["metric"] == "voc07" else "AP"
        value = record.metrics.values[metric] if record.metrics else None
        if value is not None:
            found[record.cell.key] = analysis(value, own_noise, metric, seed)
    return found


def only(grids: list[Grid]) -> Grid:
    assert len(grids) == 1
    return grids[0]


def at(grid: Grid, label: str, heading: str) -> GridCell:
    row = next(row for row in grid.rows if row.cells[0].text == label)
    return row.cells[[one.text for one in grid.headings].index(heading)]


def two_tracks(samples: ModuleType, *scores: tuple[str, float, float]) -> list[Record]:
    """Records of methods on two image sets."""
    return [
        samples.record(method, ap, of=samples.cell(method, dataset))
        for method, *values in scores
        for dataset, ap in zip(("coco-d", "coco-clean"), values, strict=True)
    ]


def test_one_table_for_each_detector_with_the_primary_metric_of_each_track(samples: ModuleType) -> None:
    grids = matrix_grids(samples.sample_records(), {})
    assert [grid.name for grid in grids] == ["matrix-retinanet", "matrix-ssd300-vgg16", "matrix-yolox-nano"]
    voc = grids[1].headings[1]
    assert (voc.text, voc.group) == ("voc-lr-x4 test", "AP50 VOC07 (%)")
    assert at(grids[0], "bicubic", "coco-d val2017").value == pytest.approx(25.7)


def test_the_order_of_records_changes_nothing(samples: ModuleType) -> None:
    records = samples.sample_records()
    shuffled = random.Random(1).sample(records, len(records))
    assert matrix_grids(records, of_all(records)) == matrix_grids(shuffled, of_all(records))


def test_ceilings_stand_first_and_do_not_compete(samples: ModuleType) -> None:
    records = [samples.record("hr", 0.9), samples.record("lr", 0.1), samples.record("bicubic", 0.3)]
    grid = only(matrix_grids(records, of_all(records)))
    assert [row.cells[0].text for row in grid.rows] == ["hr (ceiling)", "bicubic", "lr"]
    assert [row.kind for row in grid.rows] == ["ceiling", "", ""]
    assert [cell.best for row in grid.rows for cell in row.cells if cell.key] == [False, True, False]


def test_the_highest_number_is_not_best_where_chance_explains_it(samples: ModuleType) -> None:
    records = [samples.record("lr", 0.299), samples.record("bicubic", 0.3)]
    near = only(matrix_grids(records, of_all(records, own_noise=0.05)))
    assert not any(cell.best for row in near.rows for cell in row.cells)


def test_nothing_is_best_where_a_competitor_was_not_analysed(samples: ModuleType) -> None:
    records = [samples.record("lr", 0.1), samples.record("bicubic", 0.3), samples.record("tdsr", 0.2)]
    analyses = of_all(records)
    assert at(only(matrix_grids(records, analyses)), "bicubic", "coco-d val2017").best
    del analyses[records[0].cell.key]
    grid = only(matrix_grids(records, analyses))
    assert not any(cell.best for row in grid.rows for cell in row.cells)
    assert "No best is marked on coco-d val2017: not all cells were analysed there." in grid.notes


def test_best_is_corrected_for_the_number_of_competitors() -> None:
    """A difference that passes alone fails among many: Holm multiplies the least of its p-values."""
    random_source = np.random.default_rng(3)
    base = np.zeros(REPLICATES + 1)
    rival = np.r_[-0.011, random_source.normal(-0.011, 0.005, REPLICATES)]
    assert best_of([base, rival]) == 0
    assert best_of([base, *[rival.copy() for _ in range(30)]]) is None


@pytest.mark.parametrize(
    "replicates",
    [
        [],
        [np.zeros(9)],
        [np.zeros(9), None],
        [np.ones(9), np.zeros(8)],
        [np.zeros(9), np.zeros(9)],
        [np.ones(9), np.full(9, np.nan)],
    ],
    ids=["none", "alone", "missing", "other number", "equal", "undefined"],
)
def test_best_needs_pairs_that_differ(replicates: list[Any]) -> None:
    assert best_of(replicates) is None


def test_the_long_variant_gives_intervals(samples: ModuleType) -> None:
    records = [samples.record("lr", 0.1), samples.record("bicubic", 0.3)]
    analyses = of_all(records)
    grid = only(matrix_grids(records, analyses, long=True))
    cell = at(grid, "bicubic", "coco-d val2017")
    found = analyses[records[1].cell.key].estimate("AP")
    assert found.low is not None and found.high is not None
    assert cell.text == f"30.0 [{100 * found.low:.1f}, {100 * found.high:.1f}]"
    assert grid.name == "matrix-yolox-nano-intervals"
    assert "[" not in at(only(matrix_grids(records, analyses)), "bicubic", "coco-d val2017").text


def test_every_dash_says_why(samples: ModuleType) -> None:
    undefined = samples.record("undefined", metrics=samples.coco_metrics(0.1, AP=None))
    records = [
        *two_tracks(samples, ("lr", 0.1, 0.2)),
        samples.failed("broken", "Traceback\nValueError: no"),
        undefined,
        samples.record("unscored"),
    ]
    grid = only(matrix_grids(records, {}))
    notes = {row.cells[0].text: at(grid, row.cells[0].text, "coco-d val2017").note for row in grid.rows}
    assert notes == {
        "lr": "",
        "broken": "Failed: ValueError: no",
        "undefined": "Undefined: the images hold no such object.",
        "unscored": "Not scored.",
    }
    assert at(grid, "broken", "coco-clean val2017").note == "Not run."
    assert math.isnan(at(grid, "broken", "coco-d val2017").value)
    assert [row.cells[3].text for row in grid.rows] == ["0 of 2", "2 of 2", "0 of 2", "0 of 2"]


def test_mean_ranks_only_over_equal_coverage(samples: ModuleType) -> None:
    complete = two_tracks(samples, ("hr", 0.9, 0.9), ("lr", 0.1, 0.5), ("bicubic", 0.3, 0.4), ("tdsr", 0.2, 0.3))
    grid = only(matrix_grids(complete, {}))
    assert [at(grid, label, "mean rank").text for label in ("bicubic", "lr", "tdsr")] == ["1.50", "2.00", "2.50"]
    assert at(grid, "hr (ceiling)", "mean rank").note == "A ceiling does not compete."
    assert any("critical difference" in note for note in grid.notes)

    partial = only(matrix_grids(complete[:-1], {}))
    assert "mean rank" not in [heading.text for heading in partial.headings]
    assert any(note.startswith("No mean ranks: 1 of 6 numbers are missing") for note in partial.notes)


def test_no_ranks_over_two_forms_of_one_dataset(samples: ModuleType) -> None:
    records = [
        samples.record(method, ap, of=samples.cell(method, limit=limit, dataset_fingerprint=samples.sha(str(limit))))
        for method, ap in (("lr", 0.1), ("bicubic", 0.2))
        for limit in (None, 20)
    ]
    grid = only(matrix_grids(records, {}))
    titles = [heading.text for heading in grid.headings]
    assert titles == ["method", "coco-d val2017, all images", "coco-d val2017, limit 20", "tracks"]
    assert any("several tracks are of one dataset" in note for note in grid.notes)


def test_other_contents_of_a_dataset_are_another_track(samples: ModuleType) -> None:
    other = samples.record("bicubic", 0.2, of=samples.cell("bicubic", dataset_fingerprint="f" * 64))
    grid = only(matrix_grids([samples.record("lr", 0.1), other], {}))
    first, second = (heading.text for heading in grid.headings[1:3])
    assert first != second and "content ffffffff" in f"{first} {second}"
    assert [row.cells[-1].text for row in grid.rows] == ["1 of 2", "1 of 2"]
