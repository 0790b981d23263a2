from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from basicsr.metrics.psnr_ssim import calculate_psnr, calculate_ssim
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from lqbench.benchmark.metrics.quality import (
    image_quality,
    metric_name,
    psnr_rgb,
    psnr_y,
    rmse_rgb,
    ssim_rgb,
    ssim_y,
)

METRICS = {"psnr_rgb": psnr_rgb, "psnr_y": psnr_y, "ssim_rgb": ssim_rgb, "ssim_y": ssim_y}


def pair_of_images(seed: int, height: int = 24, width: int = 31) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    clean = rng.integers(0, 256, (height, width, 3))
    noisy = np.clip(clean + rng.normal(0, 20, clean.shape), 0, 255)
    return noisy.astype(np.uint8), clean.astype(np.uint8)


def test_golden_values(shared_golden) -> None:
    rows = json.loads((shared_golden / "image_quality.json").read_text())["rows"]
    with np.load(shared_golden / "image_quality.npz") as arrays:
        for row in rows:
            a, b = arrays[f"a{row['pair']}"], arrays[f"b{row['pair']}"]
            for name, metric in METRICS.items():
                assert metric(a, b, row["crop"]) == pytest.approx(row[name], rel=1e-9)


@pytest.mark.parametrize("crop", [0, 4])
def test_equals_basicsr(crop: int) -> None:
    a, b = pair_of_images(6, 40, 33)
    # BasicSR takes BGR; its luma passes through single precision.
    bgr_a, bgr_b = (np.ascontiguousarray(image[..., ::-1]) for image in (a, b))
    assert psnr_rgb(a, b, crop) == pytest.approx(calculate_psnr(bgr_a, bgr_b, crop), abs=1e-9)
    assert ssim_rgb(a, b, crop) == pytest.approx(calculate_ssim(bgr_a, bgr_b, crop), abs=1e-9)
    assert psnr_y(a, b, crop) == pytest.approx(calculate_psnr(bgr_a, bgr_b, crop, test_y_channel=True), abs=1e-5)
    assert ssim_y(a, b, crop) == pytest.approx(calculate_ssim(bgr_a, bgr_b, crop, test_y_channel=True), abs=1e-6)


def test_bicubic_enlargement_of_set5(shared_data: Path) -> None:
    files = sorted((shared_data / "sr" / "Set5").glob("*.png"))
    if not files:
        pytest.skip(f"no images of Set5 in {shared_data / 'sr'}")
    measured = []
    for file in files:
        clean = Image.open(file).convert("RGB")
        clean = clean.crop((0, 0, clean.width // 4 * 4, clean.height // 4 * 4))
        low = clean.resize((clean.width // 4, clean.height // 4), Image.Resampling.BICUBIC)
        enlarged = low.resize(clean.size, Image.Resampling.BICUBIC)
        measured.append(image_quality(np.asarray(enlarged), np.asarray(clean), crop=4))
    means = {name: float(np.mean([values[name] for values in measured])) for name in measured[0]}
    # 28.43 dB is also what is known of MATLAB's bicubic on Set5; the others were measured here.
    assert means["PSNR_Y_crop4"] == pytest.approx(28.43, abs=0.005)
    assert means["PSNR_RGB_crop4"] == pytest.approx(26.69, abs=0.005)
    assert means["SSIM_Y_crop4"] == pytest.approx(0.811, abs=0.0005)
    assert means["SSIM_RGB_crop4"] == pytest.approx(0.773, abs=0.0005)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), height=st.integers(11, 40), width=st.integers(11, 40))
def test_rgb_equals_skimage(seed: int, height: int, width: int) -> None:
    a, b = pair_of_images(seed, height, width)
    expected = structural_similarity(
        a, b, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim_rgb(a, b) == pytest.approx(expected, abs=1e-9)
    assert psnr_rgb(a, b) == pytest.approx(peak_signal_noise_ratio(b, a, data_range=255), abs=1e-9)


def test_luma_is_studio_swing_and_not_rounded() -> None:
    black, white = np.zeros((12, 12, 3), np.uint8), np.full((12, 12, 3), 255, np.uint8)
    assert psnr_y(black, white) == pytest.approx(20 * math.log10(255 / 219))
    grey = np.full((12, 12, 3), 100, np.uint8)
    step = np.array([0, 0, 1], np.uint8)
    assert psnr_y(grey, grey + step) == pytest.approx(20 * math.log10(255 * 255 / 24.966))


def test_uint8_does_not_wrap_around() -> None:
    black, white = np.zeros((12, 12, 3), np.uint8), np.full((12, 12, 3), 255, np.uint8)
    for a, b in ((black, white), (white, black)):
        assert rmse_rgb(a, b) == 255.0
        assert psnr_rgb(a, b) == 0.0


@pytest.mark.parametrize("name", METRICS)
def test_uint8_equals_float64_and_order_of_images_does_not_matter(name: str) -> None:
    a, b = pair_of_images(1)
    metric = METRICS[name]
    assert metric(a, b) == metric(a.astype(np.float64), b.astype(np.float64))
    assert metric(a, b) == pytest.approx(metric(b, a), rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_crop_leaves_the_border_out(name: str) -> None:
    a, b = pair_of_images(2)
    spoilt = a.copy()
    spoilt[:4] = spoilt[-4:] = 0
    spoilt[:, :4] = spoilt[:, -4:] = 0
    metric = METRICS[name]
    assert metric(spoilt, b, 4) == metric(a, b, 4) == metric(a[4:-4, 4:-4], b[4:-4, 4:-4])
    assert metric(spoilt, b) < metric(a, b)


def test_identical_images() -> None:
    a, _ = pair_of_images(3)
    assert psnr_y(a, a) == psnr_rgb(a, a) == math.inf
    assert ssim_y(a, a) == pytest.approx(1.0, abs=1e-12)


def test_names_state_the_crop() -> None:
    a, b = pair_of_images(4)
    assert metric_name("PSNR_Y", 0) == "PSNR_Y"
    together = image_quality(a, b, crop=4)
    assert together == {f"{name.upper()}_crop4": metric(a, b, 4) for name, metric in METRICS.items()}
    assert set(image_quality(a, b)) == {"PSNR_Y", "SSIM_Y", "PSNR_RGB", "SSIM_RGB"}


def test_refuses_what_cannot_be_compared() -> None:
    a, b = pair_of_images(5)
    with pytest.raises(ValueError, match=r"one shape \(H, W, 3\)"):
        psnr_y(a, b[:-1])
    with pytest.raises(ValueError, match=r"one shape \(H, W, 3\)"):
        psnr_y(a.transpose(2, 0, 1), b.transpose(2, 0, 1))
    with pytest.raises(ValueError, match="leaves nothing"):
        psnr_y(a, b, 12)
    with pytest.raises(ValueError, match="leaves nothing"):
        psnr_y(a, b, -1)
    with pytest.raises(ValueError, match="11 x 11"):
        ssim_y(a, b, 7)
    with pytest.raises(ValueError, match=r"\[0, 255\]"):
        psnr_y(a.astype(np.float64) + 1.0, b.astype(np.float64) + 1.0)
    with pytest.raises(ValueError, match=r"\[0, 255\]"):
        psnr_y(np.full(a.shape, np.nan), b.astype(np.float64))
