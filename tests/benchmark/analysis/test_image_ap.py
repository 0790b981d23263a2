"""AP of single images equals COCO's metric on that image alone."""

from __future__ import annotations

import pytest

from lqbench.benchmark.analysis.image_ap import image_ap
from lqbench.benchmark.metrics.coco import coco_metrics
from lqbench.results.tables import GroundTruth

OBJECT = (0, 0, 100, 100)


@pytest.mark.parametrize("seed", range(8))
def test_equals_cocos_metric_on_that_image_alone(random_tables, seed):
    gt, found = random_tables(seed, images=4, objects=20, clutter=40)
    aps = image_ap(gt, found)
    for index in gt.images["index"]:
        alone = GroundTruth(
            gt.images[gt.images["index"] == index], gt.boxes[gt.boxes["image"] == index], gt.classes, gt.facts
        )
        expected = coco_metrics(alone, found[found["image"] == index]).values["AP"]
        assert (expected is None) == (index not in aps.index)
        if expected is not None:
            assert aps[index] == pytest.approx(expected, abs=1e-12)


def test_images_without_objects_are_left_out_and_missed_ones_are_zero(truth_of, detections_of):
    gt = truth_of([{"xyxy": OBJECT, "image": 2}, {"xyxy": OBJECT, "image": 1, "crowd": True}], images=4)
    aps = image_ap(gt, detections_of([(0, OBJECT, 0.9, 0), (1, OBJECT, 0.9, 0)]))
    assert aps.to_dict() == {2: 0.0}
    assert image_ap(truth_of([]), detections_of([])).empty


def test_classes_that_are_not_in_the_image_do_not_enter(truth_of, detections_of):
    gt = truth_of([{"xyxy": OBJECT}, {"xyxy": OBJECT, "image": 1, "label": 1}], images=2, classes=2)
    found = detections_of([(0, OBJECT, 0.5, 0), (0, OBJECT, 0.9, 1), (1, (0, 0, 100, 80), 0.9, 1)])
    assert image_ap(gt, found).to_dict() == pytest.approx({0: 1.0, 1: 0.7})
