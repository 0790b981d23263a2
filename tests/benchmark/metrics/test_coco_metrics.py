from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from lqbench.benchmark.metrics.coco import coco_metrics
from lqbench.results.tables import DETECTION_COLUMNS, GroundTruth

NAMES = ("AP", "AP50", "AP75", "AP_S", "AP_M", "AP_L", "AR1", "AR10", "AR100", "AR_S", "AR_M", "AR_L")
SEEDS = st.integers(0, 2**32 - 1)


def coco_dataset(gt: GroundTruth) -> dict:
    rows = enumerate(gt.boxes.to_dict("records"), start=1)
    return {
        "info": {},
        "images": [{"id": int(i)} for i in gt.images["index"]],
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(gt.classes)],
        "annotations": [
            {"id": n, "area": row["area"], "iscrowd": int(row["crowd"]), **coco_keys(row)} for n, row in rows
        ],
    }


def coco_keys(row: dict) -> dict:
    box = [row["x1"], row["y1"], row["x2"] - row["x1"], row["y2"] - row["y1"]]
    return {"image_id": int(row["image"]), "category_id": int(row["label"]) + 1, "bbox": box}


def reference(gt: GroundTruth, detections: pd.DataFrame) -> tuple[list[float], np.ndarray]:
    """The twelve figures and the precision array as pycocotools computes them."""
    truth: Any = COCO()
    truth.dataset = coco_dataset(gt)
    truth.createIndex()
    rows = [{"score": row["score"], **coco_keys(row)} for row in detections.to_dict("records")]
    evaluation = COCOeval(truth, truth.loadRes(rows), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return list(evaluation.stats), evaluation.eval["precision"]


def assert_equals_reference(gt: GroundTruth, detections: pd.DataFrame) -> None:
    stats, precision = reference(gt, detections)
    ours = coco_metrics(gt, detections)
    assert [-1.0 if ours.values[name] is None else ours.values[name] for name in NAMES] == pytest.approx(
        stats, abs=1e-9
    )
    for label, name in enumerate(gt.classes):
        curve = precision[:, :, label, 0, 2]
        expected = curve[curve > -1].mean() if (curve > -1).any() else None
        assert ours.per_class["AP"][name] == (None if expected is None else pytest.approx(expected, abs=1e-9))


def table_of_golden(data: dict) -> tuple[list[dict], pd.DataFrame, int, int]:
    images = {image["id"]: i for i, image in enumerate(data["ground_truth"]["images"])}
    labels = {category["id"]: i for i, category in enumerate(data["ground_truth"]["categories"])}

    def place(row: dict) -> tuple[int, tuple[float, ...], int]:
        x, y, w, h = row["bbox"]
        return images[row["image_id"]], (x, y, x + w, y + h), labels[row["category_id"]]

    boxes = []
    for row in data["ground_truth"]["annotations"]:
        image, xyxy, label = place(row)
        boxes.append({"image": image, "xyxy": xyxy, "label": label, "area": row["area"], "crowd": bool(row["iscrowd"])})
    found = [(place(row), row["score"]) for row in data["detections"]]
    rows = [(image, *xyxy, score, label) for (image, xyxy, label), score in found]
    return boxes, pd.DataFrame(rows, columns=list(DETECTION_COLUMNS)), len(images), len(labels)


def test_golden_figures_of_pycocotools(shared_golden, truth_of) -> None:
    data = json.loads((shared_golden / "coco_stats.json").read_text())
    boxes, detections, images, classes = table_of_golden(data)
    values = coco_metrics(truth_of(boxes, images, classes), detections).values
    assert [values[name] for name in NAMES] == pytest.approx(data["stats"], abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ties", [False, True])
def test_equals_pycocotools_with_crowds_ties_and_empty_images(random_tables, seed: int, ties: bool) -> None:
    assert_equals_reference(*random_tables(seed, images=6, objects=30, clutter=60, ties=ties))


@pytest.mark.parametrize("seed", range(3))
def test_equals_pycocotools_beyond_100_detections_an_image(random_tables, seed: int) -> None:
    gt, detections = random_tables(seed, images=2, classes=1, objects=40, clutter=200, ties=True)
    assert detections.groupby(["image", "label"]).size().max() > 100
    assert_equals_reference(gt, detections)


def test_float32_tables_as_stored_equal_pycocotools(random_tables) -> None:
    gt, detections = random_tables(7, ties=True)
    stored = detections.astype(
        {"image": "int32", "label": "int16", "score": "float32", "x1": "float32", "y2": "float32"}
    )
    assert_equals_reference(gt, stored.sort_values(["image", "score"], ascending=[True, False], kind="stable"))


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_figures_lie_between_0_and_1(random_tables, seed: int) -> None:
    values = coco_metrics(*random_tables(seed)).values
    assert tuple(values) == NAMES
    assert all(value is None or 0.0 <= value <= 1.0 for value in values.values())


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_order_of_images_and_of_distinct_scores_does_not_matter(random_tables, seed: int) -> None:
    gt, detections = random_tables(seed)
    order = np.random.default_rng(seed).permutation(len(gt.images))
    moved = GroundTruth(gt.images, gt.boxes.assign(image=order[gt.boxes["image"]]), gt.classes)
    shuffled = detections.assign(image=order[detections["image"]]).sample(frac=1.0, random_state=seed % 1000)
    assert coco_metrics(moved, shuffled).values == pytest.approx(coco_metrics(gt, detections).values, abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_a_false_positive_below_all_scores_never_raises_a_figure(random_tables, seed: int) -> None:
    gt, detections = random_tables(seed)
    stray = pd.DataFrame([(0, 900.0, 900.0, 950.0, 950.0, 1e-4, 0)], columns=list(DETECTION_COLUMNS))
    before, after = coco_metrics(gt, detections).values, coco_metrics(gt, pd.concat([detections, stray])).values
    for name, value in before.items():
        changed = after[name]
        assert value is None or (changed is not None and changed <= value + 1e-12)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_perfect_detections_give_1(random_tables, seed: int) -> None:
    gt, _ = random_tables(seed)
    perfect = gt.boxes[~gt.boxes["crowd"]].assign(score=0.9)
    values = coco_metrics(gt, perfect).values
    for name in ("AP", "AP50", "AP_S", "AP_M", "AP_L", "AR100"):
        assert values[name] is None or values[name] == pytest.approx(1.0, abs=1e-12)


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, sx=st.sampled_from([0.125, 0.25, 0.5]), sy=st.sampled_from([0.125, 0.25, 2.0]))
def test_annotated_frame_gives_the_figures_of_the_annotated_image(
    random_tables, seed: int, sx: float, sy: float
) -> None:
    gt, detections = random_tables(seed)
    factors = {"x1": sx, "y1": sy, "x2": sx, "y2": sy}
    scaled = {name: gt.boxes[name] * factor for name, factor in factors.items()}
    # The annotated image is twice the clean one's size here: sx, sy are degraded pixels per clean pixel.
    images = gt.images.assign(clean_width=200, clean_height=200, sx=2 * sx, sy=2 * sy)
    degraded = GroundTruth(images, gt.boxes.assign(**scaled, area=gt.boxes["area"] * sx * sy), gt.classes)
    found = detections.assign(**{name: detections[name] * factor for name, factor in factors.items()})
    expected = coco_metrics(gt, detections).values
    assert coco_metrics(degraded, found, "annotated").values == pytest.approx(expected, abs=1e-12)
    assert coco_metrics(degraded, found, "degraded").values["AP"] == pytest.approx(expected["AP"], abs=1e-12)


def test_frame_decides_the_size_range(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": (0.0, 0.0, 20.0, 20.0), "area": 400.0, "area_annotated": 6400.0}], sx=0.25, sy=0.25)
    found = detections_of([(0, (0.0, 0.0, 20.0, 20.0), 0.9, 0)])
    degraded, annotated = (coco_metrics(gt, found, frame).values for frame in ("degraded", "annotated"))
    assert (degraded["AP_S"], degraded["AP_M"]) == (1.0, None)
    assert (annotated["AP_S"], annotated["AP_M"]) == (None, 1.0)


def test_a_false_positive_on_an_empty_image_lowers_ap(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": (0, 0, 50, 50)}], images=2)
    right, wrong = (0, (0, 0, 50, 50), 0.8, 0), (1, (0, 0, 50, 50), 0.9, 0)
    assert coco_metrics(gt, detections_of([right])).values["AP"] == 1.0
    assert coco_metrics(gt, detections_of([right, wrong])).values["AP"] == pytest.approx(0.5)


def test_a_missed_object_lowers_ap(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": (0, 0, 50, 50)}, {"xyxy": (0, 0, 50, 50), "image": 1}], images=2)
    values = coco_metrics(gt, detections_of([(0, (0, 0, 50, 50), 0.8, 0)])).values
    assert values["AR100"] == pytest.approx(0.5)
    assert values["AP"] == pytest.approx(51 / 101)


def test_nothing_found_is_0_and_nothing_to_find_is_none(truth_of, detections_of) -> None:
    one = truth_of([{"xyxy": (0, 0, 20, 20)}], classes=2)
    missed = coco_metrics(one, detections_of([]))
    assert (missed.values["AP"], missed.values["AP_S"], missed.values["AP_L"]) == (0.0, 0.0, None)
    assert missed.per_class == {"AP": {"c0": 0.0, "c1": None}, "AP50": {"c0": 0.0, "c1": None}}
    found = detections_of([(0, (0, 0, 20, 20), 0.8, 0)])
    crowd_only = truth_of([{"xyxy": (0, 0, 20, 20), "crowd": True}])
    for gt in (truth_of([]), crowd_only, truth_of([], images=0, classes=0)):
        rows = found if len(gt.images) else found.iloc[:0]
        assert set(coco_metrics(gt, rows).values.values()) == {None}


def test_a_class_without_objects_does_not_enter_the_mean(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": (0, 0, 20, 20)}], classes=2)
    values = coco_metrics(gt, detections_of([(0, (0, 0, 20, 20), 0.8, 0), (0, (0, 0, 20, 20), 0.9, 1)])).values
    assert values["AP"] == 1.0


def test_detections_in_a_crowd_are_ignored(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": (0, 0, 50, 50)}, {"xyxy": (100, 100, 300, 300), "crowd": True}])
    inside = [(0, (110 + i, 110, 150 + i, 150), 0.9, 0) for i in range(3)]
    assert coco_metrics(gt, detections_of([(0, (0, 0, 50, 50), 0.8, 0), *inside])).values["AP"] == 1.0


def test_prints_nothing(random_tables, capfd) -> None:
    coco_metrics(*random_tables(0))
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
