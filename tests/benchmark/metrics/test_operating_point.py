from __future__ import annotations

import numpy as np
import pytest

from lqbench.benchmark.metrics.matching import coco_matches
from lqbench.benchmark.metrics.operating_point import SCORE, operating_metrics

BOX, FAR = (0, 0, 10, 10), (50, 50, 60, 60)


def test_by_hand(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": BOX}, {"xyxy": FAR}, {"xyxy": BOX, "label": 1}], images=2, classes=2)
    found = detections_of(
        [
            (0, BOX, 0.9, 0),  # right
            (0, BOX, 0.8, 0),  # a double
            (1, BOX, 0.7, 0),  # on an empty image
            (0, FAR, 0.4, 0),  # right, but below the threshold
            (0, BOX, 0.6, 1),  # right
        ]
    )
    metrics = operating_metrics(gt, coco_matches(gt, found))
    assert metrics.values == {"precision@score0.50": 2 / 4, "recall@score0.50": 2 / 3, "F1@score0.50": 4 / 7}
    assert metrics.per_class["precision@score0.50"] == {"c0": 1 / 3, "c1": 1.0}
    assert metrics.per_class["recall@score0.50"] == {"c0": 1 / 2, "c1": 1.0}
    assert metrics.per_class["F1@score0.50"] == {"c0": 2 / 5, "c1": 1.0}


def test_the_threshold_is_in_the_name_and_never_zero(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": BOX}])
    matches = coco_matches(gt, detections_of([(0, BOX, 0.3, 0)]))
    assert 0.0 < SCORE <= 1.0
    assert operating_metrics(gt, matches, 0.3).values["F1@score0.30"] == 1.0
    assert operating_metrics(gt, matches, 0.305).values["F1@score0.305"] == 0.0
    for threshold in (0.0, -0.1, 1.01, np.nan):
        with pytest.raises(ValueError, match="must lie in"):
            operating_metrics(gt, matches, threshold)


def test_a_score_stored_as_float32_reaches_its_own_threshold(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": BOX}])
    found = detections_of([(0, BOX, 0.7, 0)]).astype({"score": "float32"})
    assert operating_metrics(gt, coco_matches(gt, found), 0.7).values["recall@score0.70"] == 1.0


def test_crowd_regions_count_on_neither_side(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": BOX}, {"xyxy": FAR, "crowd": True}])
    matches = coco_matches(gt, detections_of([(0, BOX, 0.9, 0), (0, FAR, 0.8, 0), (0, FAR, 0.7, 0)]))
    assert set(operating_metrics(gt, matches).values.values()) == {1.0}


def test_what_is_undefined_is_none(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": BOX}], classes=2)
    missed = operating_metrics(gt, coco_matches(gt, detections_of([])))
    assert missed.values == {"precision@score0.50": None, "recall@score0.50": 0.0, "F1@score0.50": 0.0}
    assert {name: values["c1"] for name, values in missed.per_class.items()} == dict.fromkeys(missed.values)
    empty = truth_of([])
    wrong = operating_metrics(empty, coco_matches(empty, detections_of([(0, BOX, 0.9, 0)])))
    assert wrong.values == {"precision@score0.50": 0.0, "recall@score0.50": None, "F1@score0.50": 0.0}
