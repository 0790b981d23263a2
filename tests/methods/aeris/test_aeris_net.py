from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lqbench.methods.aeris.config import BACKBONES, VARIANTS, Backbone, ModelConfig, RestorationConfig, model_config
from lqbench.methods.aeris.net import AerisNet
from lqbench.methods.aeris.restoration import RestorationDecoder

METHODS = tuple(VARIANTS)


def mini(method: str = "aeris", classes: int = 3, seed: int = 0) -> AerisNet:
    return AerisNet(model_config(method, "mini"), classes, seed).eval()


def images(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("method", METHODS)
@torch.no_grad()
def test_maps_are_a_quarter_of_the_image(method: str) -> None:
    maps = mini(method)(images(2, 3, 64, 96))
    assert maps.heatmap_logits.shape == (2, 3, 16, 24)
    assert maps.size.shape == maps.offset.shape == (2, 2, 16, 24)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("method", ["aeris", "aeris-stage1"])
@torch.no_grad()
def test_the_branch_changes_nothing_about_detection(method: str, backbone: Backbone) -> None:
    net = AerisNet(model_config(method, backbone), classes=2).eval()
    alone = net(images(1, 3, 64, 64))
    beside, restored = net.forward_with_restoration(images(1, 3, 64, 64), (150, 131))
    assert all(torch.equal(a, b) for a, b in zip(alone, beside, strict=True))
    assert restored is not None and restored.shape == (1, 3, 150, 131)
    assert torch.equal(net.restore(images(1, 3, 64, 64), (150, 131)), restored)
    without = AerisNet(net.config.model_copy(update={"neck": "skip", "restoration": None}), classes=2).eval()
    without.load_state_dict(net.state_dict(), strict=False)
    assert all(torch.equal(a, b) for a, b in zip(alone, without(images(1, 3, 64, 64)), strict=True))


def test_detection_runs_no_module_of_the_branch() -> None:
    net = mini()
    assert net.restoration is not None
    net.restoration.forward = None  # pyright: ignore[reportAttributeAccessIssue]
    net(images(1, 3, 32, 32))


@pytest.mark.parametrize("method", [name for name in METHODS if VARIANTS[name].model.restoration is None])
def test_a_network_without_the_branch_restores_nothing(method: str) -> None:
    net = mini(method)
    maps, restored = net.forward_with_restoration(images(1, 3, 32, 32), (64, 64))
    assert restored is None and maps.size.shape == (1, 2, 8, 8)
    with pytest.raises(ValueError, match="no restoration branch"):
        net.restore(images(1, 3, 32, 32), (64, 64))


def test_control_and_aeris_without_arrd_are_one_network() -> None:
    assert VARIANTS["centernet-control"].model == VARIANTS["aeris-wo-arrd"].model
    assert (VARIANTS["centernet-control"].degrade, VARIANTS["aeris-wo-arrd"].degrade) == (False, True)


def test_losses_of_both_branches_reach_the_encoder() -> None:
    net = mini().train()
    maps, restored = net.forward_with_restoration(images(2, 3, 32, 32), (64, 64))
    assert restored is not None
    for loss in (restored.mean(), maps.heatmap_logits.mean()):
        net.zero_grad()
        loss.backward(retain_graph=True)
        assert float(net.backbone.get_parameter("stem.0.weight").grad.abs().sum()) > 0  # pyright: ignore[reportOptionalMemberAccess]


def test_the_seed_alone_decides_first_weights() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = mini(seed=4).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    again, other = mini(seed=4).state_dict(), mini(seed=5).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["neck.stage1.mix.conv.weight"], other["neck.stage1.mix.conv.weight"])


def test_the_mini_network_is_small() -> None:
    net = AerisNet(model_config("aeris", "mini"), classes=80)
    assert 2 * sum(value.numel() for value in net.parameters()) < 6_000_000  # bytes of its file, in half precision


def test_other_sides_than_multiples_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 32"):
        mini()(images(1, 3, 32, 48))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"backbone": "resnet34"}, "'mini', 'resnet18' or 'swin_t'"),
        ({"neck": "stage3"}, "'stock', 'skip', 'stage1' or 'stage2'"),
        ({"neck": "skip"}, "has no restoration branch"),
        ({"restoration": None}, "needs a restoration branch"),
        ({"divisor": 16}, "multiple of 32"),
        ({"neckk": "skip"}, "Extra inputs"),
    ],
)
def test_configs_that_fit_nothing_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ModelConfig.model_validate(fields)


@torch.no_grad()
def test_normalisation_is_inside_the_network() -> None:
    unit = AerisNet(ModelConfig(neck="stock", restoration=None, dcn=False), classes=1).eval()
    imagenet = AerisNet(unit.config.model_copy(update={"normalisation": "imagenet"}), classes=1).eval()
    x = images(1, 3, 32, 32)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = unit((x - mean[:, None, None]) / std[:, None, None])
    torch.testing.assert_close(imagenet(x), expected, atol=1e-5, rtol=1e-4)


class TestRestoration:
    decoder = RestorationDecoder(RestorationConfig(channels=5, pixel_shuffle=2, blocks=1, bottleneck=4)).eval()

    @given(
        st.integers(1, 9), st.integers(1, 9), st.integers(1, 40), st.integers(1, 40), st.sampled_from([None, 0.7, 3.3])
    )
    @settings(max_examples=40, deadline=None)
    @torch.no_grad()
    def test_the_output_has_the_size_asked_for(
        self, h: int, w: int, height: int, width: int, factor: float | None
    ) -> None:
        scale = None if factor is None else (max(factor, 1 / h), max(factor, 1 / w))
        assert self.decoder(images(1, 5, h, w), (height, width), scale).shape == (1, 3, height, width)

    @torch.no_grad()
    def test_the_scale_asked_for_is_the_ratio_of_sizes_by_default(self) -> None:
        x = images(1, 5, 6, 8)
        torch.testing.assert_close(self.decoder(x, (24, 48)), self.decoder(x, (24, 48), (2.0, 3.0)))

    @torch.no_grad()
    def test_what_lies_beyond_the_image_does_not_move_it(self) -> None:
        """With a scale, the part that is asked for is that of the whole: no drift from a padded side."""
        x = images(1, 5, 12, 12)
        whole = self.decoder(x, (48, 48), (2.0, 2.0))
        assert torch.equal(self.decoder(x, (31, 29), (2.0, 2.0)), whole[..., :31, :29])

    @torch.no_grad()
    def test_resizing_the_sum_equals_resizing_the_parts(self) -> None:
        x = images(1, 5, 4, 6)
        first = self.decoder.first(x)
        parts = [
            torch.nn.functional.interpolate(part, (9, 7), mode="bilinear")
            for part in (first, self.decoder.blocks(first))
        ]
        expected = torch.nn.functional.pixel_shuffle(parts[0] + parts[1], 2)
        torch.testing.assert_close(self.decoder(x, (18, 14)), expected)


@pytest.mark.parametrize("method", ["aeris", "aeris-stage1"])
@torch.no_grad()
def test_a_scale_leads_to_the_same_place_through_the_whole_branch(method: str) -> None:
    net, x = mini(method), images(1, 3, 64, 64)
    torch.testing.assert_close(net.restore(x, (160, 96), (2.5, 1.5)), net.restore(x, (160, 96)))
