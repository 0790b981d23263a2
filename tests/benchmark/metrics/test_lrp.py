from __future__ import annotations

import numpy as np
import pytest

from lqbench.benchmark.metrics.lrp import COMPONENTS, lrp_curve, lrp_metrics
from lqbench.benchmark.metrics.matching import coco_matches
from lqbench.benchmark.metrics.values import MetricValues

BOX, FAR, NOTHING = (0, 0, 100, 100), (200, 200, 300, 300), (0, 300, 50, 350)


def of(gt, detections, score: float = 0.5) -> MetricValues:
    return lrp_metrics(gt, coco_matches(gt, detections), score)


def test_by_hand(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": BOX}, {"xyxy": FAR}])
    found = detections_of(
        [
            (0, (0, 0, 100, 80), 0.9, 0),  # IoU 0.8
            (0, NOTHING, 0.7, 0),
            (0, (200, 200, 300, 260), 0.4, 0),  # IoU 0.6
        ]
    )
    metrics = of(gt, found)
    # Thresholds 0.9: (0.2 / 0.5 + 0 + 1) / 2; 0.7: (0.4 + 1 + 1) / 3; 0.4: (0.4 + 0.8 + 1 + 0) / 3.
    curve = lrp_curve(gt, coco_matches(gt, found), 0)
    assert curve is not None
    assert curve.error == pytest.approx([0.7, 0.8, 2.2 / 3])
    assert metrics.values["LRP@score0.50"] == pytest.approx(0.8)
    assert [metrics.values[name] for name in COMPONENTS] == pytest.approx([0.7, 0.2, 0.0, 0.5])
    assert metrics.per_class["oLRP_score"] == {"c0": 0.9}
    assert of(gt, found, 0.4).values["LRP@score0.40"] == pytest.approx(2.2 / 3)


def test_the_optimum_may_keep_false_positives(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": BOX}, {"xyxy": FAR}])
    metrics = of(gt, detections_of([(0, NOTHING, 0.9, 0), (0, BOX, 0.8, 0), (0, (200, 200, 300, 290), 0.3, 0)]))
    assert [metrics.values[name] for name in COMPONENTS] == pytest.approx([(0.2 + 1) / 3, 0.05, 1 / 3, 0.0])
    assert metrics.per_class["oLRP_score"] == {"c0": 0.3}


def test_perfect_is_0_and_nothing_found_is_1(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": BOX}])
    assert [of(gt, detections_of([(0, BOX, 0.9, 0)])).values[name] for name in COMPONENTS] == [0.0] * 4
    for found in ([], [(0, NOTHING, 0.9, 0)]):
        values = of(gt, detections_of(found)).values
        assert [values[name] for name in COMPONENTS] == [1.0, None, None, 1.0]
        assert values["LRP@score0.50"] == 1.0


def test_components_add_up(random_tables) -> None:
    gt, detections = random_tables(1, objects=40)
    matches = coco_matches(gt, detections)
    for label in range(3):
        per_class = lrp_metrics(gt, matches).per_class
        error, loose, false, missed = (per_class[name][f"c{label}"] for name in COMPONENTS)
        curve = lrp_curve(gt, matches, label)
        assert curve is not None
        assert error is not None and loose is not None and false is not None and missed is not None
        best = int(np.argmin(curve.error))
        true, kept = curve.true_positive[best], curve.true_positive[best] + curve.false_positive[best]
        # LRP = (w_Loc LRP_Loc + w_FP LRP_FP + w_FN LRP_FN) / Z, the second form in the papers.
        total = true / 0.5 * loose + kept * false + curve.objects * missed
        assert error == pytest.approx(total / (curve.objects + curve.false_positive[best]))


def test_a_threshold_does_not_part_equal_scores(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": BOX}])
    metrics = of(gt, detections_of([(0, BOX, 0.5, 0), (0, NOTHING, 0.5, 0)]))
    assert metrics.values["oLRP"] == pytest.approx(0.5)


def test_classes_without_objects_are_none_and_not_averaged(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": BOX}, {"xyxy": BOX, "label": 1, "crowd": True}], classes=3)
    metrics = of(gt, detections_of([(0, BOX, 0.9, 0), (0, NOTHING, 0.9, 1), (0, NOTHING, 0.9, 2)]))
    assert metrics.per_class["oLRP"] == {"c0": 0.0, "c1": None, "c2": None}
    assert metrics.values["oLRP"] == 0.0


def test_crowd_regions_count_on_neither_side(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": BOX}, {"xyxy": FAR, "crowd": True}])
    assert of(gt, detections_of([(0, FAR, 0.95, 0), (0, BOX, 0.9, 0)])).values["oLRP"] == 0.0
