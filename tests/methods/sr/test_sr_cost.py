"""Operations and parameters of networks: torch's count by hand, the published figures, images that cost differently."""

from __future__ import annotations

from math import prod
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from lqbench.methods.sr.catalog import NETWORKS, build_sr
from lqbench.methods.sr.cost import Cost, CostMeter, count_flops, count_parameters
from lqbench.methods.sr.networks.classsr import ClassSr
from lqbench.methods.sr.networks.classsr_branches import BRANCHES, build_branch

PATCH = (3, 32, 32)
PUBLISHED = {
    "fsrcnn": (141e6, 304e6, 468e6),
    "carn-m": (0.38e9, 0.77e9, 1.15e9),
    "msrresnet": (1.66e9, 3.44e9, 5.20e9),
    "rcan": (10.33e9, 19.90e9, 32.60e9),
}
"""FLOPs of the three branches for a patch, from the authors' released code (github XPixelGroup/ClassSR); the widest are
the FSRCNN-O, CARN-O, SRResNet-O and RCAN-O of the paper's tables."""
DIGITS = 0.005
"""Relative: the figures are printed to two or three digits."""


@pytest.mark.parametrize(
    ("layer", "multiplications"),
    [
        (nn.Conv2d(3, 8, 5, padding=2), 3 * 8 * 25 * 6 * 10),
        (nn.Conv2d(3, 8, 3, stride=2, padding=1), 3 * 8 * 9 * 3 * 5),
        (nn.Conv2d(3, 9, 3, padding=1, groups=3), 9 * 9 * 6 * 10),
        (nn.ConvTranspose2d(3, 8, 4, stride=2, padding=1), 3 * 8 * 16 * 6 * 10),
        (nn.Linear(10, 4), 10 * 4 * 3 * 6),
        (nn.Sequential(nn.PReLU(), nn.Upsample(scale_factor=2, mode="bicubic")), 0),
    ],
)
def test_a_multiply_accumulate_counts_as_two(layer: nn.Module, multiplications: int) -> None:
    assert count_flops(layer, (3, 6, 10)) == 2 * multiplications


def test_counting_leaves_the_network_as_it_is() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert count_flops(network, (3, 9, 9)) == 2 * 3 * 4 * 9 * 49
    assert network.training
    for name, value in network.state_dict().items():
        assert value.device.type == "cpu" and torch.equal(value, before[name])


def test_shared_parameters_count_once() -> None:
    layer = nn.Conv2d(3, 3, 1)
    assert count_parameters(nn.Sequential(layer, layer)) == 12


@pytest.mark.parametrize("branch", [name for name in PUBLISHED if name != "fsrcnn"])
def test_published_flops_of_patches(branch: str) -> None:
    with torch.device("meta"):
        networks = [build_branch(branch, 4, width) for width in BRANCHES[branch].widths]
    counted = [count_flops(network, PATCH) for network in networks]
    assert counted == pytest.approx(PUBLISHED[branch], rel=DIGITS)


def charged_by_output(_x: Any, weight: list[int], *args: Any, out_shape: list[int], **_: Any) -> int:
    """Charge a whole kernel for each pixel of the output, also of a transposed convolution."""
    transposed = args[4]
    inputs = weight[0] if transposed else weight[1]
    return 2 * prod(out_shape) * inputs * prod(weight[2:])


def test_published_flops_of_fsrcnn_charge_transposed_convolutions_by_their_output() -> None:
    networks = [build_branch("fsrcnn", 4, width) for width in BRANCHES["fsrcnn"].widths]
    charged = []
    for network in networks:
        mapping = {torch.ops.aten.convolution: charged_by_output}
        with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=mapping) as counter:
            network(torch.zeros(1, *PATCH))
        charged.append(counter.get_total_flops())
    assert charged == pytest.approx(PUBLISHED["fsrcnn"], rel=DIGITS)
    computed = [count_flops(network, PATCH) for network in networks]
    assert computed == [21_823_488, 35_831_808, 49_840_128]


@pytest.mark.parametrize("name", [name for name, entry in NETWORKS.items() if entry.scales])
def test_every_network_of_the_catalog_can_be_counted(name: str) -> None:
    network = build_sr(name, 4).eval()
    cost = CostMeter(network).measure(torch.zeros(1, 3, 16, 16))
    assert cost.flops > 1e6
    assert cost.parameters == sum(p.numel() for p in network.parameters()) > 1e4


def test_a_larger_image_costs_in_proportion() -> None:
    meter = CostMeter(build_sr("edsr", 4, {"features": 8, "blocks": 1}))
    small, large = (meter.measure(torch.zeros(1, 3, *size)) for size in ((10, 12), (20, 36)))
    assert large.flops == 6 * small.flops
    assert large.parameters == small.parameters


class Judge(nn.Module):
    """A class module that sends patches with contrast to the widest branch and flat ones to the narrowest."""

    def forward(self, patches: Tensor) -> Tensor:
        contrast = patches.flatten(1).std(dim=1)
        return torch.stack([0.1 - contrast, torch.full_like(contrast, -1.0), contrast - 0.1], dim=1)


def test_classsr_costs_what_its_routing_computes() -> None:
    network = ClassSr(4).eval()
    network.classifier = Judge()  # pyright: ignore[reportAttributeAccessIssue]
    meter = CostMeter(network)
    flat = torch.full((1, 3, 60, 88), 0.5)
    half = flat.clone()
    half[..., :32] = torch.rand(1, 3, 60, 32, generator=torch.Generator().manual_seed(0))
    narrow, _, wide = (count_flops(branch, PATCH) for branch in network.branches)
    parameters = count_parameters(network)
    assert meter.measure(flat) == Cost(6 * narrow, parameters)
    assert meter.measure(half) in (Cost(2 * wide + 4 * narrow, parameters), Cost(4 * wide + 2 * narrow, parameters))


def test_classsr_counts_its_class_module_and_small_images() -> None:
    network = ClassSr(4).eval()
    decide = count_flops(network.classifier, PATCH)
    assert decide == 2 * (64 * (48 * 128 + 3 * 128 * 128 + 128 * 32) + 32 * 3)
    branches = [count_flops(branch, PATCH) for branch in network.branches]
    assert CostMeter(network).measure(torch.zeros(1, 3, 32, 32)).flops in [decide + each for each in branches]
    tiny = CostMeter(network).measure(torch.zeros(1, 3, 2, 5)).flops
    assert 0 < tiny < decide


def test_measured_work_is_the_work_that_is_done() -> None:
    """Count the operations of a real forward pass as well: routing, class module and branches together."""
    network = ClassSr(4, widths=[2, 3, 4]).eval()
    image = F.interpolate(torch.rand(1, 3, 5, 6, generator=torch.Generator().manual_seed(1)), scale_factor=10.0)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(image)
    assert counter.get_total_flops() == CostMeter(network).measure(image).flops
