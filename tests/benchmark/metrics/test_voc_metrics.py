from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.benchmark.metrics.voc import (
    CONTINUOUS,
    DEVKIT,
    VocConvention,
    area_ap,
    eleven_point_ap,
    voc_matches,
    voc_metrics,
)
from lqbench.results.tables import DETECTION_COLUMNS, GroundTruth

SEEDS = st.integers(0, 2**32 - 1)
METRICS = ("VOC07_AP50", "VOC_area_AP50")


def naive_ap(gt: GroundTruth, detections: pd.DataFrame, label: int, convention: VocConvention) -> tuple | None:
    """One detection after the other, as the development kit describes it."""
    objects = [row for row in gt.boxes.to_dict("records") if row["label"] == label]
    count = sum(not (row["difficult"] or row["crowd"]) for row in objects)
    found = [row for row in detections.to_dict("records") if row["label"] == label]
    taken, hits = set(), []
    for row in sorted(found, key=lambda row: (-row["score"], row["image"])):
        overlaps = [naive_iou(row, o, convention) if o["image"] == row["image"] else 0.0 for o in objects]
        best = int(np.argmax(overlaps)) if overlaps else -1
        overlap = overlaps[best] if overlaps else 0.0
        if not (overlap > 0.5 or (overlap == 0.5 and not convention.strict)):
            hits.append(0)
        elif not (objects[best]["difficult"] or objects[best]["crowd"]):
            hits.append(int(best not in taken))
            taken.add(best)
    if count == 0:
        return None
    recall, precision = np.cumsum(hits) / count, np.cumsum(hits) / np.arange(1, len(hits) + 1)
    levels = np.arange(0, 1.1, 0.1)
    eleven = sum(max([p for r, p in zip(recall, precision, strict=True) if r >= t], default=0.0) for t in levels) / 11
    area = sum(max(precision[i:]) / count for i in range(len(hits)) if hits[i])
    return eleven, area


def naive_iou(a: dict, b: dict, convention: VocConvention) -> float:
    extra = 1 if convention.inclusive else 0
    width = min(a["x2"], b["x2"]) - max(a["x1"], b["x1"]) + extra
    height = min(a["y2"], b["y2"]) - max(a["y1"], b["y1"]) + extra
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box["x2"] - box["x1"] + extra) * (box["y2"] - box["y1"] + extra) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


def test_golden_ap_per_class(shared_golden, truth_of, detections_of) -> None:
    data = json.loads((shared_golden / "voc_ap.json").read_text())
    images, classes = data["images"], list(data["ap"])
    # The reference shifts the XML's 1-based boxes to start at 0 and measures widths without the +1.
    boxes = [
        {
            "image": images.index(row["image"]),
            "label": classes.index(row["cls"]),
            "xyxy": [value - 1 for value in row["bbox"]],
            "difficult": bool(row["difficult"]),
        }
        for row in data["ground_truth"]
    ]
    found = [
        (images.index(d["image"]), tuple(d["bbox"]), d["score"], classes.index(d["cls"])) for d in data["detections"]
    ]
    per_class = voc_metrics(truth_of(boxes, len(images), len(classes)), detections_of(found), CONTINUOUS).per_class
    for label, name in enumerate(classes):
        assert per_class["VOC07_AP50"][f"c{label}"] == pytest.approx(data["ap"][name]["11_point"], abs=1e-6)
        assert per_class["VOC_area_AP50"][f"c{label}"] == pytest.approx(data["ap"][name]["area"], abs=1e-6)


@pytest.mark.parametrize("convention", [CONTINUOUS, DEVKIT])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_equals_one_detection_after_the_other(random_tables, seed: int, ties: bool, convention: VocConvention) -> None:
    gt, detections = random_tables(seed, images=5, objects=30, clutter=40, ties=ties)
    ours = voc_metrics(gt, detections, convention)
    for label, name in enumerate(gt.classes):
        pair = tuple(ours.per_class[metric][name] for metric in METRICS)
        assert pair == pytest.approx(naive_ap(gt, detections, label, convention), abs=1e-12)
    for metric in METRICS:
        assert ours.values[metric] == pytest.approx(
            sum(ours.per_class[metric][n] or 0.0 for n in gt.classes) / 3, abs=1e-12
        )


@settings(max_examples=50, deadline=None)
@given(seed=SEEDS)
def test_ap_lies_between_0_and_1(random_tables, seed: int) -> None:
    metrics = voc_metrics(*random_tables(seed, ties=True))
    for values in (metrics.values, *metrics.per_class.values()):
        assert all(value is None or 0.0 <= value <= 1.0 for value in values.values())


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_order_of_images_and_of_distinct_scores_does_not_matter(random_tables, seed: int) -> None:
    gt, detections = random_tables(seed)
    order = np.random.default_rng(seed).permutation(len(gt.images))
    moved = GroundTruth(gt.images, gt.boxes.assign(image=order[gt.boxes["image"]]), gt.classes)
    shuffled = detections.assign(image=order[detections["image"]]).sample(frac=1.0, random_state=seed % 1000)
    assert voc_metrics(moved, shuffled).values == pytest.approx(voc_metrics(gt, detections).values, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_a_false_positive_below_all_scores_never_raises_ap(random_tables, seed: int) -> None:
    gt, detections = random_tables(seed)
    stray = pd.DataFrame([(0, 900.0, 900.0, 950.0, 950.0, 1e-4, 0)], columns=list(DETECTION_COLUMNS))
    before, after = voc_metrics(gt, detections).values, voc_metrics(gt, pd.concat([detections, stray])).values
    for metric, value in before.items():
        changed = after[metric]
        assert value is None or (changed is not None and changed <= value + 1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_perfect_detections_give_1(random_tables, seed: int) -> None:
    gt, _ = random_tables(seed)
    values = voc_metrics(gt, gt.boxes.assign(score=0.5)).values
    assert all(value is None or value == pytest.approx(1.0, abs=1e-12) for value in values.values())


def test_scaling_images_and_boxes_together_keeps_ap(random_tables) -> None:
    gt, detections = random_tables(3)
    sides = ["x1", "y1", "x2", "y2"]
    scaled = GroundTruth(gt.images, gt.boxes.assign(**{s: gt.boxes[s] * 0.25 for s in sides}), gt.classes)
    found = detections.assign(**{s: detections[s] * 0.25 for s in sides})
    assert voc_metrics(scaled, found) == voc_metrics(gt, detections)


def test_a_second_detection_of_an_object_is_a_false_positive(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": (0, 0, 10, 10)}, {"xyxy": (20, 20, 30, 30)}])
    box = (0, 0, 10, 10)
    found = detections_of([(0, box, 0.9, 0), (0, box, 0.8, 0), (0, (20, 20, 30, 30), 0.7, 0)])
    assert voc_metrics(gt, found).values["VOC_area_AP50"] == pytest.approx((1 + 2 / 3) / 2)


def test_a_detection_belongs_to_the_object_it_overlaps_most_even_if_taken(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": (0, 0, 100, 10)}, {"xyxy": (20, 0, 120, 10)}])
    found = detections_of([(0, (0, 0, 100, 10), 0.9, 0), (0, (5, 0, 105, 10), 0.8, 0)])
    assert voc_matches(gt, found).true_positive.tolist() == [True, False]


def test_difficult_objects_and_crowds_are_neither_asked_for_nor_held_against(truth_of, detections_of) -> None:
    near, far = (0, 0, 10, 10), (50, 50, 60, 60)
    found = detections_of([(0, far, 0.95, 0), (0, far, 0.9, 0), (0, near, 0.8, 0)])
    for flag in ("difficult", "crowd"):
        gt = truth_of([{"xyxy": near}, {"xyxy": far, flag: True}])
        matches = voc_matches(gt, found)
        assert matches.ignored.tolist() == [True, True, False]
        assert matches.objects.tolist() == [1]
        assert voc_metrics(gt, found).values["VOC07_AP50"] == pytest.approx(1.0)


def test_classes_without_countable_objects_are_none_and_not_averaged(truth_of, detections_of) -> None:
    box = (0, 0, 10, 10)
    gt = truth_of([{"xyxy": box}, {"xyxy": box, "label": 1, "difficult": True}, {"xyxy": box, "label": 3}], classes=4)
    metrics = voc_metrics(gt, detections_of([(0, box, 0.9, 0), (0, box, 0.9, 2)]))
    assert metrics.per_class["VOC_area_AP50"] == {"c0": 1.0, "c1": None, "c2": None, "c3": 0.0}
    assert metrics.values["VOC_area_AP50"] == 0.5
    assert voc_metrics(truth_of([], classes=2), detections_of([])).values == dict.fromkeys(METRICS)


def test_a_false_positive_on_an_empty_image_lowers_ap(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": (0, 0, 10, 10)}], images=2)
    right, wrong = (0, (0, 0, 10, 10), 0.8, 0), (1, (0, 0, 10, 10), 0.9, 0)
    assert voc_metrics(gt, detections_of([right])).values["VOC_area_AP50"] == 1.0
    assert voc_metrics(gt, detections_of([right, wrong])).values["VOC_area_AP50"] == 0.5


def test_an_overlap_of_exactly_one_half(truth_of, detections_of) -> None:
    gt, found = truth_of([{"xyxy": (0, 0, 10, 10)}]), detections_of([(0, (0, 0, 10, 5), 0.9, 0)])
    assert voc_metrics(gt, found).values["VOC_area_AP50"] == 0.0
    assert voc_metrics(gt, found, VocConvention(strict=False)).values["VOC_area_AP50"] == 1.0


def test_inclusive_boxes_one_pixel_wide(truth_of, detections_of) -> None:
    gt, found = truth_of([{"xyxy": (5, 5, 5, 5), "area": 1.0}]), detections_of([(0, (5, 5, 5, 5), 0.9, 0)])
    assert voc_metrics(gt, found, CONTINUOUS).values["VOC_area_AP50"] == 0.0
    assert voc_metrics(gt, found, DEVKIT).values["VOC_area_AP50"] == 1.0


def test_continuous_boxes_overlap_as_the_inclusive_ones_they_come_from(random_tables) -> None:
    gt, detections = random_tables(5)
    sides = ["x2", "y2"]
    one_less = GroundTruth(gt.images, gt.boxes.assign(**{s: gt.boxes[s] - 1 for s in sides}), gt.classes)
    found = detections.assign(**{s: detections[s] - 1 for s in sides})
    inclusive = voc_metrics(one_less, found, VocConvention(inclusive=True))
    assert inclusive.values == pytest.approx(voc_metrics(gt, detections).values, abs=1e-12)


def test_equal_scores_are_ranked_by_image_then_by_order_in_the_table(truth_of, detections_of) -> None:
    gt = truth_of([{"xyxy": (0, 0, 10, 10)}], images=2)
    box = (0, 0, 10, 10)
    found = detections_of([(1, box, 0.5, 0), (0, (30, 30, 40, 40), 0.5, 0), (0, box, 0.5, 0)])
    assert voc_matches(gt, found).row.tolist() == [1, 2, 0]


def test_recall_of_three_tenths_does_not_reach_the_fourth_level() -> None:
    recall, precision = np.array([0.1, 0.2, 3 / 10]), np.ones(3)
    assert eleven_point_ap(recall, precision) == pytest.approx(3 / 11)
    assert area_ap(recall, precision) == pytest.approx(0.3)
