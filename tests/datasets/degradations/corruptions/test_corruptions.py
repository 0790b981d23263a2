"""The 19 corruptions: stronger with severity, seeded, any size, and what each of them promises."""

from __future__ import annotations

import hashlib
import itertools
import subprocess
import sys
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.datasets.degradations import degradation
from lqbench.datasets.degradations.corruptions import BENCHMARK_KINDS, GROUPS, KINDS, SEVERITIES
from lqbench.datasets.degradations.corruptions.recipe import MODULES, corrupt
from lqbench.datasets.errors import UserError

CONSTANT_SEEDS = range(3)
NOT_BY_PSNR = {"fog", "frost", "glass_blur", "saturate", "snow"}
"""Kinds whose published constants do not raise the error at every step, or whose random field decides more than they
do: of these only the first and the last severity are compared."""


def natural(height: int = 120, width: int = 150, seed: int = 0) -> np.ndarray:
    """Make an image with the 1/f spectrum of photographs, correlated channels and a few edges."""
    rng = np.random.default_rng(seed)
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :]
    spectrum = 1 / np.maximum(np.hypot(rows, columns), 1 / max(height, width))
    fields = [np.fft.ifft2(spectrum * np.fft.fft2(rng.standard_normal((height, width)))).real for _ in range(4)]
    image = np.stack([fields[3] + 0.4 * field for field in fields[:3]], -1)
    image = 0.5 + 0.16 * (image - image.mean()) / image.std()
    image[height // 3 : height // 2, width // 4 : width // 2] = (0.75, 0.3, 0.2)
    image[height // 2 :, 3 * width // 4 :] *= 0.5
    return (image.clip(0, 1) * 255).astype(np.uint8)


def corrupted(image: np.ndarray, kind: Any, severity: int, seed: int = 0) -> np.ndarray:
    recipe = degradation("corruption", {"kind": kind, "severity": severity})
    clean = recipe.prepare(image)
    result = recipe.apply(clean, recipe.draw(seed, (image.shape[0], image.shape[1])), seed)
    assert result.dtype == torch.uint8
    assert result.shape == clean.shape
    return result.permute(1, 2, 0).numpy()


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    error = np.square(first.astype(np.float64) - second).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def damage(kind: str, measure: Any = psnr) -> list[float]:
    images = [natural(seed=seed) for seed in CONSTANT_SEEDS]
    return [
        float(np.mean([measure(corrupted(image, kind, severity, 7 + i), image) for i, image in enumerate(images)]))
        for severity in SEVERITIES
    ]


def slope(result: np.ndarray, image: np.ndarray) -> float:
    """Return how much of the clean image's contrast is left, whatever was laid over it."""
    clean = image.astype(np.float64).ravel() - image.mean()
    return float((clean * result.astype(np.float64).ravel()).sum() / np.square(clean).sum())


def falls(values: list[float]) -> bool:
    return all(before > after for before, after in itertools.pairwise(values))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in NOT_BY_PSNR])
def test_each_severity_damages_more(kind: str):
    assert falls(damage(kind))


@pytest.mark.parametrize("kind", ["fog", "frost"])
def test_the_last_severity_leaves_less_contrast_than_the_first(kind: str):
    left = damage(kind, slope)
    assert left[0] < 1.1
    assert left[4] < 0.75 * left[0]


@pytest.mark.parametrize("kind", ["glass_blur", "saturate", "snow"])
def test_the_last_severity_damages_more_than_the_first(kind: str):
    values = damage(kind)
    assert values[4] < values[0] - 1


def test_groups_hold_every_kind_once():
    grouped = [kind for kinds in GROUPS.values() for kind in kinds]
    assert sorted(grouped) == sorted(KINDS)
    assert len(KINDS) == 19
    assert len(BENCHMARK_KINDS) == 15
    assert not set(BENCHMARK_KINDS) & set(GROUPS["holdout"])
    assert sorted(kind for kinds in MODULES.values() for kind in kinds) == sorted(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_and_nothing_else_does(kind: Any):
    image = natural(40, 50)
    before = image.copy()
    first = corrupted(image, kind, 3, seed=11)
    np.random.default_rng(0).random(10)
    np.testing.assert_array_equal(corrupted(image, kind, 3, seed=11), first)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    "kind", ["gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "glass_blur", "snow", "frost", "fog"]
)
def test_severities_and_seeds_have_streams_of_their_own(kind: Any):
    image = natural(40, 50)
    assert (corrupted(image, kind, 2, 1) != corrupted(image, kind, 2, 2)).any()
    assert (corrupted(image, kind, 2, 1) != corrupted(image, kind, 3, 1)).any()


@given(st.sampled_from(KINDS), st.sampled_from(SEVERITIES), st.integers(1, 33), st.integers(1, 33), st.integers(0, 99))
@settings(max_examples=120, deadline=None)
def test_any_size(kind: Any, severity: int, height: int, width: int, seed: int):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    values = corrupt(image, kind, severity, seed)
    assert values.shape == image.shape
    assert np.isfinite(values).all()
    corrupted(image, kind, severity, seed)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [0, 255])
def test_black_and_white_do_not_wrap(kind: Any, level: int):
    """What lies beyond the range is clipped: smooth effects leave black dark and white bright."""
    image = np.full((48, 48, 3), level, np.uint8)
    for severity in (1, 5):
        result = corrupted(image, kind, severity).astype(np.float64)
        if kind in {"defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "gaussian_blur", "elastic_transform"}:
            assert (result == level).all()
        elif kind in {"pixelate", "contrast", "jpeg_compression"}:
            assert np.abs(result - level).max() <= 2
        elif kind in {"gaussian_noise", "impulse_noise"}:
            assert abs(np.median(result) - level) <= 4
        elif level == 255 and kind in {"brightness", "snow", "frost"}:
            assert result.mean() > 150


@pytest.mark.parametrize("kind", ["defocus_blur", "motion_blur", "gaussian_blur", "zoom_blur", "pixelate"])
def test_blurs_keep_the_mean(kind: Any):
    image = natural()
    assert corrupted(image, kind, 3).mean() == pytest.approx(image.mean(), abs=3)


def test_noise_has_the_published_strength():
    grey = np.full((200, 200, 3), 128, np.uint8)
    assert corrupted(grey, "gaussian_noise", 1).std() == pytest.approx(0.08 * 255, rel=0.02)
    assert corrupted(grey, "speckle_noise", 1).std() == pytest.approx(0.15 * 128, rel=0.02)
    assert corrupted(grey, "shot_noise", 1).std() == pytest.approx(255 * np.sqrt(128 / 255 / 60), rel=0.02)
    hit = corrupted(grey, "impulse_noise", 4)
    assert (hit == 255).mean() == pytest.approx(0.085, rel=0.05)
    assert (hit == 0).mean() == pytest.approx(0.085, rel=0.05)


def test_brightness_keeps_hue_and_saturation():
    image = natural()
    result = corrupted(image, "brightness", 2).astype(np.float64)
    inside = (image.min(-1) > 60) & (image.max(-1) < 190)
    ratio = result[inside] / image[inside]
    assert ratio.std(axis=1).max() < 0.02
    assert (corrupted(np.zeros((2, 2, 3), np.uint8), "brightness", 2) == 51).all()


@pytest.mark.parametrize("severity", SEVERITIES)
def test_saturation_is_that_of_hsv(severity: int):
    factor, more = [(0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)][severity - 1]
    image = natural()
    hsv = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    hsv[..., 1] = (hsv[..., 1] * factor + more).clip(0, 1)
    expected = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255
    assert np.abs(corrupted(image, "saturate", severity) - expected).max() < 1.0


def test_pixelation_shows_whole_blocks():
    result = corrupted(natural(80, 80), "pixelate", 5)
    blocks = result.reshape(20, 4, 20, 4, 3)
    assert (blocks == blocks[:, :1, :, :1]).all()


def test_frost_says_that_its_texture_is_drawn():
    assert degradation("corruption", {"kind": "frost", "severity": 2}).draw(0, (9, 9)) == {
        "kind": "frost",
        "severity": 2,
        "texture": "procedural",
    }


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"kind": "rust"}, "'kind'"), ({"severity": 0}, "'severity'"), ({"severity": 6}, "'severity'")],
)
def test_wrong_settings_are_named(wrong: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        degradation("corruption", wrong)


def digest() -> str:
    """Hash every kind at severities 2 and 5 on one image; JPEG is left out, its bytes are its library's."""
    image, total = natural(64, 80), hashlib.sha256()
    for kind in KINDS:
        if kind != "jpeg_compression":
            for severity in (2, 5):
                total.update(corrupted(image, kind, severity, 3).tobytes())
    return total.hexdigest()[:16]


def test_bytes_do_not_depend_on_threads():
    before = torch.get_num_threads(), cv2.getNumThreads()
    digests = set()
    try:
        for threads in (1, 2, 8):
            torch.set_num_threads(threads)
            cv2.setNumThreads(threads)
            digests.add(digest())
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
    assert len(digests) == 1


def test_the_names_cost_no_torch_and_no_opencv():
    program = (
        "import sys, lqbench.datasets.degradations.corruptions.recipe; "
        "sys.exit('torch' in sys.modules or 'cv2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
