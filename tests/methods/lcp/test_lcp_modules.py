"""The parts of LCP: mask, learners, backbone, loss, and what learns when."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lqbench.datasets.errors import UserError
from lqbench.methods.lcp.backbone import LcpBackbone
from lqbench.methods.lcp.catch_up import CatchUpLearner, catch_up_loss
from lqbench.methods.lcp.config import LcpConfig, NetworkConfig
from lqbench.methods.lcp.crux import CruxLearner
from lqbench.methods.lcp.modes import Mode, enter_mode, parse_modes
from lqbench.methods.lcp.net import LcpNet
from lqbench.methods.mmdet_adapter.build import import_mmdet

CLASSES = ("disc", "box", "star")


def resnet(depth: int = 18, **fields: Any) -> nn.Module:
    import_mmdet()
    from mmdet.models import ResNet

    return evaluated(ResNet(depth, base_channels=4, **fields))


def evaluated(module: nn.Module) -> nn.Module:
    """Put a module into evaluation mode; mmdet's own backbones return nothing from it."""
    module.eval()
    return module


def network(lcp: LcpConfig | None = None, **fields: Any) -> LcpNet:
    return LcpNet(NetworkConfig(base="mini", size=(64, 64), lcp=lcp, **fields), CLASSES).eval()


def test_the_mask_is_one_half_at_the_threshold() -> None:
    learner = CruxLearner(LcpConfig())
    for parameter in learner.parameters():
        nn.init.zeros_(parameter)
    image = torch.ones(1, 3, 8, 8)
    assert learner.mask(image).unique().tolist() == pytest.approx([0.0067], abs=1e-4)
    for heat, value in ((0.5, 0.5), (1.0, 0.9933)):
        nn.init.constant_(learner.h_evaluation[-1].get_parameter("conv3.bias"), heat)
        assert learner.mask(image).unique().tolist() == pytest.approx([value], abs=1e-4)
        assert learner(2 * image).unique().tolist() == pytest.approx([2 * value], abs=2e-4)


@given(height=st.integers(1, 40), width=st.integers(1, 12), band=st.integers(1, 20), blocks=st.integers(3, 5))
@settings(max_examples=25, deadline=None)
def test_bands_change_nothing(height: int, width: int, band: int, blocks: int) -> None:
    learner = CruxLearner(LcpConfig(blocks=blocks, channels=2))
    images = torch.randn(2, 3, height, width)
    learner.band = None
    whole = learner(images)
    whole.square().sum().backward()
    gradients = [parameter.grad for parameter in learner.parameters()]
    learner.zero_grad()
    learner.band = band
    banded = learner(images)
    banded.square().sum().backward()
    assert banded.shape == images.shape
    torch.testing.assert_close(banded, whole)
    for parameter, gradient in zip(learner.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-4)


def test_the_catch_up_learner_has_one_relu_or_two() -> None:
    for relus, names in ((1, "pooling conv1 relu conv2 conv3"), (2, "pooling conv1 relu conv2 relu2 conv3")):
        learner = CatchUpLearner(4, 6, relus)
        assert [name for name, _ in learner.layers.named_children()] == names.split()
        assert learner(torch.zeros(1, 4, 9, 6)).shape == (1, 6, 5, 3)


def test_the_loss_is_the_divergence_of_whole_maps() -> None:
    low, favoured = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)
    expected = 0.0
    for one, other in zip(low, favoured, strict=True):
        p, q = (torch.exp(maps) / torch.exp(maps).sum() for maps in (other.double(), one.double()))
        expected += float((p * (p / q).log()).sum()) / 2
    assert float(catch_up_loss(low, favoured)) == pytest.approx(expected, rel=1e-5)
    assert float(catch_up_loss(low, low)) == 0


def test_equal_images_have_caught_up_when_nothing_is_added() -> None:
    net = network(LcpConfig())
    assert net.lcp is not None
    assert net.lcp.catch_up_learner is not None
    images = [torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8) for _ in range(2)]
    assert float(net.catch_up_loss(images, images).detach()) > 0
    for parameter in net.lcp.catch_up_learner.layers.get_submodule("conv3").parameters():
        nn.init.zeros_(parameter)
    assert float(net.catch_up_loss(images, images).detach()) == 0


@pytest.mark.parametrize(("depth", "fields"), [(18, {}), (34, {}), (50, {}), (18, {"deep_stem": True})])
def test_any_depth_keeps_its_shallow_features(depth: int, fields: dict[str, Any]) -> None:
    inner = resnet(depth, **fields)
    images = torch.randn(1, 3, 96, 64)
    with torch.no_grad():
        plain = inner(images)
        net = LcpBackbone(inner, LcpConfig()).eval()
        found = net(images)
    assert [one.shape for one in found] == [one.shape for one in plain]
    for level in (0, 1):
        assert torch.equal(found[level], plain[level])
    for level in (2, 3):
        assert not torch.allclose(found[level], plain[level])


def test_it_goes_into_resnext() -> None:
    import_mmdet()
    from mmdet.models import ResNeXt

    inner = evaluated(ResNeXt(depth=50, groups=4, base_width=4, base_channels=16))
    assert [one.shape[1] for one in LcpBackbone(inner, LcpConfig())(torch.randn(1, 3, 64, 64))] == [64, 128, 256, 512]


@pytest.mark.parametrize("name", ["fasterrcnn_resnet50_fpn", "retinanet_resnet50_fpn", "fcos_resnet50_fpn"])
def test_it_goes_into_the_detectors_of_torchvision(name: str) -> None:
    import torchvision.models.detection as models

    detector = getattr(models, name)(weights=None, weights_backbone=None, num_classes=4, min_size=64, max_size=64)
    levels = detector.backbone(torch.randn(1, 3, 64, 64))
    detector.backbone.body = LcpBackbone(detector.backbone.body, LcpConfig())
    assert isinstance(levels, OrderedDict)
    assert list(detector.backbone(torch.randn(1, 3, 64, 64))) == list(levels)
    target = {"boxes": torch.tensor([[4.0, 4, 40, 50]]), "labels": torch.tensor([1])}
    losses = detector.train()([torch.rand(3, 64, 64)], [target])
    torch.stack(list(losses.values())).sum().backward()
    learner = detector.backbone.body.crux_learner
    assert learner is not None
    assert any(one.grad is not None and float(one.grad.abs().sum()) > 0 for one in learner.parameters())


@pytest.mark.parametrize("base", ["faster-rcnn_r50_fpn_1x_coco", "retinanet_r50_fpn_1x_coco"])
def test_it_goes_into_other_detectors_of_mmdet(base: str) -> None:
    net = LcpNet(NetworkConfig(base=base, size=(64, 64), lcp=LcpConfig()), CLASSES).train()
    image = torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8)
    losses = net.detection_losses([image], [torch.tensor([[4.0, 4, 40, 50]])], [torch.tensor([1])])
    torch.stack(list(losses.values())).sum().backward()
    assert net.lcp is not None
    assert net.lcp.crux_learner is not None
    assert any(one.grad is not None and float(one.grad.abs().sum()) > 0 for one in net.lcp.crux_learner.parameters())


def test_other_backbones_are_refused() -> None:
    with pytest.raises(UserError, match="cannot be put into a Sequential"):
        LcpBackbone(nn.Sequential(nn.Conv2d(3, 4, 1)), LcpConfig())
    with pytest.raises(UserError, match="makes 16 rows of 16"):
        LcpBackbone(resnet(strides=(1, 1, 2, 2)), LcpConfig())


def test_modes_follow_the_published_schedule() -> None:
    modes = parse_modes("6:catch-up+6:crux+12:alternate")
    assert modes == ("catch-up",) * 6 + ("crux",) * 6 + ("catch-up", "crux") * 6
    for wrong in ("", "6", "six:crux", "6:both", "6:crux+", "-1:crux"):
        with pytest.raises(ValueError, match="is not of the form"):
            parse_modes(wrong)


@pytest.mark.parametrize("lcp", [LcpConfig(), LcpConfig(crux=False)])
def test_exactly_the_published_parameters_learn(lcp: LcpConfig) -> None:
    model = network(lcp).model
    every = {name for name, _ in model.named_parameters()}
    caught_up = {name for name in every if name.startswith("backbone.catch_up_learner.")}
    frozen = {
        name
        for name in every
        if name.startswith(tuple(f"backbone.inner.{part}." for part in ("conv1", "bn1", "layer1", "layer2")))
    }
    turns: list[tuple[Mode, set[str]]] = [("catch-up", caught_up), ("crux", every - caught_up - frozen)]
    for mode, wanted in (*turns, *turns):
        enter_mode(model, mode)
        assert {name for name, one in model.named_parameters() if one.requires_grad} == wanted
    assert any("crux_learner" in name for name in every) == lcp.crux
    assert any(name.startswith("backbone.catch_up_fusion.") for name in every - caught_up - frozen)


def test_gradients_reach_the_crux_learner_through_frozen_stages() -> None:
    net = network(LcpConfig()).train()
    enter_mode(net.model, "crux")
    image = torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8)
    losses = net.detection_losses([image], [torch.tensor([[4.0, 4, 40, 50]])], [torch.tensor([1])])
    torch.stack(list(losses.values())).sum().backward()
    assert net.lcp is not None
    gradients = {name: one.grad for name, one in net.lcp.named_parameters()}
    assert all(gradients[name] is not None for name in gradients if name.startswith("crux_learner."))
    assert all(gradients[name] is None for name in gradients if name.startswith(("inner.layer1", "catch_up_learner")))


def test_only_the_catch_up_learner_gets_a_gradient_from_its_loss() -> None:
    net = network(LcpConfig())
    images = [torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8) for _ in range(2)]
    net.catch_up_loss(images[:1], images[1:]).backward()
    with_gradient = {name for name, one in net.model.named_parameters() if one.grad is not None}
    assert with_gradient == {
        name for name, _ in net.model.named_parameters() if name.startswith("backbone.catch_up_learner.")
    }


def test_the_seed_alone_decides_the_first_weights() -> None:
    config = NetworkConfig(base="mini", size=(64, 64), lcp=LcpConfig())
    first = LcpNet(config, CLASSES, 1).state_dict()
    torch.manual_seed(123)
    again, other = LcpNet(config, CLASSES, 1).state_dict(), LcpNet(config, CLASSES, 2).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_the_mask_lies_over_the_image() -> None:
    net = network(LcpConfig(channels=2), keep_ratio=True)
    mask = net.mask(torch.rand(3, 50, 100))
    assert mask is not None
    assert mask.shape == (50, 100)
    assert 0 <= float(mask.min()) <= float(mask.max()) <= 1
    assert network().mask(torch.rand(3, 50, 100)) is None
