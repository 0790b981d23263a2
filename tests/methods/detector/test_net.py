from __future__ import annotations

import pytest
import torch

from lqbench.datasets.errors import UserError
from lqbench.methods.detector.config import NetworkConfig, load_config
from lqbench.methods.detector.fit import parameter_groups
from lqbench.methods.detector.loss import detector_loss
from lqbench.methods.detector.net import MiniNet, normalise, pad
from lqbench.methods.detector.targets import Targets, encode
from lqbench.methods.training.trainer import accelerator

TINY = load_config("tiny").network
NARROW = NetworkConfig(widths=(8, 16, 16, 24, 24), blocks=(1, 1, 1, 0), neck=16)


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (320, 32)])
def test_maps_have_a_quarter_of_the_size(size: tuple[int, int]) -> None:
    heat, boxes = MiniNet(TINY, 5).eval()(torch.zeros(2, 3, *size))
    assert heat.shape == (2, 5, size[0] // 4, size[1] // 4)
    assert boxes.shape == (2, 4, size[0] // 4, size[1] // 4)
    assert bool((boxes[:, 2:] > boxes[:, :2]).all())


def test_padding_is_grey_and_keeps_pixels_in_place() -> None:
    image = torch.rand(3, 33, 64)
    padded = pad(normalise(image))
    assert padded.shape == (3, 64, 64)
    assert torch.equal(padded[:, :33], normalise(image))
    assert torch.equal(padded[:, 33:], normalise(torch.full((3, 31, 64), 0.5)))


def test_initial_weights_depend_on_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = MiniNet(TINY, 3, seed=4).state_dict()
    torch.manual_seed(2)
    again, other = MiniNet(TINY, 3, seed=4).state_dict(), MiniNet(TINY, 3, seed=5).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["backbone.stem.0.weight"], other["backbone.stem.0.weight"])


def test_a_fresh_network_expects_background() -> None:
    heat, _ = MiniNet(TINY, 3).eval()(torch.randn(1, 3, 64, 64))
    assert float(heat.detach().sigmoid().max()) < 0.05


def test_the_mini_config_stays_small() -> None:
    net = MiniNet(load_config("mini").network, 12)
    assert sum(parameter.numel() for parameter in net.parameters()) < 2_000_000


def test_loss_falls_on_one_batch() -> None:
    net = MiniNet(NARROW, 2, seed=1)
    images = torch.zeros(1, 3, 64, 64)
    images[:, :, 10:40, 20:50] = 2.0
    one = encode(torch.tensor([[20.0, 10, 50, 40]]), torch.tensor([1]), torch.zeros(0, 4), 2, (64, 64))
    targets = Targets(*(value[None] for value in one))
    optimiser = torch.optim.AdamW(parameter_groups(net, 0.01), lr=0.01)
    losses = []
    for _ in range(15):
        loss = detector_loss(net(images), targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 2


def test_only_kernels_are_decayed() -> None:
    decayed, free = parameter_groups(MiniNet(TINY, 3), 0.1)
    assert decayed["weight_decay"] == 0.1
    assert free["weight_decay"] == 0
    assert all(parameter.ndim == 4 for parameter in decayed["params"])
    assert all(parameter.ndim == 1 for parameter in free["params"])


@pytest.mark.parametrize("device", ["gpu7", "cuda:x", "cuda:99"])
def test_an_unknown_device_is_told(device: str) -> None:
    with pytest.raises(UserError, match=device):
        accelerator(device)


def test_an_unknown_config_suggests_a_known_one() -> None:
    with pytest.raises(UserError, match="did you mean 'mini'"):
        load_config("minni")
