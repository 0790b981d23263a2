"""The crux learner and LCP's ResNet-50 compute what the official code computes, under its own tensor names."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lqbench.methods.lcp.backbone import LcpBackbone
from lqbench.methods.lcp.catch_up import catch_up_loss
from lqbench.methods.lcp.config import LcpConfig
from lqbench.methods.lcp.crux import CruxLearner

ABSOLUTE, RELATIVE = 1e-5, 1e-4
LEARNERS = ("crux_learner", "catch_up_learner", "catch_up_fusion")

Official = Callable[[dict[str, Any], str], Tensor]


def read(folder: Path, name: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with np.load(folder / f"{name}.npz") as arrays:
        return json.loads((folder / f"{name}.json").read_text()), dict(arrays)


def close(found: Tensor, wanted: np.ndarray) -> None:
    np.testing.assert_allclose(found.detach().numpy(), wanted, RELATIVE, ABSOLUTE)


def fill(net: nn.Module, facts: dict[str, Any], official: Official, prefix: str = "") -> None:
    """Fill all tensors of a network; the official names differ by the prefix of what is no learner's."""
    ours = {name for name in net.state_dict() if not name.endswith("num_batches_tracked")}
    names = {name if name.startswith(LEARNERS) else prefix + name: name for name in facts["parameters"]}
    assert set(names) == ours
    net.load_state_dict({name: official(facts, theirs) for name, theirs in names.items()}, strict=False)


@pytest.fixture
def crux_learner(shared_golden: Path, official_tensor: Official) -> tuple[CruxLearner, dict[str, np.ndarray]]:
    facts, arrays = read(shared_golden, "crux_learner")
    args = facts["args"]
    net = CruxLearner(LcpConfig(blocks=args["num_blocks"], threshold=args["mask_thr"], steepness=args["k"]))
    fill(net, facts, official_tensor)
    assert sum(one.numel() for one in net.parameters()) == facts["count"] == 4479
    return net, arrays


@pytest.mark.parametrize("band", [None, 5, 12])
def test_the_crux_learner_equals_the_official_one(
    crux_learner: tuple[CruxLearner, dict[str, np.ndarray]], band: int | None
) -> None:
    net, arrays = crux_learner
    net.band = band
    images = torch.from_numpy(arrays["input"]).requires_grad_()
    output = net(images)
    output.square().mean().backward()
    close(net.heat(images), arrays["heatmap"])
    close(output, arrays["output"])
    assert images.grad is not None
    error = np.abs(images.grad.numpy() - arrays["grad_input"]).max()
    assert error <= 1e-4 * np.abs(arrays["grad_input"]).max()


@pytest.fixture
def backbone(shared_golden: Path, official_tensor: Official) -> tuple[LcpBackbone, dict[str, Any], dict[str, Any]]:
    from lqbench.methods.mmdet_adapter.build import import_mmdet

    import_mmdet()
    from mmdet.models import ResNet

    facts, arrays = read(shared_golden, "lcp_resnet50")
    # The golden vectors are of the backbone alone, which the release hands the crux.
    net = LcpBackbone(ResNet(**facts["args"]), LcpConfig(crux=False)).eval()
    fill(net, facts, official_tensor, prefix="inner.")
    return net, facts, arrays


def test_the_backbone_equals_the_official_one(
    backbone: tuple[LcpBackbone, dict[str, Any], dict[str, Any]],
) -> None:
    net, facts, arrays = backbone
    image, crux = (given(facts, name) for name in ("img", "crux"))
    with torch.no_grad():
        stages = net.pyramid(image, crux)
        caught_up = net.medium(net.shallow(crux), catch_up=True)
        plain = net.medium(net.shallow(image), catch_up=False)
    for name, stage in zip(("C2", "C3", "C4", "C5"), stages, strict=True):
        close(stage[:, ::8], arrays[name])
    close(caught_up[:, ::8], arrays["caught_up"])
    close(catch_up_loss(caught_up, plain), arrays["kl"])


def test_the_learners_have_as_many_parameters_as_the_official_ones(
    backbone: tuple[LcpBackbone, dict[str, Any], dict[str, Any]],
) -> None:
    net, facts, _ = backbone
    assert net.catch_up_learner is not None
    assert sum(one.numel() for one in net.catch_up_learner.parameters()) == facts["catch_up_parameters"] == 5_899_776
    assert sum(one.numel() for one in net.catch_up_fusion.parameters()) == facts["fusion_parameters"] == 524_800


def given(facts: dict[str, Any], name: str) -> Tensor:
    seed = zlib.crc32(f"{facts['salt']}/{name}".encode())
    return torch.from_numpy(np.random.RandomState(seed).uniform(-2, 2, facts["inputs"][name]).astype(np.float32))
