"""Batched degradations for training: equal to the recipes, the same alone and in a batch, differentiable."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from lqbench.datasets.degradations import functional as f
from lqbench.datasets.degradations.blur import filter_reflect
from lqbench.datasets.degradations.kernels import gaussian_kernel
from lqbench.datasets.degradations.resize import to_uint8
from lqbench.datasets.degradations.taps import matlab_taps

NO_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
every_device = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=NO_CUDA)])


def batch(count: int = 3, height: int = 24, width: int = 31, device: str = "cpu") -> torch.Tensor:
    return torch.rand((count, 3, height, width), generator=torch.Generator().manual_seed(count)).to(device)


def stream(device: str = "cpu", seed: int = 5) -> torch.Generator:
    return torch.Generator(device).manual_seed(seed)


@every_device
def test_kernels_are_those_of_the_recipes(device: str):
    sizes = [7, 21, 9, 17]
    widths = [(2.4, 2.4, 0.0), (6.0, 0.5, 1.2), (0.1, 0.1, 0.0), (5.0, 2.3, np.pi / 3)]
    variance1, variance2, theta = torch.tensor(widths, dtype=torch.float64, device=device).T
    kernels = f.gaussian_kernels(torch.tensor(sizes, device=device), variance1, variance2, theta).cpu().numpy()
    assert kernels.shape == (4, 21, 21)
    for kernel, size, width in zip(kernels, sizes, widths, strict=True):
        margin = (21 - size) // 2
        np.testing.assert_allclose(kernel, np.pad(gaussian_kernel(size, *width), margin), atol=1e-12)


def test_isotropic_kernels_need_one_variance():
    kernels = f.gaussian_kernels(torch.tensor([9]), torch.tensor([1.7], dtype=torch.float64))
    np.testing.assert_allclose(kernels[0].numpy(), gaussian_kernel(9, 1.7), atol=1e-12)
    with pytest.raises(ValueError, match="odd"):
        f.gaussian_kernels(torch.tensor([8]), torch.tensor([1.0]))


@every_device
def test_each_image_has_its_own_blur(device: str):
    kernels = f.gaussian_kernels(torch.tensor([7, 21, 9]), torch.tensor([2.0, 6.0, 0.4]), torch.tensor([2.0, 1.0, 0.4]))
    blurred = f.gaussian_blur(batch(device=device), kernels.to(device)).cpu().double().numpy()
    for result, image, kernel in zip(blurred, batch().double().numpy(), kernels.double().numpy(), strict=True):
        np.testing.assert_allclose(result, filter_reflect(image, kernel), atol=2e-6)


@given(st.integers(1, 12), st.integers(1, 12))
@settings(max_examples=20, deadline=None)
def test_images_smaller_than_the_kernel(height: int, width: int):
    images = torch.full((2, 3, height, width), 0.4, dtype=torch.float64)
    blurred = f.gaussian_blur(images, torch.from_numpy(gaussian_kernel(21, 5.0)))
    torch.testing.assert_close(blurred, images)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_down_sampling_is_torchs(mode: f.Mode):
    expected = F.interpolate(batch(), size=(12, 16), mode=mode)
    torch.testing.assert_close(f.downsample(batch(), size=(12, 16), mode=mode), expected)
    assert f.downsample(batch(), factor=2, mode=mode).shape == (3, 3, 12, 16)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_down_sampling_with_antialiasing(mode: str):
    expected = F.interpolate(batch(), size=(6, 8), mode=mode, antialias=True)
    torch.testing.assert_close(f.downsample(batch(), size=(6, 8), mode=f"{mode}-antialias"), expected)  # pyright: ignore


def test_matlabs_imresize():
    small = f.downsample(batch().double(), factor=3, mode="matlab-imresize")
    assert small.shape == (3, 3, 8, 11)
    rows, columns = matlab_taps(24, 8, 3).matrix(24), matlab_taps(31, 11, 3).matrix(31)
    np.testing.assert_allclose(small.numpy(), rows @ batch().double().numpy() @ columns.T, atol=1e-12)


def test_sizes_of_down_sampling_are_checked():
    with pytest.raises(ValueError, match="either"):
        f.downsample(batch())
    with pytest.raises(ValueError, match="larger"):
        f.downsample(batch(), factor=0.5)


@every_device
def test_noise_of_each_image(device: str):
    grey = torch.full((3, 3, 128, 128), 0.5, device=device)
    noisy = f.add_gaussian_noise(grey, torch.tensor([0.0, 5.0, 25.0]), stream(device))
    np.testing.assert_allclose((255 * noisy).cpu().flatten(1).std(1), [0, 5, 25], rtol=0.02, atol=1e-6)
    assert torch.equal(f.add_gaussian_noise(grey, 3.0, stream(device)), f.add_gaussian_noise(grey, 3.0, stream(device)))


@every_device
def test_each_image_has_its_own_noise_level(device: str):
    """The same random stream, so an image's noise only differs by its own parameters."""
    images, levels = batch(device=device), [0.0, 5.0, 25.0]
    together = f.add_gaussian_noise(images, torch.tensor(levels), stream(device))
    dark = f.low_light(images, torch.tensor([1.0, 0.5, 0.1]), 0.004, torch.tensor([0.0, 1e-4, 4e-4]), stream(device))
    for index, (level, exposure, read) in enumerate(zip(levels, [1.0, 0.5, 0.1], [0.0, 1e-4, 4e-4], strict=True)):
        torch.testing.assert_close(together[index], f.add_gaussian_noise(images, level, stream(device))[index])
        torch.testing.assert_close(dark[index], f.low_light(images, exposure, 0.004, read, stream(device))[index])


@every_device
def test_gradients_of_low_light_are_finite_in_the_dark(device: str):
    """Black pixels, with and without noise: the root of no variance has no gradient."""
    for read in (0.0, 1e-4):
        images = torch.tensor([0.0, 1e-6, 0.5, 1.0], device=device).repeat(1, 3, 2, 1).requires_grad_()
        f.low_light(images, 0.1, 0.0 if read == 0 else 0.01, read, stream(device)).sum().backward()
        assert images.grad is not None
        assert torch.isfinite(images.grad).all()


@every_device
def test_photon_noise(device: str):
    grey = torch.full((2, 3, 128, 128), 0.25, device=device)
    noisy = f.poisson_noise(grey, torch.tensor([10.0, 1000.0]), stream(device)).cpu().flatten(1)
    np.testing.assert_allclose(noisy.mean(1), [0.25, 0.25], rtol=0.02)
    np.testing.assert_allclose(noisy.std(1), np.sqrt([0.025, 0.00025]), rtol=0.03)
    assert f.poisson_noise(grey - 1, 10.0).max() == 0


@every_device
def test_low_light(device: str):
    grey = torch.full((2, 3, 128, 128), 0.8, device=device)
    dark = f.low_light(grey, torch.tensor([0.5, 0.5]), 0.004, torch.tensor([0.0, 4e-4]), stream(device)).cpu()
    light, expected = (dark**2.2).flatten(1), 0.5 * 0.8**2.2
    np.testing.assert_allclose(light.mean(1), [expected, expected], rtol=0.01)
    np.testing.assert_allclose(light.var(1), [0.004 * expected, 0.004 * expected + 4e-4], rtol=0.05)


@every_device
def test_jpeg(device: str):
    ramp = torch.linspace(0, 1, 64).expand(2, 3, 64, 64).to(device)
    coded = f.jpeg(ramp, torch.tensor([5, 95]))
    assert coded.device == ramp.device
    error = (coded - ramp).abs().flatten(1).mean(1)
    assert error[0] > error[1]
    assert error[1] < 0.01
    assert torch.equal(to_uint8(coded).float() / 255, coded)


OPERATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "blur": lambda images: f.gaussian_blur(images, torch.from_numpy(gaussian_kernel(9, 4.0, 1.0, 0.5))),
    "nearest": lambda images: f.downsample(images, factor=2.5, mode="nearest"),
    "bicubic": lambda images: f.downsample(images, factor=2.5, mode="bicubic"),
    "bicubic-antialias": lambda images: f.downsample(images, factor=2.5, mode="bicubic-antialias"),
    "matlab-imresize": lambda images: f.downsample(images, factor=2.5, mode="matlab-imresize"),
    "low light": lambda images: f.low_light(images, 0.2, 0.0, 0.0, stream(str(images.device))),
    "jpeg": lambda images: f.jpeg(images, 40),
}


@every_device
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_image_is_treated_alone_as_in_a_batch(name: str, device: str):
    images = batch(4, device=device)
    kept = images.clone()
    together = OPERATIONS[name](images)
    alone = torch.cat([OPERATIONS[name](image[None]) for image in images])
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=0)
    assert together.device == images.device
    assert together.dtype == images.dtype
    assert torch.equal(images, kept)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "jpeg"])
def test_gradients_are_right(name: str):
    images = torch.rand((1, 3, 9, 8), dtype=torch.float64, generator=stream()) * 0.8 + 0.1
    operation = OPERATIONS[name]
    assert torch.autograd.gradcheck(operation, images.requires_grad_(), eps=1e-6, atol=1e-5)
