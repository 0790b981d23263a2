"""TIDE's kinds of error: by hand, and equal to the authors' toolbox on random tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.benchmark.analysis import overlaps
from lqbench.benchmark.analysis.assignment import ERROR_NAMES, AssignmentSettings, Kind, assign
from lqbench.benchmark.analysis.tide import ERRORS, SPECIAL_ERRORS, tide_errors, tide_frame
from lqbench.results.tables import GroundTruth

OBJECT = (0, 0, 100, 100)
HALF_OFF = (0, 0, 100, 40)
"""IoU 0.4 with ``OBJECT``."""


def kinds(gt: GroundTruth, detections: pd.DataFrame) -> list[str]:
    """Names of the kinds in the order of the table."""
    made = assign(gt, detections)
    named = {Kind.TRUE: "true", **ERROR_NAMES}
    return [named[Kind(kind)] for kind in made.kind[np.argsort(made.detections.row)]]


def test_each_kind_of_error_by_hand(truth_of, detections_of):
    gt = truth_of([{"xyxy": OBJECT}, {"xyxy": (200, 200, 300, 300), "label": 1}], classes=2)
    rows = [
        (0, OBJECT, 0.9, 0),
        (0, OBJECT, 0.8, 0),
        (0, HALF_OFF, 0.7, 0),
        (0, (200, 200, 300, 300), 0.6, 0),
        (0, (200, 200, 300, 240), 0.5, 0),
        (0, (350, 350, 360, 360), 0.4, 0),
    ]
    assert kinds(gt, detections_of(rows)) == ["true", "Dupe", "Loc", "Cls", "Both", "Bkg"]
    result = tide_errors(gt, detections_of(rows))
    # Class 0 is found at rank 1, so its errors cost nothing; mending Cls finds the object of class 1.
    assert result.ap == pytest.approx(0.5)
    assert result.d_ap["Cls"] == pytest.approx(0.5)
    assert [result.d_ap[name] for name in ("Loc", "Both", "Dupe", "Bkg", "Miss")] == [0] * 5
    # Without objects of class 1 that are not found, and with no detection of it, only class 0 is left.
    assert result.d_ap["FalseNeg"] == pytest.approx(0.5)
    assert result.counts == {
        "Cls": 1,
        "Loc": 1,
        "Both": 1,
        "Dupe": 1,
        "Bkg": 1,
        "Miss": 0,
        "FalsePos": 5,
        "FalseNeg": 1,
    }


def test_a_badly_placed_detection_costs_its_object(truth_of, detections_of):
    gt = truth_of([{"xyxy": OBJECT}])
    result = tide_errors(gt, detections_of([(0, HALF_OFF, 0.9, 0)]))
    assert (result.ap, result.d_ap["Loc"], result.d_ap["Miss"]) == (0.0, 1.0, 0.0)
    assert result.counts["Miss"] == 0


def test_only_the_best_of_two_errors_on_an_object_is_mended(truth_of, detections_of):
    gt = truth_of([{"xyxy": OBJECT}], classes=2)
    result = tide_errors(gt, detections_of([(0, OBJECT, 0.9, 1), (0, HALF_OFF, 0.8, 0)]))
    assert (result.d_ap["Cls"], result.d_ap["Loc"]) == (1.0, 0.0)


def test_a_missed_object_costs_its_recall(truth_of, detections_of):
    gt = truth_of([{"xyxy": OBJECT}, {"xyxy": (200, 200, 300, 300)}])
    result = tide_errors(gt, detections_of([(0, OBJECT, 0.9, 0)]))
    assert result.counts["Miss"] == 1
    assert result.ap == pytest.approx(51 / 101)
    assert result.d_ap["Miss"] == pytest.approx(50 / 101)


def test_detections_on_empty_images_are_background_and_cost_ap(truth_of, detections_of):
    gt = truth_of([{"xyxy": OBJECT}], images=3)
    result = tide_errors(gt, detections_of([(2, OBJECT, 0.9, 0), (0, OBJECT, 0.8, 0)]))
    assert result.counts["Bkg"] == 1
    assert (result.ap, result.d_ap["Bkg"]) == (0.5, 0.5)


def test_nothing_found_and_nothing_to_find(truth_of, detections_of):
    nothing = tide_errors(truth_of([{"xyxy": OBJECT}]), detections_of([]))
    assert (nothing.ap, nothing.d_ap["Miss"], nothing.d_ap["FalsePos"]) == (0.0, 1.0, 0.0)
    empty = tide_errors(truth_of([]), detections_of([(0, OBJECT, 0.9, 0)]))
    assert (empty.ap, empty.d_ap, empty.counts["Bkg"]) == (None, {}, 1)


def test_difficult_objects_are_ignored_only_where_asked(truth_of, detections_of):
    gt = truth_of([{"xyxy": OBJECT, "difficult": True}, {"xyxy": (200, 200, 300, 300)}])
    found = detections_of([(0, OBJECT, 0.9, 0), (0, (200, 200, 300, 300), 0.8, 0)])
    counted = assign(gt, found)
    skipped = assign(gt, found, AssignmentSettings(ignore_difficult=True))
    assert (len(counted.objects), counted.ignored.any()) == (2, False)
    assert (len(skipped.objects), skipped.ignored.tolist()) == (1, [True, False])
    assert tide_errors(gt, found, AssignmentSettings(ignore_difficult=True)).ap == 1.0


def test_only_the_best_detections_of_an_image_are_kept(truth_of, detections_of):
    gt = truth_of([{"xyxy": OBJECT}], images=2)
    found = detections_of([(0, (300, 300, 310, 310), 0.9, 0), (1, OBJECT, 0.8, 0), (0, OBJECT, 0.7, 0)])
    made = assign(gt, found, AssignmentSettings(max_detections=1))
    assert made.detections.row.tolist() == [0, 1]


def test_impossible_settings_are_refused():
    mistakes: tuple[dict[str, Any], ...] = (
        {"background": 0.0},
        {"background": 0.6},
        {"foreground": 1.1},
        {"max_detections": 0},
    )
    for wrong in mistakes:
        with pytest.raises(ValueError, match=r"needed|at least"):
            AssignmentSettings(**wrong)


def xywh(box: dict[str, float]) -> list[float]:
    return [box["x1"], box["y1"], box["x2"] - box["x1"], box["y2"] - box["y1"]]


def reference(gt: GroundTruth, found: pd.DataFrame, chosen: AssignmentSettings) -> tuple[float, dict, dict]:
    """AP, costs and counts of the authors' toolbox, as fractions."""
    tidecv = pytest.importorskip("tidecv", reason="the authors' toolbox is the reference of this test")
    # The toolbox takes the limit from the ground truth.
    truth, results = tidecv.Data("truth", max_dets=chosen.max_detections), tidecv.Data("found")
    for image in gt.images["index"]:
        truth.add_image(int(image), str(image))
    for label, name in enumerate(gt.classes):
        truth.add_class(label, name)
    for box in gt.boxes.to_dict("records"):
        add = truth.add_ignore_region if box["crowd"] else truth.add_ground_truth
        add(box["image"], box["label"], xywh(box))
    for box in found.to_dict("records"):
        results.add_detection(box["image"], box["label"], box["score"], xywh(box))
    toolbox = tidecv.TIDE(chosen.foreground, chosen.background)
    run = toolbox.evaluate(truth, results, mode=tidecv.TIDE.BOX)
    costs = {**run.fix_main_errors(), **run.fix_special_errors()}
    counts = {error.short_name: count for error, count in run.count_errors().items()}
    return run.ap / 100, {error.short_name: cost / 100 for error, cost in costs.items()}, counts


def assert_equals_reference(gt: GroundTruth, found: pd.DataFrame, chosen: AssignmentSettings) -> None:
    ap, costs, counts = reference(gt, found, chosen)
    result = tide_errors(gt, found, chosen, count_foreign=True)
    assert result.ap == pytest.approx(ap, abs=1e-12)
    assert result.d_ap == pytest.approx(costs, abs=1e-12)
    assert set(result.d_ap) == {*ERRORS, *SPECIAL_ERRORS}
    assert {name: result.counts[name] for name in ERRORS} == counts


@pytest.mark.parametrize("seed", range(40))
def test_equals_the_authors_toolbox_with_crowds_and_empty_images(random_tables, seed):
    gt, found = random_tables(seed, images=5, classes=3, objects=25, clutter=30)
    assert_equals_reference(gt, found, AssignmentSettings())


@pytest.mark.parametrize("seed", range(10))
def test_equals_the_authors_toolbox_at_other_thresholds_and_over_100_detections(random_tables, seed):
    gt, found = random_tables(seed, images=2, classes=2, objects=40, clutter=150)
    assert found.groupby("image").size().max() > 100
    assert_equals_reference(gt, found, AssignmentSettings())
    assert_equals_reference(gt, found, AssignmentSettings(0.75, 0.2, max_detections=30))


def test_classes_without_objects_count_only_as_in_the_toolbox(truth_of, detections_of):
    gt = truth_of([{"xyxy": OBJECT}], classes=2)
    found = detections_of([(0, OBJECT, 0.9, 0), (0, (300, 300, 310, 310), 0.8, 1)])
    assert tide_errors(gt, found).ap == 1.0
    assert tide_errors(gt, found, count_foreign=True).ap == 0.5


def test_blocks_of_images_do_not_change_the_result(random_tables, monkeypatch):
    gt, found = random_tables(3, images=9, objects=40, clutter=60)
    whole = assign(gt, found)
    monkeypatch.setattr(overlaps.image_blocks, "__defaults__", (1,))
    pieces = assign(gt, found)
    for name in ("kind", "target", "ignored", "found"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(pieces, name))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), factor=st.floats(0.25, 4.0))
def test_costs_do_not_depend_on_the_order_of_rows_or_on_scale(random_tables, seed, factor):
    gt, found = random_tables(seed)
    expected = tide_errors(gt, found)
    shuffled = found.sample(frac=1, random_state=seed)
    assert tide_errors(gt, shuffled) == expected
    # Powers of two scale floats exactly, so no overlap crosses a threshold by rounding.
    sides, exact = ["x1", "y1", "x2", "y2"], 2.0 ** round(np.log2(factor))
    larger = GroundTruth(gt.images, gt.boxes.assign(**{s: gt.boxes[s] * exact for s in sides}), gt.classes)
    assert tide_errors(larger, found.assign(**{s: found[s] * exact for s in sides})) == expected


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_every_detection_has_one_kind_and_main_costs_are_not_negative(random_tables, seed):
    gt, found = random_tables(seed)
    made = assign(gt, found)
    result = tide_errors(gt, found)
    true = int((made.kind == Kind.TRUE).sum())
    assert true + sum(result.counts[name] for name in ERROR_NAMES.values()) == len(found)
    assert true == int(made.found.sum())
    assert all(result.d_ap[name] >= 0 for name in ERRORS)
    assert result.ap is not None
    assert result.ap + result.d_ap["FalseNeg"] <= 1 + 1e-12


def test_frame_has_one_row_per_cell_and_error(random_tables):
    tables = {severity: random_tables(severity) for severity in (1, 2)}
    frame = tide_frame([({"method": "lr", "severity": s}, *pair) for s, pair in tables.items()])
    assert list(frame.columns) == ["method", "severity", "error", "d_ap", "count", "ap"]
    assert frame["error"].tolist() == [*ERRORS, *SPECIAL_ERRORS] * 2
    second = frame[frame["severity"] == 2].set_index("error")
    assert second["d_ap"].to_dict() == tide_errors(*tables[2]).d_ap
    assert second["count"].to_dict() == tide_errors(*tables[2]).counts


@pytest.mark.benchmarks
def test_5000_images_in_under_a_minute(random_tables):
    import time

    gt, found = random_tables(0, images=5000, classes=80, objects=36_000, clutter=148_000)
    start = time.perf_counter()
    tide_errors(gt, found)
    seconds = time.perf_counter() - start
    print(f"{len(found)} detections: {seconds:.1f} s")
    assert seconds < 60
