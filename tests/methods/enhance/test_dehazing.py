"""Dehazing by a dark channel, against plain loops and against fog of known thickness."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from lqbench.datasets.dataset import open_dataset
from lqbench.datasets.degradations.resize import to_float, to_uint8
from lqbench.datasets.degradations.weather.airlight import estimate_airlight
from lqbench.datasets.degradations.weather.optics import veil
from lqbench.methods.enhance.dehaze import atmospheric_light, dehaze, transmission
from lqbench.methods.enhance.settings import DehazeSettings, UnderwaterSettings

Floats = NDArray[np.float64]
SMALL = {"window": 3, "refine_window": 5, "airlight_share": 0.05}


def random_image(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (3, height, width))) / 255


def around(y: int, x: int, window: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the part of a square around a pixel that lies inside an image."""
    rows, columns = (
        slice(max(0, at - window // 2), min(length, at + window // 2 + 1))
        for at, length in zip((y, x), shape, strict=True)
    )
    return rows, columns


def slow_dark(image: Floats, channels: tuple[int, ...], window: int) -> Floats:
    dark = np.empty(image.shape[1:])
    for y, x in np.ndindex(dark.shape):
        rows, columns = around(y, x, window, dark.shape)
        dark[y, x] = min(image[c, rows, columns].min() for c in channels)
    return dark


def slow_airlight(image: Floats, dark: Floats, share: float) -> Floats:
    """Return the most intense colour among the pixels with the brightest dark channel."""
    count = max(1, int(share * dark.size))
    limit = sorted(dark.ravel(), reverse=True)[count - 1]
    chosen = [place for place in np.ndindex(dark.shape) if dark[place] >= limit]
    y, x = max(chosen, key=lambda place: image[:, place[0], place[1]].sum())
    return image[:, y, x].copy()


def slow_guided_filter(passed: Floats, guide: Floats, window: int, epsilon: float) -> Floats:
    """Fit a plane over colour in each window, and average the planes of all windows that hold a pixel."""
    planes = np.empty((4, *passed.shape))
    for y, x in np.ndindex(passed.shape):
        rows, columns = around(y, x, window, passed.shape)
        colours, values = guide[:, rows, columns].reshape(3, -1), passed[rows, columns].ravel()
        covariance = np.cov(colours, bias=True) + epsilon * np.eye(3)
        slope = np.linalg.solve(covariance, (colours * values).mean(1) - colours.mean(1) * values.mean())
        planes[:, y, x] = [*slope, values.mean() - slope @ colours.mean(1)]
    smooth = np.empty_like(passed)
    for y, x in np.ndindex(passed.shape):
        rows, columns = around(y, x, window, passed.shape)
        *slope, offset = planes[:, rows, columns].reshape(4, -1).mean(1)
        smooth[y, x] = np.dot(slope, guide[:, y, x]) + offset
    return smooth


def slow_dehaze(image: Floats, s: DehazeSettings) -> Floats:
    airlight = slow_airlight(image, slow_dark(image, s.channels, s.window), s.airlight_share)
    passed = 1 - s.omega * slow_dark(image / airlight[:, None, None], s.channels, s.window)
    passed = slow_guided_filter(passed, image, s.refine_window, s.refine_epsilon)
    passed = np.clip(passed, s.least_transmission, 1)
    return np.clip((image - airlight[:, None, None]) / passed + airlight[:, None, None], 0, 1)


@pytest.mark.parametrize("settings", [DehazeSettings(**SMALL), UnderwaterSettings(**SMALL, omega=0.8)])
def test_it_is_what_plain_loops_compute(settings: DehazeSettings) -> None:
    image = random_image(11, 14) * 0.6 + 0.3
    np.testing.assert_allclose(dehaze(image, settings), slow_dehaze(image.double().numpy(), settings), atol=1e-9)


def test_a_window_of_one_leaves_the_transmission_unsmoothed() -> None:
    image = random_image(9, 8).double() * 0.5 + 0.4
    settings = DehazeSettings(window=3, refine_window=1)
    airlight = atmospheric_light(image, settings)
    passed = transmission(image, airlight, settings).clamp(0.1, 1)
    torch.testing.assert_close(dehaze(image, settings), ((image - airlight) / passed + airlight).clamp(0, 1))


def test_underwater_red_tells_nothing_of_the_haze() -> None:
    image = random_image(20, 20)
    faded = image * torch.tensor([0.0, 1.0, 1.0])[:, None, None]
    settings = UnderwaterSettings(window=3)
    airlight = torch.ones(3, 1, 1, dtype=torch.float64)
    torch.testing.assert_close(
        transmission(faded.double(), airlight, settings), transmission(image.double(), airlight, settings)
    )
    assert (transmission(faded.double(), airlight, DehazeSettings(window=3)) == 1).all()


def test_fog_of_known_thickness_is_removed_where_the_prior_holds() -> None:
    """Saturated colours in every square make the clean dark channel 0, which is all that the prior asks."""
    rng = np.random.default_rng(1)
    clean = torch.from_numpy(rng.random((3, 96, 96)))
    clean[rng.integers(0, 3, (24, 24)).repeat(4, 0).repeat(4, 1) == torch.arange(3).numpy()[:, None, None]] = 0
    airlight = torch.tensor([0.9, 0.92, 0.95], dtype=torch.float64)[:, None, None]
    depth = torch.linspace(3, 0.1, 96, dtype=torch.float64)[None, :, None]
    foggy = to_float(to_uint8(veil(clean, torch.exp(-depth), airlight)))
    restored = dehaze(foggy, DehazeSettings())
    assert psnr(restored, clean) > psnr(foggy.double(), clean) + 3
    found = transmission(foggy.double(), airlight, DehazeSettings())
    assert (found - torch.exp(-depth)).abs().mean() < 0.15


def psnr(image: Tensor, clean: Tensor) -> float:
    return -10 * float(torch.log10(((image - clean) ** 2).mean()))


def test_the_light_of_a_tracks_fog_is_found() -> None:
    dataset = open_dataset("scenes-fog", limit=4)
    for index in range(4):
        sample = dataset.sample(index, clean=True)
        assert sample.clean is not None
        found = atmospheric_light(to_float(sample.image).double(), DehazeSettings())
        assert (found - estimate_airlight(to_float(sample.clean))).abs().max() < 0.02


def test_of_equal_pixels_the_first_lends_its_colour() -> None:
    image = torch.full((3, 6, 6), 0.2, dtype=torch.float64)
    image[:, 2, 1] = torch.tensor([0.9, 0.3, 0.3], dtype=torch.float64)
    image[:, 4, 5] = torch.tensor([0.3, 0.3, 0.9], dtype=torch.float64)
    assert atmospheric_light(image, DehazeSettings(window=1, airlight_share=0.1)).flatten().tolist() == [0.9, 0.3, 0.3]


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (40, 3)])
@pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("settings", [DehazeSettings(), UnderwaterSettings()])
def test_plain_images_stay_what_they_are(size: tuple[int, int], level: float, settings: DehazeSettings) -> None:
    image = torch.full((3, *size), level)
    restored = dehaze(image, settings)
    assert restored.dtype == torch.float64
    assert torch.equal(to_uint8(restored), to_uint8(image))


@pytest.mark.parametrize("settings", [DehazeSettings(), UnderwaterSettings()])
def test_results_are_in_range_and_the_same_again_and_inputs_are_left(settings: DehazeSettings) -> None:
    image = random_image(50, 37)
    before = image.clone()
    restored = dehaze(image, settings)
    assert restored.min() >= 0
    assert restored.max() <= 1
    assert torch.equal(restored, dehaze(image, settings))
    assert torch.equal(image, before)
