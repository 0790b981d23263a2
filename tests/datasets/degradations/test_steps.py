"""The steps, each against what it promises."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from lqbench.datasets.degradations import parse_degradation
from lqbench.datasets.degradations.kernels import gaussian_kernel
from lqbench.datasets.degradations.language import step_names
from lqbench.datasets.errors import UserError

seeds = st.integers(0, 2**62)


def image(height: int = 40, width: int = 52, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (3, height, width), dtype=np.uint8))


def flat(level: int, size: int = 128) -> torch.Tensor:
    return torch.full((3, size, size), level, dtype=torch.uint8)


def degraded(text: str, clean: torch.Tensor, seed: int = 1) -> np.ndarray:
    chain = parse_degradation(text)
    drawn = chain.draw(seed, (clean.shape[1], clean.shape[2]))
    return chain.apply(clean, drawn, seed).numpy()


def rounded(values: torch.Tensor) -> np.ndarray:
    return (values.clamp(0, 255) + 0.5 + 1e-4).floor().numpy()


def test_blur_is_a_correlation_with_the_kernel():
    kernel = torch.from_numpy(gaussian_kernel(9, 4.0, 1.0, np.pi / 6))[None, None]
    expected = F.conv2d(F.pad(image()[:, None].double(), (4,) * 4, mode="reflect"), kernel)[:, 0]
    text = "blur(aniso, var=4, var2=1, theta_deg=30, size=9)"
    np.testing.assert_array_equal(degraded(text, image()), rounded(expected))


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("factor", [1, 2, 2.5, 4])
def test_down_is_torchs_interpolation(mode: str, factor: float):
    height, width = int(40 / factor + 0.5), int(52 / factor + 0.5)
    expected = F.interpolate(image()[None].double(), size=(height, width), mode=mode)[0]
    np.testing.assert_array_equal(degraded(f"down({factor}, mode={mode})", image()), rounded(expected))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_down_with_antialiasing(mode: str):
    expected = F.interpolate(image()[None].double(), size=(20, 26), mode=mode, antialias=True)[0]
    np.testing.assert_array_equal(degraded(f"down(2, mode={mode}, antialias=yes)", image()), rounded(expected))


@pytest.mark.parametrize(("fit", "size"), [("round", (10, 13)), ("floor", (10, 12)), ("ceil", (11, 13))])
def test_sides_that_the_factor_does_not_divide(fit: str, size: tuple[int, int]):
    chain = parse_degradation(f"down(4, fit={fit})")
    drawn = chain.draw(0, (41, 51))
    assert chain.size((41, 51), drawn) == size
    assert chain.apply(image(41, 51), drawn, 0).shape == (3, *size)
    exact = (0.25, 0.25) if fit != "round" else (13 / 51, 10 / 41)
    assert chain.scale((41, 51), drawn) == exact


def test_a_floored_factor_is_torchs_scale_factor():
    expected = F.interpolate(image(41, 51)[None].double(), scale_factor=0.5, mode="bilinear")[0]
    np.testing.assert_array_equal(degraded("down(2, mode=bilinear, fit=floor)", image(41, 51)), rounded(expected))


def test_matlab_rounds_up_and_antialiases():
    small = degraded("down(2, mode=matlab)", image(41, 52))
    assert small.shape == (3, 21, 26)
    board = torch.from_numpy(np.indices((64, 64)).sum(0) % 2 * 255).to(torch.uint8).expand(3, -1, -1)
    inner = degraded("down(4, mode=matlab)", board)[:, 2:-2, 2:-2]  # at the border the mirror breaks the pattern
    assert set(np.unique(inner)) <= {127, 128}


@pytest.mark.parametrize("sigma", [3, 25])
def test_noise_has_its_sigma(sigma: int):
    noise = degraded(f"noise({sigma})", flat(128)).astype(float) - 128
    assert noise.std() == pytest.approx(np.sqrt(sigma**2 + 1 / 12), rel=0.02)
    assert np.abs(np.corrcoef(noise.reshape(3, -1)) - np.eye(3)).max() < 0.04


@pytest.mark.parametrize("level", [40, 128])
@pytest.mark.parametrize("photons", [20, 200])
def test_photon_noise_grows_with_the_root_of_the_light(level: int, photons: int):
    noisy = degraded(f"poisson({photons})", flat(level)).astype(float)
    assert noisy.mean() == pytest.approx(level, rel=0.03)
    assert noisy.std() == pytest.approx(255 * np.sqrt(level / 255 / photons), rel=0.06)
    assert (degraded("poisson(20)", flat(0)) == 0).all()


def test_jpeg_keeps_less_at_lower_quality():
    smooth = torch.from_numpy(np.indices((64, 64)).sum(0).astype(np.uint8) * 2).expand(3, -1, -1)
    errors = [
        np.abs(degraded(f"jpeg({quality})", smooth) - smooth.numpy().astype(float)).mean() for quality in (5, 50, 95)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1
    assert not np.array_equal(degraded("jpeg(50, chroma=444)", image()), degraded("jpeg(50)", image()))


def test_darkness_is_linear_in_light():
    quiet = "dark({}, shot=1e-12, read=1e-12)"
    half = degraded(quiet.format(0.5), flat(200)).astype(float).mean()
    assert half == pytest.approx(200 * 0.5 ** (1 / 2.2), abs=0.6)
    np.testing.assert_allclose(degraded(quiet.format(1), image()).astype(float), image().numpy(), atol=1)


def test_noise_in_the_dark_has_the_models_variance():
    noisy = degraded("dark(0.5, shot=0.004, read=0.0004)", flat(200, 256)) / 255.0
    light = noisy**2.2
    expected = 0.5 * (200 / 255) ** 2.2
    assert light.mean() == pytest.approx(expected, rel=0.01)
    assert light.var() == pytest.approx(0.004 * expected + 0.0004, rel=0.05)


def test_read_noise_follows_shot_noise_unless_given():
    drawn = parse_degradation("dark(0.1, shot=0.001)").draw(3, (8, 8))["steps"][0]
    assert drawn["shot_variance"] == 0.001
    assert drawn["read_variance"] == pytest.approx(np.exp(2.18 * np.log(0.001) + 1.20))
    for seed in range(50):
        drawn = parse_degradation("dark(0.02..0.18)").draw(seed, (8, 8))["steps"][0]
        assert 1e-4 <= drawn["shot_variance"] <= 0.012
        assert 0.02 <= drawn["exposure"] <= 0.18


def test_values_leave_the_range_only_between_steps():
    """Noise of both signs on black keeps its mean under a later average; clipped first, it would not."""
    averaged = degraded("noise(60)|down(8, mode=bilinear, antialias=yes)", flat(0, 256))
    assert averaged.mean() < 6


CHAINS = [
    "blur(iso, var=0.1..3, size=7/21)|down(1..4, mode=nearest/bilinear/bicubic)|noise(0..25)",
    "dark(0.1..1)|jpeg(10..90)",
    "poisson(5..50)|down(1..3, mode=matlab)|blur(aniso, var=1..6, var2=0.5..6)",
    "down(3, fit=floor)|corruption(kind=contrast, severity=2)|noise(4)",
    "fog(beta=0..0.05, depth_proxy=ramp)|down(1..3)|rain(light/heavy, depth_proxy=ramp)",
    "low-light(0.1..1)|underwater(type=1/5, depth_proxy=ramp, distance_scale=0.1)|corrupt(spatter, 2)",
]


@pytest.mark.parametrize("text", CHAINS)
@given(st.integers(9, 60), st.integers(9, 60), seeds)
@settings(max_examples=12, deadline=None)
def test_chains_keep_the_contract(text: str, height: int, width: int, seed: int):
    chain: Any = parse_degradation(text)
    clean = image(height, width, seed % 97)
    kept = clean.clone()
    drawn = chain.draw(seed, (height, width))
    result = chain.apply(clean, drawn, seed)
    assert result.dtype == torch.uint8
    assert tuple(result.shape) == (3, *chain.size((height, width), drawn))
    assert torch.equal(clean, kept)
    assert torch.equal(chain.apply(clean, drawn, seed), result)
    assert chain.draw(seed, (height, width)) == drawn


def test_one_step_leaves_the_draws_of_the_others_alone():
    first = parse_degradation("down(1..4)|noise(0..25)").draw(5, (30, 30))["steps"]
    second = parse_degradation("down(2)|noise(0..25)").draw(5, (30, 30))["steps"]
    assert first[1] == second[1]


def test_two_noises_differ():
    once, twice = degraded("noise(10)", flat(128)), degraded("noise(10)|noise(10)", flat(128))
    assert twice.astype(float).std() == pytest.approx(np.sqrt(2) * once.astype(float).std(), rel=0.05)


def test_distances_follow_the_image():
    fog = parse_degradation("down(2)|fog(beta_per_m=0.05, airlight=[1,1,1], refine=no)")
    assert fog.needs_depth
    assert not parse_degradation("down(2)").needs_depth
    depth = np.full((64, 64), 5, np.float32)
    depth[:, 32:] = np.inf
    foggy = fog.apply(flat(0, 64), fog.draw(0, (64, 64)), 0, depth_m=depth).numpy()
    assert foggy.shape == (3, 32, 32)
    assert (foggy[:, :, 16:] == 255).all()
    assert (foggy[:, :, :16] == round(255 * (1 - np.exp(-0.25)))).all()


@pytest.mark.parametrize("factor", [2.0, 2.5, 3.0])
def test_distances_stay_with_the_pixels_that_an_exact_factor_keeps(factor: float):
    """``fit=floor`` cuts off a remainder: an edge in the distances stays where the edge of the image is."""
    chain = parse_degradation(f"down({factor}, fit=floor)|fog(beta=10, airlight=[1,1,1], refine=no)")
    depth = np.zeros((101, 101), np.float32)
    depth[:, 60:] = np.inf
    foggy = chain.apply(flat(0, 101), chain.draw(0, (101, 101)), 0, depth_m=depth).numpy()
    assert foggy.shape == (3, int(101 / factor), int(101 / factor))
    white = (foggy == 255).all(axis=(0, 1))
    centres = (np.arange(len(white)) + 0.5) * factor
    assert white.tolist() == (centres >= 60).tolist()


def test_true_distances_are_needed_unless_made_up_ones_are_asked_for():
    assert parse_degradation("noise(3)|fog(0.01)").needs_depth
    ramp = parse_degradation("noise(3)|fog(0.01, depth_proxy=ramp)")
    assert not ramp.needs_depth
    assert ramp.draw(0, (9, 9))["steps"][1]["depth"] == "proxy: ramp"
    with pytest.raises(UserError, match="'rain' needs the distance of every pixel and this dataset has none"):
        chain = parse_degradation("rain(heavy)")
        chain.apply(flat(0), chain.draw(0, (32, 32)), 0)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (2, 3)])
@pytest.mark.parametrize("name", sorted({*step_names()} - {"blur", "down", "noise", "poisson", "jpeg", "dark"}))
def test_every_recipe_is_a_step_on_the_tiniest_image(name: str, size: tuple[int, int]):
    proxy = "depth_proxy=ramp" if name in ("fog", "rain", "underwater") else ""
    chain = parse_degradation(f"{name}({proxy})|noise(2)")
    for seed in range(4):
        drawn = chain.draw(seed, size)
        result = chain.apply(image(*size, seed), drawn, seed)
        assert tuple(result.shape) == (3, *chain.size(size, drawn))
        assert torch.equal(chain.apply(image(*size, seed), json.loads(json.dumps(drawn)), seed), result)
