"""What every degradation promises: names, settings, purity, equal bytes everywhere."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from lqbench.datasets.degradations import degradation, degradation_registry
from lqbench.datasets.errors import UserError

RECIPES = [
    ("none", {}),
    ("aeris", {}),
    ("voc-lr", {"factor": 4}),
    ("voc-lr", {"factor": 8}),
    ("blur-iso", {}),
    ("blur-aniso", {}),
    ("noise", {}),
    ("resolution", {}),
    ("poisson", {}),
    ("low-light", {}),
    ("pipeline", {"steps": "blur(iso, var=0.5..3)|down(1..4, mode=matlab)|noise(0..25)"}),
]
BYTES = {  # by name and factor
    ("none", 0): "230ba49aceb019b8",
    ("aeris", 0): "31dcf81d09329a1a",
    ("voc-lr", 4): "78d4b6ff2b79d0fb",
    ("voc-lr", 8): "9ba3c34c2d04eb2e",
    ("blur-iso", 0): "5694ff607d8d6511",
    ("blur-aniso", 0): "a28bca8cc4c30adb",
    ("noise", 0): "c186f4b33639b42c",
    ("resolution", 0): "a4def0a8f1314981",
    ("poisson", 0): "ffdf77e4f2d2fe72",
    ("low-light", 0): "5a1a2876b16c6fbf",
    ("pipeline", 0): "5e325efe4040a6fb",
}


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def annotated_image(seed: int) -> np.ndarray:
    """Make an image with smooth parts, edges and noise, from integers only."""
    y, x = np.mgrid[:97, :131]
    waves = np.stack([(x * (3 + c) + y * (5 - c) + seed * 17) % 256 for c in range(3)], -1)
    return np.where(((x // 16 + y // 16) % 2 == 0)[..., None], waves, 255 - waves // 2).astype(np.uint8)


def degraded_bytes(name: str, settings: dict[str, Any], seeds: range = range(12)) -> str:
    recipe, digest = degradation(name, settings), hashlib.sha256()
    for seed in seeds:
        clean = recipe.prepare(annotated_image(seed))
        drawn = recipe.draw(seed, (clean.shape[1], clean.shape[2]))
        digest.update(clean.numpy().tobytes() + recipe.apply(clean, drawn, seed).numpy().tobytes())
    return digest.hexdigest()[:16]


@pytest.mark.parametrize(("name", "settings"), RECIPES)
def test_bytes_are_the_same_on_every_machine(name: str, settings: dict[str, Any]):
    """Pinned: a change here changes published test sets, so it needs new dataset versions."""
    assert degraded_bytes(name, settings) == BYTES[name, settings.get("factor", 0)]


@pytest.mark.parametrize(("name", "settings"), RECIPES)
def test_bytes_do_not_depend_on_threads(name: str, settings: dict[str, Any], threads: None):
    digests = set()
    for count in (1, 2, 4):
        torch.set_num_threads(count)
        digests.add(degraded_bytes(name, settings, range(4)))
    assert len(digests) == 1


@pytest.mark.parametrize(("name", "settings"), RECIPES)
def test_inputs_are_left_unchanged_and_outputs_are_new(name: str, settings: dict[str, Any]):
    recipe, image = degradation(name, settings), annotated_image(1)
    before = image.copy()
    clean = recipe.prepare(image)
    kept = clean.clone()
    drawn = recipe.draw(3, (clean.shape[1], clean.shape[2]))
    told = json.dumps(drawn)
    degraded = recipe.apply(clean, drawn, 3)
    degraded.zero_()
    assert torch.equal(clean, kept)
    clean.zero_()
    np.testing.assert_array_equal(image, before)
    assert json.dumps(drawn) == told


@pytest.mark.parametrize(("name", "settings"), RECIPES)
def test_sizes_are_told_before_pixels_are_made(name: str, settings: dict[str, Any]):
    recipe, image = degradation(name, settings), annotated_image(2)
    clean = recipe.prepare(image)
    size = recipe.clean_size((image.shape[0], image.shape[1]))
    drawn = recipe.draw(4, size)
    assert tuple(clean.shape) == (3, *size)
    assert tuple(recipe.apply(clean, drawn, 4).shape) == (3, *recipe.size(size, drawn))
    assert all(type(value) is float for value in recipe.scale(size, drawn))


@pytest.mark.parametrize(("name", "settings"), RECIPES)
def test_a_pickled_degradation_is_the_same(name: str, settings: dict[str, Any]):
    recipe = degradation(name, settings)
    copy = pickle.loads(pickle.dumps(recipe))
    assert copy.settings == recipe.settings
    assert copy.draw(9, (50, 60)) == recipe.draw(9, (50, 60))


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 7, 3), (5, 1, 3)])
@pytest.mark.parametrize(("name", "settings"), RECIPES)
def test_tiny_images(name: str, settings: dict[str, Any], shape: tuple[int, int, int]):
    recipe = degradation(name, settings)
    for seed in range(12):
        clean = recipe.prepare(np.full(shape, 9, np.uint8))
        size = (clean.shape[1], clean.shape[2])
        drawn = recipe.draw(seed, size)
        assert tuple(recipe.apply(clean, drawn, seed).shape) == (3, *recipe.size(size, drawn))


def test_read_only_images_are_taken():
    image = annotated_image(0)
    image.setflags(write=False)
    for name in degradation_registry():
        settings = {"steps": "down(2)"} if name == "pipeline" else {}
        degradation(name, settings).prepare(image)


def test_no_degradation_is_the_image_itself():
    recipe, image = degradation("none", {}), annotated_image(5)
    clean = recipe.prepare(image)
    np.testing.assert_array_equal(clean.permute(1, 2, 0).numpy(), image)
    assert torch.equal(recipe.apply(clean, {}, 0), clean)
    assert recipe.scale((97, 131), {}) == (1.0, 1.0)


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(UserError, match=r"unknown degradation 'aries'; did you mean 'aeris'\?"):
        degradation("aries", {})


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("none", {"factor": 4}, r"setting 'factor' of the degradation 'none'.*known settings: none"),
        ("aeris", {"sclae_factors": [2]}, r"setting 'sclae_factors' of the degradation 'aeris'.*scale_factors"),
        ("aeris", {"kernel_sizes": [8]}, r"setting 'kernel_sizes.0'.*odd"),
        ("aeris", {"kernel_sizes": []}, r"setting 'kernel_sizes'"),
        ("aeris", {"scale_factors": [0.5]}, r"setting 'scale_factors.0'.*greater than or equal to 1"),
        ("aeris", {"iso_variance": [2, 1]}, r"setting 'iso_variance'.*lower bound"),
        ("aeris", {"iso_variance": [0, 1]}, r"setting 'iso_variance.0'.*greater than 0"),
        ("aeris", {"noise_sigma_255": [0, float("inf")]}, r"setting 'noise_sigma_255.1'.*finite"),
        ("aeris", {"aniso_variance2_min": 3}, r"the settings of the degradation 'aeris'.*aniso_variance2_min"),
        ("aeris", {"blur_types": ["both"]}, r"setting 'blur_types.0'"),
        ("voc-lr", {"factor": 3}, r"setting 'factor' of the degradation 'voc-lr'.*4 or 8"),
    ],
)
def test_a_wrong_setting_is_named(name: str, settings: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message) as caught:
        degradation(name, settings)
    assert "\n" not in str(caught.value)


def test_importing_the_package_costs_no_torch():
    program = "import sys, lqbench.datasets.degradations as d; d.degradation('aeris', {}).draw(0, (9, 9)); "
    program += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
