from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from lqbench.benchmark.metrics import coco
from lqbench.benchmark.metrics.coco import FRAMES, coco_in_both_frames, coco_metrics
from lqbench.benchmark.metrics.lrp import lrp_metrics
from lqbench.benchmark.metrics.matching import coco_matches
from lqbench.benchmark.metrics.operating_point import operating_metrics
from lqbench.benchmark.metrics.voc import voc_metrics
from lqbench.benchmark.scoring import score
from lqbench.results.record import Metrics
from lqbench.results.tables import GroundTruth

SHA = "ab" * 32


@pytest.fixture
def gt() -> GroundTruth:
    images = pd.DataFrame(
        {
            **{"index": [0, 1, 2], "image_id": ["a", "b", "c"], "file": ["a.png", "b.png", "c.png"]},
            **{f"{prefix}{name}": 50 for prefix in ("", "clean_") for name in ("width", "height")},
            **{"annotated_width": 200, "annotated_height": 200, "sx": 1.0, "sy": 1.0},
        }
    )
    boxes = pd.DataFrame(
        {
            **{"image": [0, 0, 1], "label": [0, 1, 0]},
            **{"x1": [0.0, 10.0, 5.0], "y1": [0.0, 10.0, 5.0], "x2": [20.0, 30.0, 25.0], "y2": [20.0, 30.0, 25.0]},
            **{"area": 400.0, "area_annotated": 6400.0, "crowd": False, "difficult": [False, True, False]},
        }
    )
    return GroundTruth(images, boxes, ("cat", "dog"), {"area_frame": "degraded"})


@pytest.fixture
def detections() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "image": np.array([0, 1, 2], np.int32),
            **{name: np.array([0.0, 5.0, 7.0], np.float32) for name in ("x1", "y1")},
            **{name: np.array([20.0, 25.0, 9.0], np.float32) for name in ("x2", "y2")},
            "score": np.array([0.9, 0.8, 0.1], np.float32),
            "label": np.array([0, 0, 0], np.int16),
        }
    )


def test_all_families_and_the_hash(gt: GroundTruth, detections: pd.DataFrame) -> None:
    metrics = score(gt, detections, SHA)
    matches = coco_matches(gt, detections)
    families = (
        coco_metrics(gt, detections),
        voc_metrics(gt, detections),
        operating_metrics(gt, matches),
        lrp_metrics(gt, matches),
    )
    for family in families:
        assert metrics.values.items() >= family.values.items()
        assert metrics.per_class.items() >= family.per_class.items()
    assert len(metrics.per_class) == sum(len(family.per_class) for family in families)
    assert metrics.per_class["AP"] == {"cat": 1.0, "dog": 0.0}
    assert metrics.per_class["VOC07_AP50"] == {"cat": pytest.approx(1.0), "dog": None}
    assert metrics.detections_sha256 == SHA
    assert metrics.scorer.startswith("faster-coco-eval 1.")


def test_area_frame_comes_from_the_facts(gt: GroundTruth, detections: pd.DataFrame) -> None:
    annotated = GroundTruth(gt.images, gt.boxes, gt.classes, {"area_frame": "annotated"})
    assert score(gt, detections, SHA).values["AP_M"] is None
    assert score(annotated, detections, SHA).values["AP_S"] is None
    with pytest.raises(ValueError, match="area_frame"):
        score(GroundTruth(gt.images, gt.boxes, gt.classes, {"area_frame": "clean"}), detections, SHA)


def test_sizes_are_told_in_both_frames(gt: GroundTruth, detections: pd.DataFrame) -> None:
    values = score(gt, detections, SHA).values
    frames = {frame: coco_metrics(gt, detections, frame).values for frame in FRAMES}
    for name in ("AP_S", "AP_M", "AP_L", "AR_S", "AR_M", "AR_L"):
        assert values[name] == values[f"{name}_degraded"] == frames["degraded"][name]
        assert values[f"{name}_annotated"] == frames["annotated"][name]
    assert (values["AP_S_degraded"], values["AP_S_annotated"]) == (values["AP"], None)
    assert (values["AP_M_degraded"], values["AP_M_annotated"]) == (None, values["AP"])


def test_where_both_frames_are_one_they_are_evaluated_once(gt, detections, monkeypatch) -> None:
    boxes = gt.boxes.assign(area_annotated=gt.boxes["area"])
    same = GroundTruth(gt.images.assign(annotated_width=50, annotated_height=50), boxes, gt.classes)
    calls = []
    monkeypatch.setattr(coco, "coco_metrics", lambda *arguments: calls.append(arguments[2]) or coco_metrics(*arguments))
    frames = coco_in_both_frames(same, detections)
    assert calls == ["degraded"]
    assert frames["annotated"] == coco_metrics(same, detections, "annotated")


def test_scores_survive_json_and_repeat_exactly(gt: GroundTruth, detections: pd.DataFrame) -> None:
    quality = pd.DataFrame({"image": [0, 1], "PSNR_Y": [math.inf, 30.0], "SSIM_Y": [1.0, 0.5]})
    metrics = score(gt, detections, SHA, quality)
    assert Metrics.model_validate(json.loads(metrics.model_dump_json())) == metrics
    assert score(gt, detections, SHA, quality).model_dump_json() == metrics.model_dump_json()


def test_no_detections_at_all(gt: GroundTruth, detections: pd.DataFrame) -> None:
    for empty in (detections.iloc[:0], pd.DataFrame(columns=detections.columns)):
        values = score(gt, empty, SHA).values
        assert (values["AP"], values["VOC07_AP50"]) == (0.0, 0.0)


def test_image_quality_is_averaged_with_a_perfect_image_at_100_db(gt: GroundTruth, detections: pd.DataFrame) -> None:
    quality = pd.DataFrame({"image": [0, 1], "PSNR_Y": [math.inf, 30.0], "SSIM_Y_crop4": [1.0, 0.5]})
    values = score(gt, detections, SHA, quality).values
    assert (values["PSNR_Y"], values["SSIM_Y_crop4"]) == (65.0, 0.75)
    assert score(gt, detections, SHA, quality.iloc[:0]).values["PSNR_Y"] is None
    assert "PSNR_Y" not in score(gt, detections, SHA).values


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("x1", math.nan, "x1 = nan in row 1 is not a finite number"),
        ("score", math.inf, "score = inf in row 1 is not a finite number"),
        ("score", 1.5, r"score = 1.5 in row 1 lies outside \[0, 1\]"),
        ("x2", 1.0, "x2 = 1.0 in row 1 is less than x1"),
        ("y2", 1.0, "y2 = 1.0 in row 1 is less than y1"),
        ("label", 2, "label = 2 in row 1 is none of the 2 classes"),
        ("label", -1, "label = -1 in row 1 is none of the 2 classes"),
        ("image", 3, "image = 3 in row 1 is none of the 3 images"),
    ],
)
def test_impossible_detections_are_refused(gt, detections, column: str, value: float, text: str) -> None:
    detections.loc[1, column] = value
    with pytest.raises(ValueError, match=text):
        score(gt, detections, SHA)


def test_missing_columns_are_named(gt: GroundTruth, detections: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="detections lacks score"):
        score(gt, detections.drop(columns="score"), SHA)
    with pytest.raises(ValueError, match="boxes lacks crowd, difficult"):
        score(GroundTruth(gt.images, gt.boxes.drop(columns=["crowd", "difficult"]), gt.classes), detections, SHA)


@pytest.mark.parametrize(
    ("quality", "text"),
    [
        ({"image": [0, 0], "PSNR_Y": [1.0, 2.0]}, "at most once"),
        ({"image": [0, 9], "PSNR_Y": [1.0, 2.0]}, "only images of the dataset"),
        ({"image": [0, 1], "PSNR": [1.0, 2.0]}, "unknown columns: PSNR"),
        ({"image": [0, 1], "PSNR_Y": [1.0, math.nan]}, "not a number in PSNR_Y"),
        ({"PSNR_Y": [1.0]}, "lacks image"),
    ],
)
def test_impossible_image_quality_is_refused(gt, detections, quality: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        score(gt, detections, SHA, pd.DataFrame(quality))


def test_scoring_does_not_import_torch() -> None:
    code = "import sys, lqbench.benchmark.scoring; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
