"""Boxes and areas follow the image from annotated to degraded pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lqbench.datasets.dataset import box_scale, scale_boxes
from lqbench.datasets.degradations import degradation
from lqbench.datasets.source import AnnotatedObject, Annotations
from lqbench.datasets.types import ImageRecord

sides = st.integers(16, 700)
unit = st.floats(0, 1)
seeds = st.integers(0, 2**62)


def record(name: str, settings: dict[str, int], size: tuple[int, int], seed: int) -> ImageRecord:
    recipe = degradation(name, settings)
    clean = recipe.clean_size(size)
    drawn = recipe.draw(seed, clean)
    return ImageRecord("a", 0, "a", size, clean, recipe.size(clean, drawn), recipe.scale(clean, drawn), seed, drawn)


def annotated(box: tuple[float, float, float, float]) -> Annotations:
    return Annotations.of([AnnotatedObject(box, 0, (box[2] - box[0]) * (box[3] - box[1]))])


@hypothesis_settings(deadline=None)  # a busy machine is no failure
@given(height=sides, width=sides, seed=seeds, corners=st.tuples(unit, unit, unit, unit))
@pytest.mark.parametrize(("name", "settings"), [("aeris", {}), ("none", {}), ("voc-lr", {"factor": 4})])
def test_relative_positions_are_kept(
    name: str, settings: dict[str, int], height: int, width: int, seed: int, corners: tuple[float, ...]
) -> None:
    image = record(name, settings, (height, width), seed)
    (left, right), (top, bottom) = sorted(corners[:2]), sorted(corners[2:])
    box = (left * width, top * height, right * width, bottom * height)
    boxes = scale_boxes(annotated(box), box_scale(image))
    h, w = image.size
    np.testing.assert_allclose(boxes.xyxy[0], [left * w, top * h, right * w, bottom * h], rtol=1e-5, atol=1e-4)


@hypothesis_settings(deadline=None)  # a busy machine is no failure
@given(height=sides, width=sides, seed=seeds)
@pytest.mark.parametrize(("name", "settings"), [("aeris", {}), ("voc-lr", {"factor": 8})])
def test_areas_scale_as_boxes_do_and_the_annotated_stay(
    name: str, settings: dict[str, int], height: int, width: int, seed: int
) -> None:
    image = record(name, settings, (height, width), seed)
    boxes = scale_boxes(annotated((0, 0, width / 2, height / 2)), box_scale(image))
    x1, y1, x2, y2 = boxes.xyxy[0].astype(float)
    assert boxes.areas[0] == pytest.approx((x2 - x1) * (y2 - y1), rel=1e-5)
    assert boxes.areas_annotated[0] == height * width / 4


@hypothesis_settings(deadline=None)  # a busy machine is no failure
@given(height=sides, width=sides)
def test_voc_at_an_eighth_scales_by_an_eighth_of_300_not_by_38(height: int, width: int) -> None:
    image = record("voc-lr", {"factor": 8}, (height, width), 0)
    boxes = scale_boxes(annotated((0, 0, width, height)), box_scale(image))
    np.testing.assert_allclose(boxes.xyxy[0], [0, 0, 37.5, 37.5], rtol=1e-6)
    assert image.size == (38, 38)


def test_types_and_flags_pass_through() -> None:
    objects = [AnnotatedObject((0, 0, 1, 1), 3, 1.0, crowd=True), AnnotatedObject((0, 0, 2, 2), 5, 2.0, difficult=True)]
    boxes = scale_boxes(Annotations.of(objects), (0.5, 0.25))
    assert boxes.xyxy.dtype == np.float32
    assert boxes.labels.tolist() == [3, 5]
    assert boxes.crowd.tolist() == [True, False]
    assert boxes.difficult.tolist() == [False, True]
    assert boxes.areas.tolist() == [0.125, 0.25]
    assert scale_boxes(Annotations.of([]), (0.5, 0.5)).xyxy.shape == (0, 4)
