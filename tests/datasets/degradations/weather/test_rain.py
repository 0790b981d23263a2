"""Rain: veil and streaks by the published formula, sheets hidden by what is near, seeded drawing."""

from __future__ import annotations

import itertools
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.datasets.degradations import degradation
from lqbench.datasets.degradations.weather.rain import RAIN_CITYSCAPES, rain_extinction, streak_layer
from lqbench.datasets.degradations.weather.streaks import Sheet, draw_sheet
from lqbench.datasets.errors import UserError


def rainy(street: Any, seed: int = 0, **given_settings: Any) -> tuple[torch.Tensor, dict[str, Any]]:
    rain = degradation("rain", given_settings)
    drawn = rain.draw(seed, (street.image.shape[1], street.image.shape[2]))
    return rain.apply(street.image, drawn, seed, depth_m=street.depth_m), drawn


def test_the_formula_of_raincityscapes(street: Any):
    result, drawn = rainy(street, airlight=[0.5, 0.5, 0.5], variants=["medium"])
    clean, distance = street.image.numpy() / 255, street.depth_m.astype(np.float64)
    haze = 1 - np.exp(-0.01 * distance)
    streaks = np.minimum(streak_layer(0, distance, drawn), 1 - haze)
    expected = clean * (1 - streaks - haze) + streaks + 0.5 * haze
    assert np.abs(result.numpy() - expected * 255).max() <= 0.51


def test_without_streaks_only_the_veil_is_left(street: Any):
    dry, _ = rainy(street, density=0, variants=["light"], airlight=[0.9, 0.9, 0.9])
    fog = degradation("fog", {"beta_per_m": 0.005, "airlight": [0.9, 0.9, 0.9], "refine": False})
    assert torch.equal(dry, fog.apply(street.image, fog.draw(0, (60, 80)), 0, depth_m=street.depth_m))


def test_intensities_are_those_of_raincityscapes(street: Any):
    drawn = [degradation("rain", {}).draw(seed, (60, 80)) for seed in range(300)]
    assert {one["variant"] for one in drawn} == set(RAIN_CITYSCAPES)
    assert all((one["alpha_per_m"], one["beta_per_m"]) == RAIN_CITYSCAPES[one["variant"]] for one in drawn)
    angles = np.array([one["angle_deg"] for one in drawn])
    assert -20 <= angles.min() < -15 < 15 < angles.max() <= 20


def test_a_rain_rate_gives_the_extinction_of_the_literature():
    """Values of Weber et al.'s relation, per kilometre."""
    rates = {5: 0.917, 10: 1.459, 25: 2.696, 50: 4.290, 100: 6.826, 200: 10.86}
    assert {rate: rain_extinction(rate) * 1000 for rate in rates} == pytest.approx(rates, rel=1e-3)
    assert degradation("rain", {"rate_mm_per_h": 50}).draw(0, (9, 9))["beta_per_m"] == pytest.approx(0.00429, rel=1e-3)


def test_streaks_dim_with_the_distance_of_the_scene():
    _, drawn = rainy_street_far()
    near, far = (streak_layer(3, np.full((200, 200), metres), drawn) for metres in (10.0, 60.0))
    assert 0 < far.max() < near.max() <= 1
    np.testing.assert_allclose(far, near * np.exp(-drawn["alpha_per_m"] * 50), atol=1e-12)
    assert streak_layer(3, np.full((200, 200), np.inf), drawn).max() == 0


def test_sheets_are_hidden_by_what_is_nearer():
    _, drawn = rainy_street_far(streaks="layers")
    layers = [streak_layer(3, np.full((200, 200), metres), drawn) for metres in (1.0, 3.0, 10.0, np.inf)]
    assert layers[0].max() == 0
    assert (np.diff([layer.sum() for layer in layers]) > 0).all()
    for nearer, farther in itertools.pairwise(layers):
        assert (farther >= nearer).all()


def rainy_street_far(**given_settings: Any) -> tuple[None, dict[str, Any]]:
    return None, degradation("rain", given_settings).draw(3, (200, 200))


@pytest.mark.parametrize("angle", [-30.0, 0.0, 30.0])
def test_streaks_run_along_their_angle(angle: float):
    """The structure tensor of the pattern points across the streaks."""
    pattern = draw_sheet(np.random.default_rng(0), (300, 300), Sheet(150, 40.0, 1.0, angle))
    pattern = cv2.GaussianBlur(pattern, (0, 0), 2.0)  # single pixels know eight directions only
    down, across = np.gradient(pattern)
    normal = 0.5 * np.degrees(np.arctan2(2 * (across * down).sum(), (across**2).sum() - (down**2).sum()))
    assert normal == pytest.approx(-angle, abs=4)


def test_more_longer_and_wider_streaks_cover_more():
    def cover(sheet: Sheet) -> float:
        return float(draw_sheet(np.random.default_rng(0), (200, 200), sheet).mean())

    base = cover(Sheet(50, 20, 1, 0))
    assert cover(Sheet(100, 20, 1, 0)) > 1.5 * base
    assert cover(Sheet(50, 40, 1, 0)) > 1.3 * base
    assert cover(Sheet(50, 20, 3, 0)) > 1.5 * base
    assert cover(Sheet(50, 20, 0.3, 0)) < 0.5 * base
    assert cover(Sheet(0, 20, 1, 0)) == 0


def test_the_pattern_depends_on_the_seed_alone(street: Any):
    first, _ = rainy(street, 1)
    again, _ = rainy(street, 1)
    other, _ = rainy(street, 2)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_values_are_clipped_not_wrapped(street: Any):
    rain = degradation("rain", {"variants": ["heavy"], "density": 20, "opacity": 1.0, "airlight": [1, 1, 1]})
    white = torch.full((3, 60, 80), 255, dtype=torch.uint8)
    assert (rain.apply(white, rain.draw(0, (60, 80)), 0, depth_m=street.depth_m) == 255).all()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32), st.sampled_from(["sheet", "layers"]))
@settings(max_examples=25, deadline=None)
def test_any_size(height: int, width: int, seed: int, streaks: str):
    clean = torch.full((3, height, width), 100, dtype=torch.uint8)
    rain = degradation("rain", {"streaks": streaks})
    drawn = rain.draw(seed, (height, width))
    assert rain.apply(clean, drawn, seed, depth_m=np.full((height, width), 30, np.float32)).shape == clean.shape


@pytest.mark.parametrize("wrong", [{"variants": ["drizzle"]}, {"angle_deg": [5, -5]}, {"layers_m": []}, {"opacity": 2}])
def test_wrong_settings_are_refused(wrong: dict[str, Any]):
    with pytest.raises(UserError, match=f"'{next(iter(wrong))}"):
        degradation("rain", wrong)
