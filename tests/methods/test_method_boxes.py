"""Boxes keep their place when they are mapped between frames."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lqbench.datasets.types import Detections
from lqbench.methods.boxes import finish, map_boxes, to_dataset

factors = st.floats(0.05, 20)
coordinates = st.floats(0, 2000, width=32)


@st.composite
def boxes_inside(draw: st.DrawFn, height: int = 200, width: int = 300) -> np.ndarray:
    x1, y1 = draw(st.floats(0, width - 2)), draw(st.floats(0, height - 2))
    x2, y2 = draw(st.floats(x1 + 1, width)), draw(st.floats(y1 + 1, height))
    return np.array([[x1, y1, x2, y2]])


@given(st.lists(st.tuples(coordinates, coordinates, coordinates, coordinates), max_size=5), factors, factors)
def test_mapping_there_and_back_changes_nothing(rows: list[tuple[float, ...]], sx: float, sy: float) -> None:
    boxes = np.array(rows).reshape(-1, 4)
    back = map_boxes(map_boxes(boxes, (sx, sy)), (1 / sx, 1 / sy))
    np.testing.assert_allclose(back, boxes, rtol=1e-12, atol=1e-9)


@given(boxes_inside(), st.sampled_from([1.0, 0.5, 0.25, 0.125, 75 / 300, 107 / 427]))
def test_a_box_in_the_clean_image_lands_in_the_degraded_one(box: np.ndarray, scale: float) -> None:
    size = (round(200 * scale), round(300 * scale))
    found = Detections(box.astype(np.float32), np.array([0.5], np.float32), np.array([2]))
    mapped = to_dataset(found, np.array([-1, -1, 7]), (scale, scale), size)
    expected = np.clip(box * scale, 0, [size[1], size[0], size[1], size[0]])
    if len(mapped):
        np.testing.assert_allclose(mapped.xyxy, expected, atol=1e-4)
        assert mapped.labels.tolist() == [7]
    else:
        assert (expected[:, 2:] - expected[:, :2]).min() < 1e-4


def test_axes_have_their_own_scale() -> None:
    assert map_boxes(np.array([[1, 2, 3, 4]]), (10, 100)).tolist() == [[10, 200, 30, 400]]


def test_finish_clips_sorts_and_drops() -> None:
    boxes = np.array([[-5, -5, 10, 10], [20, 0, 40, 10], [30, 5, 35, 8], [1, 1, np.nan, 4], [2, 2, 8, 8]])
    found = finish(boxes, np.array([0.2, 0.9, 0.8, 0.7, 0.9]), np.array([0, 1, 2, 3, 4]), size=(10, 30))
    assert found.xyxy.tolist() == [[20, 0, 30, 10], [2, 2, 8, 8], [0, 0, 10, 10]]
    assert found.labels.tolist() == [1, 4, 0]
    assert (found.xyxy.dtype, found.scores.dtype, found.labels.dtype) == (np.float32, np.float32, np.int64)


def test_infinite_boxes_are_clipped_to_the_image() -> None:
    found = finish(np.array([[-np.inf, -np.inf, np.inf, np.inf]]), np.ones(1), np.zeros(1), size=(4, 6))
    assert found.xyxy.tolist() == [[0, 0, 6, 4]]


def test_unmapped_classes_do_not_use_up_the_limit() -> None:
    boxes = np.tile(np.array([[0, 0, 5, 5]], np.float32), (6, 1))
    scores = np.linspace(0.9, 0.4, 6).astype(np.float32)
    found = Detections(boxes, scores, np.array([0, 0, 0, 1, 1, 1]))
    kept = to_dataset(found, np.array([-1, 3]), (1.0, 1.0), (10, 10), limit=2)
    assert kept.labels.tolist() == [3, 3]
    np.testing.assert_array_equal(kept.scores, scores[3:5])


def test_nothing_stays_nothing() -> None:
    assert len(finish(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int), (5, 5))) == 0
    assert len(to_dataset(Detections.empty(), np.array([0]), (1.0, 1.0), (5, 5))) == 0
