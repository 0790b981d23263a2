"""False positives per image at a stated threshold."""

from __future__ import annotations

import pytest

from lqbench.benchmark.analysis.assignment import assign
from lqbench.benchmark.analysis.false_positives import false_positives_per_image

OBJECT = (0, 0, 100, 100)


@pytest.fixture
def made(truth_of, detections_of):
    """Four images, one object; a true positive and false ones with scores 0.9, 0.5 and 0.2."""
    gt = truth_of([{"xyxy": OBJECT}, {"xyxy": (200, 200, 300, 300), "crowd": True}], images=4)
    rows = [
        (0, OBJECT, 0.95, 0),
        (0, OBJECT, 0.9, 0),
        (3, OBJECT, 0.5, 0),
        (2, OBJECT, 0.2, 0),
        (0, (210, 210, 250, 250), 0.8, 0),
    ]
    return assign(gt, detections_of(rows))


def per_image(made, threshold):
    frame = false_positives_per_image(made, threshold)
    assert (frame["threshold"] == threshold).all()
    return dict(zip(frame["error"], frame["per_image"], strict=True))


def test_counts_per_image_with_empty_images_and_without_ignored_ones(made):
    assert per_image(made, 0.5) == {"Cls": 0, "Loc": 0, "Both": 0, "Dupe": 0.25, "Bkg": 0.25, "all": 0.5}
    assert per_image(made, 0.1)["all"] == 0.75
    assert per_image(made, 1.0)["all"] == 0


def test_anchors_19_the_threshold_is_stated_and_not_zero(made):
    for wrong in (0.0, -0.1, 1.1):
        with pytest.raises(ValueError, match="above 0"):
            false_positives_per_image(made, wrong)
    assert false_positives_per_image(made, 0.3)["threshold"].unique().tolist() == [0.3]


def test_needs_an_image(truth_of, detections_of):
    with pytest.raises(ValueError, match="at least one image"):
        false_positives_per_image(assign(truth_of([], images=0), detections_of([])), 0.5)
