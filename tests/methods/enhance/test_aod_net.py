"""AOD-Net and its files."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lqbench.datasets.errors import UserError
from lqbench.methods.enhance.aod import AodNet, recognise
from lqbench.methods.enhance.checkpoints import load_restorer, save_restorer
from lqbench.methods.sr.catalog import build_sr
from lqbench.methods.sr.checkpoints import describe, save_sr

needs_spandrel = pytest.mark.skipif(
    importlib.util.find_spec("spandrel") is None, reason="spandrel is not installed (extra sr)"
)


def network(seed: int = 0) -> AodNet:
    torch.manual_seed(seed)
    return AodNet()


def slow_convolution(image: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Convolve with zeros beyond the borders, pixel by pixel, and cut off below 0."""
    reach = weight.shape[-1] // 2
    padded = np.pad(image, ((0, 0), (reach, reach), (reach, reach)))
    result = np.empty((len(weight), *image.shape[1:]))
    for c, y, x in np.ndindex(result.shape):
        result[c, y, x] = (padded[:, y : y + 2 * reach + 1, x : x + 2 * reach + 1] * weight[c]).sum() + bias[c]
    return result.clip(min=0)


def test_the_network_is_that_of_the_paper() -> None:
    net = network().double()
    assert sum(one.numel() for one in net.parameters()) == 1761
    image = np.random.default_rng(0).random((3, 9, 8))
    layer = {
        i: (net.state_dict()[f"conv{i}.weight"].numpy(), net.state_dict()[f"conv{i}.bias"].numpy()) for i in range(1, 6)
    }
    x1 = slow_convolution(image, *layer[1])
    x2 = slow_convolution(x1, *layer[2])
    x3 = slow_convolution(np.concatenate([x1, x2]), *layer[3])
    x4 = slow_convolution(np.concatenate([x2, x3]), *layer[4])
    k = slow_convolution(np.concatenate([x1, x2, x3, x4]), *layer[5])
    expected = (k * image - k + 1).clip(min=0)
    np.testing.assert_allclose(net(torch.from_numpy(image)[None])[0].detach(), expected, atol=1e-12)


def test_first_weights_are_near_the_identity_or_gaussian() -> None:
    image = torch.rand(1, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    assert (network()(image) - image).abs().mean() < 0.35
    torch.manual_seed(0)
    gaussian = AodNet("gaussian").state_dict()
    assert all((value == 0).all() for name, value in gaussian.items() if name.endswith("bias"))
    assert 0.015 < torch.cat([one.flatten() for one in gaussian.values() if one.ndim > 1]).std() < 0.025


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (13, 8)])
def test_any_size_goes_through(size: tuple[int, int]) -> None:
    assert network()(torch.rand(2, 3, *size)).shape == (2, 3, *size)


@pytest.mark.parametrize("prefix", ["", "e_", "module.e_"])
@pytest.mark.parametrize("key", ["", "state_dict"])
def test_published_names_are_recognised(tmp_path: Path, prefix: str, key: str) -> None:
    net = network()
    tensors: dict[str, Any] = {f"{prefix}{name}": value for name, value in net.state_dict().items()}
    torch.save({key: tensors} if key else tensors, tmp_path / "dehazer.pth")
    loaded, name = load_restorer(tmp_path / "dehazer.pth", "aod")
    assert name == "aod"
    assert not loaded.training
    image = torch.rand(1, 3, 6, 7)
    assert torch.equal(loaded(image), net(image))


def test_our_files_come_back_and_have_the_same_bytes_again(tmp_path: Path) -> None:
    net = network()
    for name in ("a", "b"):
        save_restorer(net, {"dataset": "toy", "seed": 0}, tmp_path / f"{name}.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    loaded, _ = load_restorer(tmp_path / "a.safetensors")
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in loaded.state_dict().items())


def test_tensors_of_other_shapes_or_too_many_are_not_taken_for_it() -> None:
    tensors: dict[str, Tensor] = dict(network().state_dict())
    assert recognise(tensors) is not None
    assert recognise(tensors | {"more": torch.zeros(1)}) is None
    assert recognise(tensors | {"conv1.weight": torch.zeros(32, 3, 1, 1)}) is None
    assert recognise({}) is None


@needs_spandrel
def test_spandrel_restores_in_the_images_size(tmp_path: Path) -> None:
    from spandrel.architectures.NAFNet import NAFNet  # pyright: ignore[reportMissingImports]

    torch.manual_seed(0)
    net = NAFNet(img_channel=3, width=8, middle_blk_num=1, enc_blk_nums=[1, 1], dec_blk_nums=[1, 1]).eval()
    torch.save({"params": net.state_dict()}, tmp_path / "nafnet.pth")
    loaded, name = load_restorer(tmp_path / "nafnet.pth")
    assert name == "spandrel"
    image = torch.rand(1, 3, 16, 24)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(image), net(image).clamp(0, 1))
        assert loaded(torch.rand(1, 3, 1, 5)).shape == (1, 3, 1, 5)


@needs_spandrel
def test_a_network_that_enlarges_is_refused(tmp_path: Path) -> None:
    net = build_sr("real-esrgan-compact", 2, {"features": 8, "convolutions": 2})
    tensors = {name.removeprefix("net."): value for name, value in net.state_dict().items()}
    torch.save(tensors, tmp_path / "sr.pth")
    with pytest.raises(UserError, match=r"sr\.pth holds a .* network, which does not restore .* sr-then-detect"):
        load_restorer(tmp_path / "sr.pth")


def test_what_cannot_be_loaded_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other, text, family = tmp_path / "other.pth", tmp_path / "text.pth", tmp_path / "sr.safetensors"
    torch.save({"some.weight": torch.zeros(2, 3)}, other)
    text.write_text("hello")
    small = build_sr("dbpn-res", 2, {"stages": 2, "base": 2, "features": 2, "iterations": 1})
    save_sr(small, describe(small, "dbpn-res"), family)
    monkeypatch.setitem(sys.modules, "spandrel", None)
    for path, asked, said in (
        (tmp_path / "nowhere.pth", "", r"nowhere\.pth: there is no such checkpoint"),
        (text, "", r"text\.pth cannot be read"),
        (other, "aod", r"other\.pth holds a network that is no AOD-Net.*give a checkpoint of AOD-Net"),
        (other, "", r'some\.weight.*spandrel may know it: pip install "lqbench\[sr\]"'),
        (family, "", r"sr\.safetensors holds weights of another family \('lqbench-sr-1'\)"),
    ):
        with pytest.raises(UserError, match=said) as told:
            load_restorer(path, asked)
        assert "\n" not in str(told.value)
