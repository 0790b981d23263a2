"""Under water: the table, the formula, and the colours that follow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.datasets.degradations import degradation
from lqbench.datasets.degradations.weather.underwater import WATER_TRANSMISSION, attenuation, daylight_colour

TYPES = sorted(WATER_TRANSMISSION)


def submerged(street: Any, **given_settings: Any) -> tuple[np.ndarray, dict[str, Any]]:
    water = degradation("underwater", given_settings)
    drawn = water.draw(5, (60, 80))
    return water.apply(street.image, drawn, 5, depth_m=street.depth_m).numpy(), drawn


def test_attenuation_follows_the_published_table():
    assert attenuation("I") == pytest.approx((0.217, 0.040, 0.018), abs=6e-4)
    assert attenuation("9") == pytest.approx((0.598, 0.777, 1.238), abs=6e-4)
    assert len(WATER_TRANSMISSION) == 10


@pytest.mark.parametrize("water", TYPES)
def test_the_formula(street: Any, water: str):
    result, drawn = submerged(street, water_types=[water], distance_scale=0.1, backscatter_ratio=0.7)
    path = street.depth_m.astype(np.float64)[None] * 0.1
    beta = np.array(attenuation(water))[:, None, None]
    light = np.array(daylight_colour(water, drawn["below_surface_m"]))[:, None, None]
    direct = street.image.numpy() / 255 * light * np.exp(-beta * path)
    scattered = light * drawn["background"] * (1 - np.exp(-0.7 * beta * path))
    assert np.abs(result - 255 * (direct + scattered)).max() <= 0.51


def test_oceans_are_blue_coasts_green():
    blue, green = daylight_colour("I", 5), daylight_colour("5", 3)
    assert blue[2] == 1.0 > blue[1] > 2 * blue[0]
    assert green[1] == 1.0 > max(green[0], green[2])
    assert daylight_colour("III", 0) == (1, 1, 1)


def test_far_water_has_its_own_colour(street: Any):
    result, drawn = submerged(street, water_types=["5"])
    expected = np.array(daylight_colour("5", drawn["below_surface_m"])) * drawn["background"] * 255
    np.testing.assert_allclose(result[:, 0, 0], expected, atol=0.51)


def test_backscatter_grows_with_distance(street: Any):
    water = degradation("underwater", {"water_types": ["3"], "distance_scale": 0.1})
    dark = water.apply(torch.zeros_like(street.image), water.draw(0, (60, 80)), 0, depth_m=street.depth_m)
    rows = dark.double().mean(dim=(0, 2))[30:]
    assert (rows.diff() <= 0).all()
    assert rows[0] > 2 * rows[-1]


def test_at_no_distance_only_daylight_colours(street: Any):
    water = degradation("underwater", {"below_surface_m": [0, 0]})
    zero = np.zeros((60, 80), np.float32)
    assert torch.equal(water.apply(street.image, water.draw(0, (60, 80)), 0, depth_m=zero), street.image)


def test_draws_cover_their_ranges():
    water = degradation("underwater", {})
    drawn = [water.draw(seed, (9, 9)) for seed in range(400)]
    assert {one["water_type"] for one in drawn} == set(WATER_TRANSMISSION)
    for field, low, high in (("below_surface_m", 1, 4), ("background", 0.4, 0.8)):
        values = np.array([one[field] for one in drawn])
        assert low <= values.min() < low + 0.1 * (high - low) < high - 0.1 * (high - low) < values.max() <= high


@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from(TYPES), st.floats(0, 100))
@settings(max_examples=25, deadline=None)
def test_any_size_and_never_brighter_than_light_allows(height: int, width: int, water: str, metres: float):
    recipe = degradation("underwater", {"water_types": [water]})
    drawn = recipe.draw(1, (height, width))
    white = torch.full((3, height, width), 255, dtype=torch.uint8)
    result = recipe.apply(white, drawn, 1, depth_m=np.full((height, width), metres, np.float32)).double()
    limit = torch.tensor(daylight_colour(water, drawn["below_surface_m"]), dtype=torch.float64) * 255 + 0.51
    assert (result.amax(dim=(1, 2)) <= limit).all()
