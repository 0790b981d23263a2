from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn

from lqbench.methods.sr.catalog import NETWORKS, build_sr
from lqbench.methods.sr.networks.luma import bicubic, luma, with_luma
from lqbench.methods.sr.networks.tensors import pad_to, pad_to_multiple

OURS = [name for name, entry in NETWORKS.items() if entry.scales and name != "classsr"]
CASES = [(name, scale) for name in OURS for scale in NETWORKS[name].scales]


@pytest.mark.parametrize(("name", "scale"), CASES)
@pytest.mark.parametrize("size", [(1, 1), (5, 7)])
def test_any_size_is_enlarged_and_gradients_reach_the_input(
    name: str, scale: int, size: tuple[int, int], small_options: dict[str, Any]
) -> None:
    network = build_sr(name, scale, small_options[name]).eval()
    low = torch.rand(2, 3, *size, requires_grad=True)
    high = network(low)
    assert high.shape == (2, 3, scale * size[0], scale * size[1])
    assert network.scale == scale
    high.square().mean().backward()
    assert low.grad is not None
    assert float(low.grad.abs().sum()) > 0
    assert all(p.grad is not None for p in network.parameters() if p.requires_grad)


@pytest.mark.parametrize("name", OURS)
def test_images_of_a_batch_do_not_touch_each_other(name: str, small_options: dict[str, Any]) -> None:
    network = build_sr(name, 4, small_options[name]).eval()
    low = torch.rand(3, 3, 6, 5)
    with torch.no_grad():
        together = network(low)
        alone = torch.cat([network(one[None]) for one in low])
    assert torch.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("name", OURS)
def test_the_input_is_left_as_it_is(name: str, small_options: dict[str, Any]) -> None:
    network = build_sr(name, 4, small_options[name]).eval()
    low = torch.rand(1, 3, 4, 4)
    before = low.clone()
    with torch.no_grad():
        network(low)
    assert torch.equal(low, before)


def silence(module: nn.Module) -> None:
    """Make the last layer give nothing."""
    for parameter in module.parameters():
        parameter.detach().zero_()


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_vdsr_corrects_the_bicubic_image(scale: int) -> None:
    network = build_sr("vdsr", scale, {"layers": 3, "features": 4})
    silence(network.get_submodule("output"))
    low = torch.rand(1, 3, 6, 5)
    assert torch.allclose(network(low), bicubic(low, scale), atol=1e-6)


@pytest.mark.parametrize(("name", "part", "mean"), [("edsr", "conv_last", True), ("msrresnet", "conv_last", False)])
def test_wrapped_networks_keep_their_conventions(
    name: str, part: str, mean: bool, small_options: dict[str, Any]
) -> None:
    """With a silent last layer EDSR gives its mean colour, and MSRResNet the bilinear image."""
    network = build_sr(name, 2, small_options[name])
    silence(network.get_submodule(f"net.{part}"))
    low = torch.rand(1, 3, 4, 4)
    colour = torch.tensor([0.4488, 0.4371, 0.4040]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    bilinear = nn.functional.interpolate(low, scale_factor=2, mode="bilinear")
    assert torch.allclose(network(low), colour if mean else bilinear, atol=1e-6)


def test_bicubic_enlargement_is_pillows() -> None:
    pixels = np.random.default_rng(0).uniform(0, 1, (7, 9)).astype(np.float32)
    wanted = np.asarray(Image.fromarray(pixels).resize((36, 28), Image.Resampling.BICUBIC))
    given = bicubic(torch.from_numpy(pixels)[None, None], 4)[0, 0].numpy()
    np.testing.assert_allclose(given, wanted, atol=1e-5)


def test_luma_is_matlabs() -> None:
    colours = torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]).T.reshape(1, 3, 1, 3)
    wanted = torch.tensor([235.0, 16.0, 16 + 65.481]) / 255
    assert torch.allclose(luma(colours).flatten(), wanted, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_replacing_luma_keeps_the_colour_differences(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rgb, new = torch.rand(1, 3, 4, 4, generator=generator), torch.rand(1, 1, 4, 4, generator=generator)
    replaced = with_luma(rgb, new)
    assert torch.allclose(luma(replaced), new, atol=1e-5)
    assert torch.allclose(replaced - replaced.mean(1, keepdim=True), rgb - rgb.mean(1, keepdim=True), atol=1e-5)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 30), st.integers(0, 30))
def test_mirroring_is_numpys_symmetric_padding(height: int, width: int, below: int, right: int) -> None:
    image = torch.arange(float(height * width)).reshape(1, 1, height, width)
    wanted = np.pad(image[0, 0].numpy(), ((0, below), (0, right)), mode="symmetric")
    assert np.array_equal(pad_to(image, height + below, width + right)[0, 0].numpy(), wanted)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9))
def test_padding_stops_at_the_next_multiple(height: int, width: int, multiple: int) -> None:
    padded = pad_to_multiple(torch.zeros(1, 1, height, width), multiple)
    for given_side, side in zip(padded.shape[2:], (height, width), strict=True):
        assert given_side % multiple == 0
        assert 0 <= given_side - side < multiple


def test_windows_at_the_border_do_not_change_the_rest() -> None:
    """SwinIR on 8x8 pixels gives the same as on 7x8 where the missing row is what mirroring puts there."""
    network = build_sr("swinir", 2, {"features": 12, "depths": [2], "heads": [2], "window": 4, "image": 8}).eval()
    small = torch.rand(1, 3, 7, 8)
    large: Tensor = torch.cat([small, small[:, :, -1:]], 2)
    with torch.no_grad():
        assert torch.allclose(network(small), network(large)[:, :, :14], atol=1e-6)
