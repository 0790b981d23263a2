"""What holds for every family of metrics alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.benchmark.metrics.coco import coco_metrics
from lqbench.benchmark.metrics.lrp import lrp_metrics
from lqbench.benchmark.metrics.matching import coco_matches
from lqbench.benchmark.metrics.operating_point import operating_metrics
from lqbench.benchmark.metrics.values import MetricValues
from lqbench.benchmark.metrics.voc import voc_metrics
from lqbench.results.tables import DETECTION_COLUMNS, GroundTruth

SEEDS = st.integers(0, 2**32 - 1)
SIDES = ["x1", "y1", "x2", "y2"]
OF_SIZES = ("AP_S", "AP_M", "AP_L", "AR_S", "AR_M", "AR_L")


def everything(gt: GroundTruth, detections: pd.DataFrame) -> MetricValues:
    matches = coco_matches(gt, detections)
    families = (
        coco_metrics(gt, detections),
        voc_metrics(gt, detections),
        operating_metrics(gt, matches),
        lrp_metrics(gt, matches),
    )
    values = {name: value for family in families for name, value in family.values.items()}
    return MetricValues(values, {name: row for family in families for name, row in family.per_class.items()})


def close(values: dict) -> dict:
    return {name: None if value is None else pytest.approx(value, abs=1e-12) for name, value in values.items()}


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_the_order_of_images_changes_nothing(random_tables, seed: int) -> None:
    gt, detections = random_tables(seed)
    order = np.random.default_rng(seed).permutation(len(gt.images))
    moved = GroundTruth(gt.images, gt.boxes.assign(image=order[gt.boxes["image"]]), gt.classes)
    found = detections.assign(image=order[detections["image"]])
    assert everything(moved, found).values == close(everything(gt, detections).values)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_the_order_of_classes_changes_nothing(random_tables, seed: int) -> None:
    gt, detections = random_tables(seed)
    order = np.random.default_rng(seed).permutation(len(gt.classes))
    names = tuple(gt.classes[old] for old in np.argsort(order))
    moved = GroundTruth(gt.images, gt.boxes.assign(label=order[gt.boxes["label"]]), names)
    after = everything(moved, detections.assign(label=order[detections["label"]]))
    before = everything(gt, detections)
    assert after.values == close(before.values)
    for metric, row in before.per_class.items():
        assert after.per_class[metric] == close(row)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_the_order_of_detections_with_distinct_scores_changes_nothing(random_tables, seed: int) -> None:
    gt, detections = random_tables(seed)
    shuffled = detections.sample(frac=1.0, random_state=seed % 1000)
    assert everything(gt, shuffled).values == close(everything(gt, detections).values)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, image=st.integers(0, 3), label=st.integers(0, 2))
def test_a_false_positive_below_all_scores_never_helps(random_tables, seed: int, image: int, label: int) -> None:
    gt, detections = random_tables(seed)
    stray = pd.DataFrame([(image, 900.0, 900.0, 950.0, 950.0, 1e-4, label)], columns=list(DETECTION_COLUMNS))
    before, after = everything(gt, detections).values, everything(gt, pd.concat([detections, stray])).values
    for name, value in before.items():
        changed = after[name]
        if "LRP" in name or "@" in name:  # what lies below the threshold, or below the best one, is thrown away
            assert changed == (value if value is None else pytest.approx(value, abs=1e-12)), name
        elif value is not None:
            assert changed is not None and changed <= value + 1e-12, name


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, factor=st.sampled_from([0.125, 0.5, 2.0, 8.0]))
def test_scaling_images_and_boxes_together_keeps_what_is_not_about_sizes(
    random_tables, seed: int, factor: float
) -> None:
    gt, detections = random_tables(seed)
    lengths = [name for name in gt.images if name.endswith(("width", "height"))]
    images = gt.images.assign(**{name: gt.images[name] * factor for name in lengths})
    areas = {name: gt.boxes[name] * factor**2 for name in ("area", "area_annotated")}
    boxes = gt.boxes.assign(**{side: gt.boxes[side] * factor for side in SIDES}, **areas)
    found = detections.assign(**{side: detections[side] * factor for side in SIDES})
    before, after = everything(gt, detections).values, everything(GroundTruth(images, boxes, gt.classes), found).values
    for name in set(before) - set(OF_SIZES):
        assert after[name] == before[name], name


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_every_metric_lies_between_0_and_1(random_tables, seed: int) -> None:
    metrics = everything(*random_tables(seed, ties=True))
    for values in (metrics.values, *metrics.per_class.values()):
        assert all(value is None or 0.0 <= value <= 1.0 for value in values.values())
