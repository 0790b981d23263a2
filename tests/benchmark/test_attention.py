"""How much of a mask lies on objects, by hand-made masks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lqbench.benchmark.attention import Attention, attention, pooled


def boxes(*corners: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(corners, np.float32).reshape(-1, 4)


def test_shares_of_mass_and_area() -> None:
    mask = np.zeros((4, 5), np.float32)
    mask[1, 1:4] = 0.5
    mask[3, 0] = 0.25
    found = attention(mask, boxes((1, 1, 3, 3)))
    assert (found.pixels, found.boxed) == (20, 4)
    assert found.mean == pytest.approx(1.75 / 20)
    assert found.area == pytest.approx(0.2)
    assert found.inside == pytest.approx(1.0 / 1.75)
    assert found.ratio == pytest.approx(1.0 / 1.75 / 0.2)


def test_an_even_mask_has_the_ratio_one() -> None:
    found = attention(np.full((6, 7), 0.3, np.float32), boxes((0, 0, 3, 2), (2, 1, 5, 6)))
    assert found.boxed == 6 + 15 - 1
    assert found.ratio == pytest.approx(1)


@pytest.mark.parametrize(
    ("box", "pixels"),
    [((0.4, 0, 1.6, 1), 2), ((0.6, 0, 1.4, 1), 0), ((-9, -9, 99, 1), 4), ((-9, -9, -1, -1), 0), ((5, 5, 9, 9), 0)],
)
def test_a_pixel_belongs_to_a_box_by_its_centre(box: tuple[float, float, float, float], pixels: int) -> None:
    assert attention(np.ones((3, 4), np.float32), boxes(box)).boxed == pixels


def test_what_is_undefined_has_no_number() -> None:
    empty = attention(np.ones((2, 2), np.float32), boxes())
    assert (empty.area, empty.inside) == (0, 0) and math.isnan(empty.ratio)
    dark = attention(np.zeros((2, 2), np.float32), boxes((0, 0, 1, 1)))
    assert dark.mean == 0 and math.isnan(dark.inside) and math.isnan(dark.ratio)


@given(st.lists(st.tuples(st.integers(1, 99), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=4))
def test_pooling_counts_each_pixel_once(parts: list[tuple[int, float, float]]) -> None:
    made = [Attention(100, boxed, mass * 100, mass * share * boxed) for boxed, mass, share in parts]
    whole = pooled(made)
    assert whole.mean == pytest.approx(sum(one.mean for one in made) / len(made))
    assert whole.area == pytest.approx(sum(one.area for one in made) / len(made))
    assert whole.boxed_mass == pytest.approx(sum(one.boxed_mass for one in made))
