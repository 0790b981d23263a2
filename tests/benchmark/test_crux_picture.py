"""The picture of a crux: what its panels hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.benchmark.crux_picture import GAP, LARGEST, coloured, crux_picture, under_mask


def noise(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(3)
    return draws.integers(0, 256, (height, width, 3), dtype=np.uint8), draws.random((height, width), dtype=np.float32)


def panels(picture: np.ndarray, height: int, width: int) -> list[np.ndarray]:
    """Return the three panels, which end GAP above the lower edge."""
    rows = picture[picture.shape[0] - GAP - height : picture.shape[0] - GAP]
    return [rows[:, GAP + place * (width + GAP) :][:, :width] for place in range(3)]


def test_the_panels_are_image_mask_and_product() -> None:
    image, mask = noise(40, 300)
    picture = crux_picture(image, mask, "lcp on scenes-fog")
    assert picture.width == 3 * 300 + 4 * GAP
    left, middle, right = panels(np.asarray(picture), 40, 300)
    np.testing.assert_array_equal(left, image)
    np.testing.assert_array_equal(middle, coloured(mask))
    np.testing.assert_array_equal(right, under_mask(image, mask))


def test_a_narrow_image_is_enlarged_by_repeating_pixels() -> None:
    image, mask = noise(20, 100)
    left, _, right = panels(np.asarray(crux_picture(image, mask, "x")), 60, 300)
    np.testing.assert_array_equal(left, image.repeat(3, axis=0).repeat(3, axis=1))
    np.testing.assert_array_equal(right[1::3, 1::3], under_mask(image, mask))


def test_a_large_image_is_reduced() -> None:
    image, mask = noise(8, LARGEST + 2)
    picture = crux_picture(image, mask, "x")
    assert picture.width == 3 * (LARGEST // 2 + 1) + 4 * GAP


@settings(max_examples=30, deadline=None)
@given(value=st.integers(0, 255), mask=st.floats(0, 1))
def test_the_crux_is_the_product_rounded(value: int, mask: float) -> None:
    found = under_mask(np.full((1, 1, 3), value, np.uint8), np.array([[mask]]))
    assert np.abs(found.astype(float) - value * mask).max() <= 0.5


def test_colours_go_from_dark_to_bright() -> None:
    shown = coloured(np.linspace(0, 1, 256)[None])[0].astype(float)
    assert tuple(shown[0]) == (68, 1, 84) and tuple(shown[-1]) == (253, 231, 36)
    assert (np.diff(shown @ [0.2126, 0.7152, 0.0722]) > -1).all()


@pytest.mark.parametrize("heading", ["", "x" * 500, "\N{SNOWMAN} <b>"])
def test_any_heading_fits(heading: str) -> None:
    image, mask = noise(10, 250)
    assert crux_picture(image, mask, heading).size == crux_picture(image, mask, "x").size
