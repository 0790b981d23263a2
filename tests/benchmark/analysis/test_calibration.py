"""D-ECE and the reliability curve."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.benchmark.analysis.calibration import (
    CalibrationSettings,
    calibration,
    detection_ece,
    reliability_curve,
)

OBJECT = (0, 0, 100, 100)


def dece_by_definition(features, right, bins, min_samples):
    """Loop over the bins of Küppers et al.'s formula."""
    members: dict[tuple[int, ...], list[int]] = {}
    for row, values in enumerate(features):
        members.setdefault(tuple(min(int(value * bins), bins - 1) for value in values), []).append(row)
    total = 0.0
    for rows in members.values():
        if len(rows) >= min_samples:
            total += len(rows) / len(features) * abs(np.mean(right[rows]) - np.mean(features[rows, 0]))
    return total


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 200),
    dimensions=st.integers(1, 5),
    bins=st.integers(1, 12),
    min_samples=st.integers(1, 4),
)
def test_equals_the_definition_in_any_number_of_dimensions(seed, count, dimensions, bins, min_samples):
    rng = np.random.default_rng(seed)
    features, right = rng.random((count, dimensions)), rng.random(count) < 0.4
    expected = dece_by_definition(features, right, bins, min_samples)
    assert detection_ece(features, right, bins, min_samples) == pytest.approx(expected, abs=1e-12)


def test_by_hand():
    score, right = np.array([0.9, 0.9, 0.9, 0.9, 0.3, 1.0]), np.array([1, 1, 1, 0, 0, 1], bool)
    # Bin 0.9 to 1: mean score 0.92, precision 0.8, five of six; bin 0.3: score 0.3, precision 0, one of six.
    assert detection_ece(score[:, None], right) == pytest.approx((5 * 0.12 + 0.3) / 6)
    curve = reliability_curve(score, right)
    assert curve["detections"].tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 5]
    assert curve["gap"].iloc[[3, 9]].tolist() == pytest.approx([-0.3, -0.12])
    assert curve["precision"].isna().sum() == 8
    assert (curve["low"].iloc[3], curve["high"].iloc[3]) == (0.3, 0.4)


def test_scores_that_tell_the_truth_have_no_error():
    score = np.repeat([0.25, 0.75], 400)
    right = np.tile([True, False, False, False], 100).tolist() + np.tile([True, True, True, False], 100).tolist()
    assert detection_ece(score[:, None], np.array(right)) == pytest.approx(0, abs=1e-12)


def test_of_a_cell_counts_duplicates_wrong_and_leaves_crowds_and_low_scores_out(truth_of, detections_of):
    gt = truth_of([{"xyxy": OBJECT}, {"xyxy": (200, 200, 300, 300), "crowd": True}])
    rows = [(0, OBJECT, 0.85, 0), (0, OBJECT, 0.65, 0), (0, (210, 210, 250, 250), 0.5, 0), (0, OBJECT, 0.01, 0)]
    result = calibration(gt, detections_of(rows))
    assert (result.detections, result.precision, result.mean_score) == (2, 0.5, 0.75)
    assert result.dece == pytest.approx((0.15 + 0.65) / 2)
    assert result.settings.min_score == 0.05
    assert result.curve["detections"].sum() == 2


def test_nothing_above_the_threshold_has_no_figure(truth_of, detections_of):
    result = calibration(truth_of([{"xyxy": OBJECT}]), detections_of([]))
    assert (result.dece, result.precision, result.mean_score, result.detections) == (None, None, None, 0)
    assert result.curve["detections"].tolist() == [0] * 10


def test_position_dependent_error_sees_what_the_score_alone_averages_out(truth_of, detections_of):
    # Right on the left half of the image and wrong on the right half, at score 0.5: fair on average only.
    boxes = [(10, 10, 50, 50), (10, 210, 50, 250)]
    gt = truth_of([{"xyxy": box} for box in boxes])
    wrong = [(310, 10, 350, 50), (310, 210, 350, 250)]
    found = detections_of([(0, box, 0.5, 0) for box in (*boxes, *wrong)])
    assert calibration(gt, found).dece == pytest.approx(0)
    both = CalibrationSettings(dimensions=("score", "cx"), bins=2)
    assert calibration(gt, found, both).dece == pytest.approx(0.5)


def test_impossible_settings_are_refused():
    mistakes: tuple[dict[str, Any], ...] = (
        {"min_score": 1.0},
        {"bins": 0},
        {"dimensions": ("cx",)},
        {"dimensions": ("score", "depth")},
    )
    for wrong in mistakes:
        with pytest.raises(ValueError, match=r"must|needed"):
            CalibrationSettings(**wrong)
