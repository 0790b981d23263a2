"""Fog: the formula, what it does with distance and density, and what it refuses."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.datasets.degradations import degradation
from lqbench.datasets.degradations.resize import to_float, to_uint8
from lqbench.datasets.degradations.weather.optics import transmission, veil
from lqbench.datasets.errors import UserError

AIRLIGHT = [0.8, 0.7, 0.6]
betas = st.floats(0, 0.2)
metres = st.floats(0, 1000)


def foggy(street: Any, **given_settings: Any) -> torch.Tensor:
    fog = degradation("fog", given_settings)
    drawn = fog.draw(0, (street.image.shape[1], street.image.shape[2]))
    return fog.apply(street.image, drawn, 0, depth_m=street.depth_m)


@given(betas, metres)
def test_transmission_is_a_share(beta: float, distance: float):
    passed = transmission(torch.tensor([distance], dtype=torch.float64), beta).item()
    assert 0 < passed <= 1
    assert passed == pytest.approx(np.exp(-beta * distance))


@given(betas, st.lists(metres, min_size=2, max_size=9))
def test_transmission_falls_with_distance_and_density(beta: float, distances: list[float]):
    ordered = torch.tensor(sorted(distances), dtype=torch.float64)
    passed = transmission(ordered, beta)
    assert (passed.diff() <= 0).all()
    assert (transmission(ordered, beta + 0.01) <= passed).all()


def test_nothing_lost_over_infinite_distance_without_fog():
    assert transmission(torch.tensor([torch.inf, 0.0]), 0.0).tolist() == [1.0, 1.0]
    assert transmission(torch.tensor([torch.inf]), 0.01).tolist() == [0.0]


def test_no_density_is_no_change(street: Any):
    assert torch.equal(foggy(street, beta_per_m=0.0), street.image)


def test_it_is_koschmiedes_formula(street: Any):
    result = foggy(street, beta_per_m=0.01, airlight=AIRLIGHT, refine=False)
    passed = torch.from_numpy(np.exp(-0.01 * street.depth_m.astype(np.float64)))
    airlight = torch.tensor(AIRLIGHT, dtype=torch.float64)[:, None, None]
    expected = to_float(street.image, torch.float64) * passed + airlight * (1 - passed)
    assert torch.equal(result, to_uint8(expected))


@pytest.mark.parametrize("refine", [False, True])
def test_denser_fog_leaves_less_of_the_scene(street: Any, refine: bool):
    airlight = torch.tensor(AIRLIGHT)[:, None, None] * 255
    gaps = [
        (foggy(street, beta_per_m=beta, airlight=AIRLIGHT, refine=refine).double() - airlight).abs().mean().item()
        for beta in (0.0, 0.005, 0.01, 0.02, 0.05)
    ]
    assert all(thinner > thicker for thinner, thicker in itertools.pairwise(gaps))


def test_fog_grows_with_distance(street: Any):
    change = (foggy(street, airlight=[1, 1, 1], refine=False).double() - street.image).mean(dim=(0, 2))
    road = change[len(change) // 2 :]
    assert road[:5].mean() > 3 * road[-5:].mean() > 0


def test_the_sky_becomes_airlight(street: Any):
    result = foggy(street, airlight=AIRLIGHT, refine=False)
    assert result[:, :10].flatten(1).unique(dim=1).T.tolist() == [[204, 179, 153]]


def test_estimated_airlight_is_the_skys_colour(street: Any):
    assert foggy(street, refine=False)[:, 0, 0].tolist() == [200, 210, 225]


def test_batches_equal_single_images(street: Any):
    batch = torch.rand((4, 3, 9, 7), dtype=torch.float64)
    distance = torch.rand((4, 1, 9, 7), dtype=torch.float64) * 100
    together = veil(batch, transmission(distance, 0.02), torch.full((3, 1, 1), 0.9, dtype=torch.float64))
    for image, metres_, result in zip(batch, distance, together, strict=True):
        alone = veil(image, transmission(metres_, 0.02), torch.full((3, 1, 1), 0.9, dtype=torch.float64))
        torch.testing.assert_close(alone, result)


def test_missing_distances_are_an_error_that_names_the_way_out(street: Any):
    fog = degradation("fog", {})
    assert fog.needs_depth
    drawn = fog.draw(0, (60, 80))
    with pytest.raises(UserError, match=r"'fog' needs the distance of every pixel.*depth_proxy=ramp"):
        fog.apply(street.image, drawn, 0)
    with pytest.raises(UserError, match=r"distance map has the size \(3, 4\)"):
        fog.apply(street.image, drawn, 0, depth_m=np.ones((3, 4), np.float32))
    with pytest.raises(UserError, match="negative"):
        fog.apply(street.image, drawn, 0, depth_m=-np.ones((60, 80), np.float32))


def test_a_stand_in_for_distances_is_named(street: Any):
    fog = degradation("fog", {"depth_proxy": "ramp", "airlight": [1, 1, 1], "refine": False})
    drawn = fog.draw(0, (60, 80))
    assert not fog.needs_depth
    assert (drawn["depth"], drawn["proxy_near_m"], drawn["proxy_far_m"]) == ("proxy: ramp", 5.0, 100.0)
    change = (fog.apply(torch.zeros_like(street.image), drawn, 0).double()).mean(dim=(0, 2))
    assert (change.diff() <= 0).all()
    assert change[0] == pytest.approx(255 * (1 - np.exp(-2)), abs=1)
    assert degradation("fog", {}).draw(0, (60, 80))["depth"] == "true"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"beta_per_m": -1}, "'beta_per_m'"),
        ({"airlight": [1, 1, 2]}, "'airlight.2'"),
        ({"depth_proxy": "guess"}, "'depth_proxy'"),
        ({"proxy_near_m": 9, "proxy_far_m": 3}, "proxy_near_m is above proxy_far_m"),
    ],
)
def test_wrong_settings_are_named(wrong: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        degradation("fog", wrong)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_any_size(height: int, width: int, seed: int):
    rng = np.random.default_rng(seed)
    clean = torch.from_numpy(rng.integers(0, 256, (3, height, width), dtype=np.uint8))
    depth = rng.uniform(0, 300, (height, width)).astype(np.float32)
    fog = degradation("fog", {})
    drawn = fog.draw(seed, (height, width))
    before = clean.clone()
    result = fog.apply(clean, drawn, seed, depth_m=depth)
    assert result.shape == clean.shape
    assert torch.equal(result, fog.apply(clean, drawn, seed, depth_m=depth))
    assert torch.equal(clean, before)
