from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from lqbench.benchmark.metrics.matching import IOU_THRESHOLDS, SIZE_RANGES, coco_matches
from lqbench.results.tables import GroundTruth


def evaluation(gt: GroundTruth, detections: pd.DataFrame) -> Any:
    """pycocotools' evaluator after ``evaluate``; ids are row + 1."""

    def shape(row: dict) -> dict:
        box = [row["x1"], row["y1"], row["x2"] - row["x1"], row["y2"] - row["y1"]]
        return {"image_id": int(row["image"]), "category_id": int(row["label"]) + 1, "bbox": box}

    boxes = gt.boxes.to_dict("records")
    truth: Any = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": int(i)} for i in gt.images["index"]],
        "categories": [{"id": i + 1} for i in range(len(gt.classes))],
        "annotations": [
            {"id": n, "area": row["area"], "iscrowd": int(row["crowd"]), **shape(row)} for n, row in enumerate(boxes, 1)
        ],
    }
    truth.createIndex()
    rows = [{"score": row["score"], **shape(row)} for row in detections.to_dict("records")]
    result = COCOeval(truth, truth.loadRes(rows), "bbox")
    result.evaluate()
    return result


def assert_equals_pycocotools(gt: GroundTruth, detections: pd.DataFrame) -> int:
    """Compare every match and ignore flag; return how many detections were compared."""
    ours, theirs = coco_matches(gt, detections), evaluation(gt, detections)
    place = {row: position for position, row in enumerate(ours.row)}
    sizes = [tuple(r) for r in theirs.params.areaRng]
    seen = set()
    for group in theirs.evalImgs:
        if group is None:
            continue
        size = sizes.index(tuple(group["aRng"]))
        at = [place[number - 1] for number in group["dtIds"]]
        seen.update(at)
        np.testing.assert_array_equal(ours.box[size][:, at] + 1, group["dtMatches"])
        np.testing.assert_array_equal(ours.ignored[size][:, at], group["dtIgnore"])
        objects = [number - 1 for number in group["gtIds"]]
        np.testing.assert_array_equal(ours.counted[size, objects], np.asarray(group["gtIgnore"]) == 0)
    assert len(seen) == len(ours.row)
    return len(seen)


def test_thresholds_and_ranges_are_those_of_pycocotools(random_tables) -> None:
    parameters = evaluation(*random_tables(0)).params
    np.testing.assert_array_equal(IOU_THRESHOLDS, parameters.iouThrs)
    np.testing.assert_array_equal(SIZE_RANGES, parameters.areaRng)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_every_match_equals_pycocotools(random_tables, seed: int, ties: bool) -> None:
    assert assert_equals_pycocotools(*random_tables(seed, images=6, objects=60, clutter=60, ties=ties)) > 100


def test_every_match_equals_pycocotools_beyond_100_detections(random_tables) -> None:
    gt, detections = random_tables(1, images=2, classes=1, objects=60, clutter=200, ties=True)
    assert assert_equals_pycocotools(gt, detections) < len(detections)


def test_every_match_equals_pycocotools_on_a_grid_with_equal_overlaps(truth_of, detections_of) -> None:
    rng = np.random.default_rng(0)

    def box(side: int) -> tuple[float, ...]:
        x, y = rng.integers(0, 30, 2) * 4.0
        return (x, y, x + side, y + side)

    boxes = [{"xyxy": box(32), "crowd": rng.random() < 0.1} for _ in range(40)]
    found = detections_of([(0, box(int(rng.choice([24, 32, 40]))), rng.integers(1, 5) / 4, 0) for _ in range(80)])
    assert_equals_pycocotools(truth_of(boxes), found)


def test_overlap_is_that_with_the_object_taken(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": (0, 0, 100, 100)}])
    matches = coco_matches(gt, detections_of([(0, (0, 0, 100, 60), 0.9, 0), (0, (0, 0, 100, 90), 0.8, 0)]))
    assert matches.overlap[0].tolist() == [0.6, 0.0]
    assert matches.overlap[4].tolist() == [0.0, 0.9]


def test_nothing_to_match(truth_of, detections_of) -> None:
    found = detections_of([(0, (0, 0, 9, 9), 0.9, 0)])
    for gt in (truth_of([], images=2), truth_of([{"xyxy": (50, 50, 60, 60)}])):
        matches = coco_matches(gt, found)
        assert (matches.box == -1).all()
        assert matches.ignored[:, 0].tolist() == [[False], [False], [True], [True]]
    assert coco_matches(truth_of([{"xyxy": (0, 0, 9, 9)}]), found.iloc[:0]).box.shape == (4, 10, 0)
