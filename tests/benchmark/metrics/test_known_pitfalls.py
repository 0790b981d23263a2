"""Mistakes that other benchmarks made, each with the name of the project where it was seen.

The numbers are those of the project's list of acceptance tests.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from lqbench.benchmark.metrics.coco import coco_metrics
from lqbench.benchmark.metrics.lrp import lrp_metrics
from lqbench.benchmark.metrics.matching import coco_matches
from lqbench.benchmark.metrics.operating_point import SCORE, operating_metrics
from lqbench.benchmark.metrics.quality import psnr_rgb, rmse_rgb
from lqbench.benchmark.metrics.voc import voc_metrics
from lqbench.benchmark.statistics.comparison import Outputs, compare
from lqbench.benchmark.statistics.inference import Estimate
from lqbench.benchmark.statistics.replicates import coco_replicates, voc_replicates
from lqbench.results.tables import GroundTruth

BOX = (0, 0, 50, 50)
TWELVE = ("AP", "AP50", "AP75", "AP_S", "AP_M", "AP_L", "AR1", "AR10", "AR100", "AR_S", "AR_M", "AR_L")


def everything(gt: GroundTruth, detections: pd.DataFrame) -> dict[str, float | None]:
    matches = coco_matches(gt, detections)
    families = (coco_metrics(gt, detections), voc_metrics(gt, detections), operating_metrics(gt, matches))
    return {name: value for family in (*families, lrp_metrics(gt, matches)) for name, value in family.values.items()}


def test_4_errors_of_uint8_images_do_not_wrap_around() -> None:
    """robust-detection-benchmark subtracts and squares uint8 arrays, which caps the error at 16 grey levels."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 256, (2, 20, 20, 3), dtype=np.uint8)
    difference = a.astype(np.float64) - b.astype(np.float64)
    assert rmse_rgb(a, b) == pytest.approx(np.sqrt((difference**2).mean()), rel=1e-12)
    assert rmse_rgb(a, b) == rmse_rgb(a.astype(np.float64), b.astype(np.float64)) > 16
    black, white = np.zeros((12, 12, 3), np.uint8), np.full((12, 12, 3), 255, np.uint8)
    assert (rmse_rgb(black, white), psnr_rgb(black, white)) == (255.0, 0.0)


def test_13_images_without_detections_objects_or_either_count_rightly(truth_of, detections_of) -> None:
    """supervision ignored false positives on images without objects."""
    right, wrong = (0, BOX, 0.8, 0), (1, BOX, 0.9, 0)
    one = [{"xyxy": BOX}]
    with_right = everything(truth_of(one), detections_of([right]))
    # An image with neither objects nor detections changes nothing.
    assert everything(truth_of(one, images=2), detections_of([right])) == with_right
    # A false positive on an image without objects lowers every figure of precision.
    with_wrong = everything(truth_of(one, images=2), detections_of([right, wrong]))
    assert (with_right["AP"], with_wrong["AP"]) == (1.0, 0.5)
    assert (with_right["VOC_area_AP50"], with_wrong["VOC_area_AP50"]) == (1.0, 0.5)
    assert (with_right["precision@score0.50"], with_wrong["precision@score0.50"]) == (1.0, 0.5)
    assert (with_right["oLRP"], with_wrong["oLRP"]) == (0.0, 0.5)
    # An image with an object and no detection lowers every figure of recall.
    missed = everything(truth_of([*one, {"xyxy": BOX, "image": 1}], images=2), detections_of([right]))
    assert (with_right["AR100"], missed["AR100"]) == (1.0, 0.5)
    assert (with_right["recall@score0.50"], missed["recall@score0.50"]) == (1.0, 0.5)


@pytest.mark.parametrize("seed", range(4))
def test_14_all_twelve_figures_equal_pycocotools(random_tables, seed: int) -> None:
    """At once: crowd regions, equal scores, over 100 detections an image, an image without objects."""
    gt, detections = random_tables(seed, images=3, classes=1, objects=60, clutter=400, ties=True)
    assert gt.boxes["crowd"].any()
    assert detections["image"].value_counts().min() > 100
    assert set(gt.boxes["image"]) == {0, 1}
    values = coco_metrics(gt, detections).values
    assert [values[name] for name in TWELVE] == pytest.approx(_pycocotools(gt, detections), abs=1e-12)


def test_15_weights_of_one_give_ap_and_a_method_does_not_differ_from_itself(random_tables) -> None:
    gt, detections = random_tables(2, images=12, objects=80, clutter=80, ties=True)
    ones = np.ones((12, 1), np.uint8)
    expected = everything(gt, detections)
    for name, values in (coco_replicates(gt, detections, ones) | voc_replicates(gt, detections, ones)).items():
        assert values.tolist() == [pytest.approx(expected[name], rel=0, abs=1e-12)]
    for row in compare(gt, Outputs(detections), Outputs(detections), replicates=100):
        assert row.difference == Estimate(0.0, 0.0, 0.0)


def test_19_the_threshold_of_f1_is_stated_and_not_0(truth_of, detections_of) -> None:
    """model-leaderboard computes F1 over all detections, however low their scores."""
    gt = truth_of([{"xyxy": BOX}])
    matches = coco_matches(gt, detections_of([(0, BOX, 0.9, 0), *[(0, (300, 300, 320, 320), 0.001, 0)] * 50]))
    assert SCORE > 0.0
    assert operating_metrics(gt, matches).values[f"F1@score{SCORE:.2f}"] == 1.0
    with pytest.raises(ValueError, match="at 0 every detection would count"):
        operating_metrics(gt, matches, 0.0)


def _pycocotools(gt: GroundTruth, detections: pd.DataFrame) -> list[float]:
    def shape(row: dict) -> dict:
        box = [row["x1"], row["y1"], row["x2"] - row["x1"], row["y2"] - row["y1"]]
        return {"image_id": int(row["image"]), "category_id": int(row["label"]) + 1, "bbox": box}

    truth: Any = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": int(i)} for i in gt.images["index"]],
        "categories": [{"id": i + 1} for i in range(len(gt.classes))],
        "annotations": [
            {"id": n, "area": row["area"], "iscrowd": int(row["crowd"]), **shape(row)}
            for n, row in enumerate(gt.boxes.to_dict("records"), 1)
        ],
    }
    truth.createIndex()
    rows = [{"score": row["score"], **shape(row)} for row in detections.to_dict("records")]
    evaluation = COCOeval(truth, truth.loadRes(rows), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return list(evaluation.stats)
