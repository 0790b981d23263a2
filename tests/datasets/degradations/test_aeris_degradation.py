"""Blur, down-sampling, noise: equal to the official formula, drawn as documented, a pure function."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from lqbench.datasets.degradations import degradation
from lqbench.datasets.degradations.aeris import AerisParameters, degrade, degrade_to_uint8
from lqbench.datasets.degradations.kernels import gaussian_kernel
from lqbench.datasets.degradations.noise import gaussian_noise, table_noise
from lqbench.datasets.degradations.rounding import round_levels

DRAWS = 4000
sides = st.integers(1, 70)
seeds = st.integers(0, 2**63 - 1)


def photo(height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (3, height, width), dtype=np.uint8))


def parameters(**changes: Any) -> dict[str, Any]:
    return {"blur": "none", "scale_factor": 1.0, "interpolation": "nearest", "noise_sigma_255": 0.0, **changes}


@pytest.fixture(scope="module")
def drawn() -> list[dict[str, Any]]:
    aeris = degradation("aeris", {})
    return [aeris.draw(seed, (480, 640)) for seed in range(DRAWS)]


def test_it_equals_the_official_formula(shared_golden: Path):
    cases = json.loads((shared_golden / "aeris_degradation.json").read_text())["cases"]
    arrays = np.load(shared_golden / "aeris_degradation.npz")
    image = arrays["image"].astype(np.float64)
    assert cases
    for case in cases:
        number, shape = case["case"], case["kernel"]
        kernel = gaussian_kernel(shape[0], *shape[1:]) if shape else None
        result = degrade(image, kernel, case["interpolation"], arrays[f"noise{number}"].astype(np.float64))
        np.testing.assert_allclose(result, arrays[f"out{number}"], rtol=1e-4, atol=1e-5)


def awkward_image(kind: str, height: int, width: int, seed: int) -> np.ndarray:
    """Make an image whose averages fall between two levels as often as can be."""
    rows, columns = np.indices((height, width))
    plane = {
        "random": np.random.default_rng(seed).integers(0, 256, (height, width)),
        "black and white": np.random.default_rng(seed).integers(0, 2, (height, width)) * 255,
        "checkerboard": (rows + columns) % 2 * 255,
        "ramp": (rows + columns) % 256,
        "one level": np.full((height, width), seed % 256),
    }[kind]
    return np.stack([plane, plane.T if height == width else plane[::-1], 255 - plane]).astype(np.uint8)


@given(
    st.sampled_from(["random", "black and white", "checkerboard", "ramp", "one level"]),
    st.integers(1, 90),
    st.integers(1, 90),
    seeds,
    st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_single_precision_rounds_as_double_precision_does(kind: str, height: int, width: int, seed: int, noisy: bool):
    aeris = degradation("aeris", {} if noisy else {"noise_sigma_255": [0, 0]})
    drawn = AerisParameters.model_validate(aeris.draw(seed, (height, width)))
    noise = table_noise(seed, (3, *aeris.size((height, width), drawn.model_dump())), drawn.noise_sigma_255)
    image = awkward_image(kind, height, width, seed)
    precise = degrade(image, drawn.kernel(), drawn.interpolation, noise.values())
    quick = degrade_to_uint8(image, drawn.kernel(), drawn.interpolation, noise)
    np.testing.assert_array_equal(quick, round_levels(precise))


@pytest.mark.parametrize("blur", ["iso", "aniso"])
def test_it_stays_close_to_the_whole_kernel(blur: str):
    """Every tap counts in torch's convolution; at most 0.003 grey levels may be lost by separating the kernel."""
    aeris = degradation("aeris", {"blur_types": [blur], "scale_factors": [1.0]})
    image = awkward_image("black and white", 64, 80, 3)
    for seed in range(40):
        drawn = AerisParameters.model_validate(aeris.draw(seed, (64, 80)))
        kernel = drawn.kernel()
        assert kernel is not None
        padded = F.pad(torch.from_numpy(image)[:, None].double(), (len(kernel) // 2,) * 4, mode="reflect")
        expected = F.conv2d(padded, torch.from_numpy(kernel)[None, None])[:, 0].numpy()
        result = degrade(image, kernel, drawn.interpolation, np.zeros((3, 64, 80)))
        np.testing.assert_allclose(result, expected, atol=0.003)


@given(sides, sides, seeds)
@settings(max_examples=60, deadline=None)
def test_any_size_and_seed(height: int, width: int, seed: int):
    aeris, clean = degradation("aeris", {}), photo(height, width)
    before = clean.clone()
    drawn = aeris.draw(seed, (height, width))
    degraded = aeris.apply(clean, drawn, seed)
    h, w = aeris.size((height, width), drawn)
    assert degraded.dtype == torch.uint8
    assert degraded.shape == (3, h, w)
    assert 1 <= h <= height
    assert 1 <= w <= width
    assert torch.equal(clean, before), "the clean image was modified in place"
    assert torch.equal(aeris.apply(clean, json.loads(json.dumps(drawn)), seed), degraded)
    assert aeris.draw(seed, (height, width)) == drawn


@given(st.integers(8, 700), st.integers(8, 700), seeds)
@settings(max_examples=80, deadline=None)
def test_scale_is_the_true_ratio_of_the_sizes(height: int, width: int, seed: int):
    aeris = degradation("aeris", {})
    drawn = aeris.draw(seed, (height, width))
    h, w = aeris.size((height, width), drawn)
    sx, sy = aeris.scale((height, width), drawn)
    assert (sx * width, sy * height) == pytest.approx((w, h))
    assert abs(h - height / drawn["scale_factor"]) <= 0.5
    box = np.array([0.0, 0.0, width, height]) * [sx, sy, sx, sy]
    np.testing.assert_allclose(box, [0, 0, w, h])


@given(sides, sides, seeds, st.integers(0, 255))
@settings(max_examples=40, deadline=None)
def test_a_constant_image_without_noise_stays_constant(height: int, width: int, seed: int, level: int):
    aeris = degradation("aeris", {"noise_sigma_255": [0, 0]})
    clean = torch.full((3, height, width), level, dtype=torch.uint8)
    assert (aeris.apply(clean, aeris.draw(seed, (height, width)), seed) == level).all()


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_nothing_drawn_changes_nothing(mode: str):
    clean = photo(33, 21)
    assert torch.equal(degradation("aeris", {}).apply(clean, parameters(interpolation=mode), 5), clean)


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("blur", ["none", "iso", "aniso"]),
        ("interpolation", ["nearest", "bilinear", "bicubic"]),
        ("scale_factor", [tenths / 10 for tenths in range(10, 41)]),
        ("kernel_size", [7, 9, 11, 13, 15, 17, 19, 21]),
    ],
)
def test_choices_are_equally_likely(drawn: list[dict[str, Any]], field: str, options: list[Any]):
    counts = Counter(one[field] for one in drawn if one[field] is not None)
    assert set(counts) == set(options)
    expected = sum(counts.values()) / len(options)
    chi_square = sum((counts[option] - expected) ** 2 / expected for option in options)
    freedom = len(options) - 1
    assert chi_square < freedom + 4 * math.sqrt(2 * freedom) + 4


def unit(one: dict[str, Any], field: str) -> float:
    """Map a drawn value back to [0, 1] by its documented range."""
    low, high = {
        ("iso", "variance1"): (0.1, 2.4),
        ("aniso", "variance1"): (0.5, 6.0),
        ("aniso", "variance2"): (0.5, one["variance1"]),
        ("aniso", "theta"): (0.0, math.pi),
    }.get((one["blur"], field), (0.0, 25.0))
    return (one[field] - low) / (high - low)


@pytest.mark.parametrize(
    ("blurs", "field"),
    [
        ({"iso"}, "variance1"),
        ({"aniso"}, "variance1"),
        ({"aniso"}, "variance2"),
        ({"aniso"}, "theta"),
        ({"none", "iso", "aniso"}, "noise_sigma_255"),
    ],
)
def test_ranges_are_uniform(drawn: list[dict[str, Any]], blurs: set[str], field: str):
    values = np.sort([unit(one, field) for one in drawn if one["blur"] in blurs])
    assert 0 <= values[0] <= values[-1] <= 1
    distance = np.abs(values - (np.arange(len(values)) + 0.5) / len(values)).max()
    assert distance < 2 / math.sqrt(len(values)), "Kolmogorov-Smirnov distance to the uniform distribution"


def test_unused_fields_are_none(drawn: list[dict[str, Any]]):
    used = {
        "none": set(),
        "iso": {"kernel_size", "variance1"},
        "aniso": {"kernel_size", "variance1", "variance2", "theta"},
    }
    for one in drawn:
        fields = {f for f in ("kernel_size", "variance1", "variance2", "theta") if one[f] is not None}
        assert fields == used[one["blur"]]


def test_one_setting_leaves_the_other_draws_alone():
    plain, sharp = degradation("aeris", {}), degradation("aeris", {"blur_types": ["none"]})
    for seed in range(20):
        first, second = plain.draw(seed, (9, 9)), sharp.draw(seed, (9, 9))
        assert second["blur"] == "none"
        assert [first[f] for f in ("scale_factor", "noise_sigma_255")] == [
            second[f] for f in ("scale_factor", "noise_sigma_255")
        ]


@pytest.mark.parametrize("sigma", [2.0, 10.0, 25.0])
def test_noise_has_the_drawn_sigma_in_degraded_pixels(sigma: float):
    clean = torch.full((3, 300, 300), 128, dtype=torch.uint8)
    degraded = degradation("aeris", {}).apply(clean, parameters(scale_factor=2.0, noise_sigma_255=sigma), 7)
    noise = degraded.double().numpy() - 128
    assert noise.std() == pytest.approx(math.sqrt(sigma**2 + 1 / 12), rel=0.02)
    assert abs(noise.mean()) < 0.15
    channels = np.corrcoef(noise.reshape(3, -1))
    assert np.abs(channels - np.eye(3)).max() < 0.03, "the channels' noise is correlated"
    assert abs(np.corrcoef(noise[:, :, 1:].ravel(), noise[:, :, :-1].ravel())[0, 1]) < 0.02, "neighbours are correlated"


def test_noise_depends_on_the_seed():
    first, second = gaussian_noise(1, (3, 8, 8), 1.0), gaussian_noise(2, (3, 8, 8), 1.0)
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(first, gaussian_noise(1, (3, 8, 8), 1.0))


def test_blur_comes_before_down_sampling():
    """A checkerboard sampled at every second pixel is flat; blurred first it turns grey."""
    board = torch.from_numpy(np.indices((64, 64)).sum(0) % 2 * 255).to(torch.uint8).expand(3, -1, -1)
    aeris = degradation("aeris", {})
    sampled = aeris.apply(board, parameters(scale_factor=2.0), 0)
    blurred = aeris.apply(board, parameters(scale_factor=2.0, blur="iso", kernel_size=15, variance1=2.4), 0)
    assert sampled.unique().tolist() == [0]
    assert set(blurred.unique().tolist()) <= {127, 128}


def test_values_are_clipped_not_wrapped():
    aeris, noisy = degradation("aeris", {}), parameters(noise_sigma_255=25.0)
    black = aeris.apply(torch.zeros((3, 50, 50), dtype=torch.uint8), noisy, 0)
    white = aeris.apply(torch.full((3, 50, 50), 255, dtype=torch.uint8), noisy, 0)
    assert black.max() < 150
    assert (black == 0).float().mean() > 0.4
    assert white.min() > 105


def test_one_pixel_under_the_largest_kernel():
    aeris = degradation("aeris", {})
    drawn = parameters(blur="aniso", kernel_size=21, variance1=6.0, variance2=1.0, theta=1.0, scale_factor=4.0)
    clean = photo(1, 1)
    assert torch.equal(aeris.apply(clean, drawn, 0), clean)
