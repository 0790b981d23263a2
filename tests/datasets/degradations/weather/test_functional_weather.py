"""Batched weather for training: equal to the recipes, the same alone and in a batch, differentiable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from lqbench.datasets.degradations import degradation
from lqbench.datasets.degradations.weather import functional as f
from lqbench.datasets.degradations.weather.rain import streak_layer
from lqbench.datasets.degradations.weather.underwater import attenuation, daylight_colour

NO_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
every_device = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=NO_CUDA)])


def scenes(device: str = "cpu", dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    """Return three images and their distances, the top rows sky."""
    stream = torch.Generator().manual_seed(2)
    images = torch.rand((3, 3, 22, 27), generator=stream, dtype=torch.float64)
    distance_m = 1 + 80 * torch.rand((3, 22, 27), generator=stream, dtype=torch.float64)
    distance_m[:, :4] = torch.inf
    return images.to(device, dtype), distance_m.to(device, dtype)


def of_each(values: list[float], rows: slice) -> torch.Tensor:
    return torch.tensor(values)[rows]


def opacity(rows: slice) -> torch.Tensor:
    return torch.linspace(0, 0.9, 3)[rows, None, None] * torch.ones(22, 27)


WATER = torch.tensor([attenuation(kind) for kind in ("I", "3", "9")])
LIGHT = torch.tensor([daylight_colour(kind, 2.5) for kind in ("I", "3", "9")])
Operation = Callable[[torch.Tensor, torch.Tensor, slice], torch.Tensor]
OPERATIONS: dict[str, Operation] = {
    "fog": lambda images, far, rows: f.fog(images, far, of_each([0.0, 0.01, 0.05], rows), refine_window_px=9),
    "plain fog": lambda images, far, rows: f.fog(images, far, 0.02, torch.tensor([0.8, 0.8, 0.9]), None),
    "rain": lambda images, far, rows: f.rain(images, far, opacity(rows), of_each([0.005, 0.01, 0.015], rows)),
    "underwater": lambda images, far, rows: f.underwater(
        images, far / 10, WATER[rows], LIGHT[rows], of_each([0.4, 0.6, 0.8], rows), of_each([1.0, 1.5, 0.5], rows)
    ),
}
EVERYTHING = slice(0, 3)


@every_device
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_image_is_treated_alone_as_in_a_batch(name: str, device: str):
    images, distance_m = scenes(device)
    kept = images.clone(), distance_m.clone()
    together = OPERATIONS[name](images, distance_m, EVERYTHING)
    for index in range(3):
        rows = slice(index, index + 1)
        alone = OPERATIONS[name](images[rows], distance_m[rows], rows)
        torch.testing.assert_close(alone, together[rows], atol=1e-6, rtol=0)
    assert together.device == images.device
    assert together.dtype == images.dtype
    assert torch.equal(images, kept[0])
    assert torch.equal(distance_m, kept[1])
    assert 0 <= together.min() <= together.max() <= 1


@pytest.mark.parametrize("name", ["plain fog", "rain", "underwater"])
def test_gradients_are_right(name: str):
    images, distance_m = scenes(dtype=torch.float64)
    far, one = distance_m[:1, 3:7, :5], slice(0, 1)
    operations: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "plain fog": lambda x: OPERATIONS[name](x, far, one),
        "rain": lambda x: f.rain(x, far, torch.full((1, 4, 5), 0.3), 0.01, torch.tensor([0.7, 0.8, 0.9])),
        "underwater": lambda x: OPERATIONS[name](x, far, one),
    }
    assert torch.autograd.gradcheck(operations[name], images[:1, :, 3:7, :5].clone().requires_grad_())


def test_gradients_pass_an_estimated_airlight_and_the_refinement():
    images, distance_m = scenes()
    images.requires_grad_()
    f.fog(images, distance_m, 0.02).sum().backward()
    assert images.grad is not None
    assert torch.isfinite(images.grad).all()
    assert images.grad.abs().sum() > 0


def recipe_and_scene(
    street: Any, name: str, settings: dict[str, Any]
) -> tuple[np.ndarray, dict[str, Any], tuple[torch.Tensor, torch.Tensor]]:
    recipe = degradation(name, settings)
    drawn = recipe.draw(7, street.depth_m.shape)
    image = street.image[None].double() / 255
    made = recipe.apply(street.image, drawn, 7, depth_m=street.depth_m).numpy()
    return made, drawn, (image, torch.from_numpy(street.depth_m)[None].double())


def as_levels(image: torch.Tensor) -> np.ndarray:
    return np.floor(image[0].clamp(0, 1).numpy() * 255 + 0.5)


@pytest.mark.parametrize("refine", [True, False])
def test_fog_is_the_recipes(street: Any, refine: bool):
    made, drawn, scene = recipe_and_scene(street, "fog", {"refine": refine})
    window = drawn["refine"]["window"] if refine else None
    np.testing.assert_allclose(as_levels(f.fog(*scene, drawn["beta_per_m"], refine_window_px=window)), made, atol=1)


def test_rain_is_the_recipes(street: Any):
    made, drawn, scene = recipe_and_scene(street, "rain", {})
    streaks = torch.from_numpy(streak_layer(7, street.depth_m.astype(np.float64), drawn))[None]
    np.testing.assert_allclose(as_levels(f.rain(*scene, streaks, drawn["beta_per_m"])), made, atol=1)


def test_water_is_the_recipes(street: Any):
    made, drawn, scene = recipe_and_scene(street, "underwater", {"distance_scale": 0.1})
    image, distance_m = scene
    kind, below = drawn["water_type"], drawn["below_surface_m"]
    beta = torch.tensor(attenuation(kind), dtype=torch.float64)
    light = torch.tensor(daylight_colour(kind, below), dtype=torch.float64)
    result = f.underwater(image, distance_m * 0.1, beta, light, drawn["background"])
    np.testing.assert_allclose(as_levels(result), made, atol=1)
