"""A degradation on top of another one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lqbench.datasets.degradations import Degradation, degradation
from lqbench.datasets.errors import UserError
from lqbench.datasets.stacked import StackedDegradation

torch = pytest.importorskip("torch")

AERIS = ("aeris", {})
RECIPES = (AERIS, ("none", {}), ("voc-lr", {"factor": 4}))


def stacked(first: tuple[str, dict], second: tuple[str, dict]) -> StackedDegradation:
    return StackedDegradation(degradation(*first), degradation(*second))


def photo(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("second", RECIPES)
@pytest.mark.parametrize("first", RECIPES)
def test_the_image_has_the_size_and_scale_that_are_told(first: tuple[str, dict], second: tuple[str, dict]) -> None:
    recipe = stacked(first, second)
    image = photo(41, 67)
    clean = recipe.prepare(image)
    size = recipe.clean_size((41, 67))
    assert tuple(clean.shape[1:]) == size
    drawn = json.loads(json.dumps(recipe.draw(7, size)))
    degraded = recipe.apply(clean, drawn, 7)
    assert tuple(degraded.shape[1:]) == recipe.size(size, drawn)
    sx, sy = recipe.scale(size, drawn)
    assert abs(sx * size[1] - degraded.shape[2]) < 1
    assert abs(sy * size[0] - degraded.shape[1]) < 1


def test_the_tracks_own_degradation_stays_as_it_is_alone() -> None:
    alone: Degradation = degradation(*AERIS)
    recipe = stacked(AERIS, ("none", {}))
    clean = alone.prepare(photo(50, 60))
    drawn, both = alone.draw(3, (50, 60)), recipe.draw(3, (50, 60))
    assert both["first"] == drawn
    assert torch.equal(recipe.apply(clean, both, 3), alone.apply(clean, drawn, 3))


def test_two_noises_are_independent() -> None:
    noise = ("aeris", {"blur_types": ["none"], "scale_factors": [1.0], "noise_sigma_255": [10, 10]})
    grey = torch.full((3, 64, 64), 128, dtype=torch.uint8)
    recipe, alone = stacked(noise, noise), degradation(*noise)
    twice = recipe.apply(grey, recipe.draw(5, (64, 64)), 5).double().std()
    once = alone.apply(grey, alone.draw(5, (64, 64)), 5).double().std()
    assert 1.3 < twice / once < 1.53  # sqrt(2); the same noise twice would give 2


@hypothesis_settings(deadline=None, max_examples=30)
@given(height=st.integers(1, 90), width=st.integers(1, 90), seed=st.integers(0, 2**62))
def test_scales_multiply(height: int, width: int, seed: int) -> None:
    recipe = stacked(AERIS, AERIS)
    drawn = recipe.draw(seed, (height, width))
    rows, columns = recipe.size((height, width), drawn)
    np.testing.assert_allclose(recipe.scale((height, width), drawn), (columns / width, rows / height), rtol=1e-12)


FOG = ("fog", {"beta_per_m": 10, "airlight": [1, 1, 1], "refine": False})


@pytest.mark.parametrize(
    ("first", "size"),
    [
        (("aeris", {"blur_types": ["none"], "scale_factors": [2.0], "noise_sigma_255": [0, 0]}), (64, 64)),
        (("voc-lr", {"factor": 4}), (75, 75)),
        (("voc-lr", {"factor": 8}), (38, 38)),
        (("none", {}), (128, 128)),
    ],
)
def test_distances_reach_the_second_degradation_at_its_size(first: tuple[str, dict], size: tuple[int, int]) -> None:
    """Distances come at the size of the annotated image, 128 x 128, whatever the clean image's is."""
    recipe = stacked(first, FOG)
    assert recipe.needs_depth
    clean = recipe.prepare(np.zeros((128, 128, 3), np.uint8))
    drawn = recipe.draw(0, recipe.clean_size((128, 128)))
    depth = np.zeros((128, 128), np.float32)
    depth[64:] = np.inf
    foggy = recipe.apply(clean, drawn, 0, depth_m=depth).numpy()
    assert foggy.shape == (3, *size)
    _, sy = recipe.scale(recipe.clean_size((128, 128)), drawn)
    edge = 64 * clean.shape[1] / 128 * sy
    white = (foggy == 255).all(axis=(0, 2))
    assert white.tolist() == [row + 0.5 >= edge for row in range(size[0])]


def test_fog_under_fog_sees_the_same_distances() -> None:
    recipe = stacked(FOG, ("fog", {**FOG[1], "beta_per_m": 0.001}))
    clean = recipe.prepare(np.zeros((20, 30, 3), np.uint8))
    depth = np.full((20, 30), 100, np.float32)
    drawn = recipe.draw(0, (20, 30))
    assert (recipe.apply(clean, drawn, 0, depth_m=depth) == 255).all()
    with pytest.raises(UserError, match="needs the distance of every pixel"):
        recipe.apply(clean, drawn, 0)
