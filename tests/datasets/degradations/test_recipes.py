"""The sets with a single degradation, against the constants of both published versions."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lqbench.datasets.degradations import degradation
from lqbench.datasets.errors import UserError


@pytest.mark.parametrize(
    ("name", "settings", "text"),
    [
        ("blur-iso", {}, "blur(kind=iso, var=3, size=17)"),
        ("blur-iso", {"variant": "v1"}, "blur(kind=iso, var=2.4, size=17)"),
        ("blur-aniso", {}, "blur(kind=aniso, var=5, var2=2.3, theta_deg=60, size=17)"),
        ("blur-aniso", {"variant": "v1"}, "blur(kind=aniso, var=5, var2=2.3, theta_deg=60, size=17)"),
        ("noise", {}, "noise(sigma_255=10)"),
        ("noise", {"sigma": "random"}, "noise(sigma_255=5..50)"),
        ("resolution", {}, "down(factor=2, mode=bicubic/bilinear/nearest, antialias=no, fit=floor)"),
        (
            "resolution",
            {"variant": "v1", "factor": 4},
            "down(factor=4, mode=bicubic/bilinear/nearest, antialias=no, fit=floor)",
        ),
        ("jpeg", {"quality": 20}, "jpeg(quality=20, chroma=420)"),
        ("poisson", {"photons": [10, 40]}, "poisson(photons=10..40)"),
        ("low-light", {"exposure": 0.1}, "dark(exposure=0.1, gamma=2.2, shot=0.0001..0.012)"),
    ],
)
def test_constants(name: str, settings: dict[str, Any], text: str):
    recipe: Any = degradation(name, settings)
    assert recipe.text == text


def test_the_interpolation_is_drawn_for_each_image():
    recipe = degradation("resolution", {})
    modes = [recipe.draw(seed, (30, 30))["steps"][0]["mode"] for seed in range(300)]
    assert {mode: modes.count(mode) > 70 for mode in set(modes)} == {"nearest": True, "bilinear": True, "bicubic": True}


def test_boxes_are_divided_by_the_factor():
    recipe = degradation("resolution", {})
    drawn = recipe.draw(0, (41, 51))
    assert recipe.size((41, 51), drawn) == (20, 25)
    assert recipe.scale((41, 51), drawn) == (0.5, 0.5)
    assert recipe.apply(torch.zeros((3, 41, 51), dtype=torch.uint8), drawn, 0).shape == (3, 20, 25)


def test_an_unknown_version_is_told():
    with pytest.raises(UserError, match=r"setting 'variant' of the degradation 'blur-iso'.*'head' or 'v1'"):
        degradation("blur-iso", {"variant": "v2"})
