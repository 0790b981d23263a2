"""Encoders, necks, head, padding and decoding agree with mmdetection's, layer names included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lqbench.methods.aeris.config import Backbone, ModelConfig, model_config
from lqbench.methods.aeris.convert import official_name
from lqbench.methods.aeris.decode import decode, find_objects, pad_centred
from lqbench.methods.aeris.head import HeadMaps
from lqbench.methods.aeris.net import IMAGENET_MEAN, IMAGENET_STD, AerisNet
from lqbench.methods.mmcv_ops.install import install
from lqbench.methods.tensor_files import COUNTER, wanted_tensors

pytest.importorskip("mmdet")
SWIN = {"type": "SwinTransformer", "embed_dims": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24]}
RESNET = {"type": "ResNet", "depth": 18, "norm_eval": False, "norm_cfg": {"type": "BN"}}
TEST = {"topk": 100, "local_maximum_kernel": 3, "max_per_img": 100}


@pytest.fixture(scope="module", autouse=True)
def operators() -> None:
    install()


def build(config: dict[str, Any]) -> Any:
    import mmdet.models  # noqa: F401  registers
    from mmdet.registry import MODELS
    from mmengine.config import ConfigDict

    return MODELS.build(ConfigDict({**config, "_scope_": "mmdet"}))


def randomised(net: AerisNet) -> AerisNet:
    """Give every tensor values that matter: fresh networks have zeros and ones in places."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, value in wanted_tensors(net).items():
            noise = 0.1 * torch.randn(value.shape, generator=generator)
            value.add_(noise.abs() if name.endswith("running_var") else 0.3 * noise)
    return net.eval()


def official_state(net: AerisNet, prefix: str) -> dict[str, Tensor]:
    names = {name: official_name(name, net.config.neck) for name in wanted_tensors(net)}
    state = net.state_dict()
    return {
        official.removeprefix(prefix): state[name] for name, official in names.items() if official.startswith(prefix)
    }


def load(model: nn.Module, state: dict[str, Tensor]) -> None:
    found = model.load_state_dict(state, strict=False)
    assert not found.unexpected_keys
    derived = (COUNTER, "relative_position_index")
    assert [name for name in found.missing_keys if not name.endswith(derived)] == []
    model.eval()


@pytest.mark.parametrize(("backbone", "config"), [("swin_t", SWIN), ("resnet18", RESNET)])
@pytest.mark.parametrize("size", [(96, 64), (32, 256)])
@torch.no_grad()
def test_encoders(backbone: Backbone, config: dict[str, Any], size: tuple[int, int]) -> None:
    net = randomised(AerisNet(model_config("centernet", backbone), classes=1))
    reference = build(config)
    load(reference, official_state(net, "backbone."))
    images = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    for ours, theirs in zip(net.backbone(images), reference(images), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("dcn", [True, False])
@torch.no_grad()
def test_the_stock_neck(dcn: bool) -> None:
    config = ModelConfig(neck="stock", restoration=None, dcn=dcn)
    net = randomised(AerisNet(config, classes=1))
    channels = {"in_channels": 512, "num_deconv_filters": (256, 128, 64), "num_deconv_kernels": (4, 4, 4)}
    reference = build({"type": "CTResNetNeck", **channels, "use_dcn": dcn})
    load(reference, official_state(net, "neck."))
    maps = net.backbone(torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(net.neck(maps).quarter, reference(maps)[0], atol=1e-5, rtol=1e-4)


def head() -> Any:
    channels = {"num_classes": 7, "in_channels": 64, "feat_channels": 64}
    return build({"type": "CenterNetHead", **channels, "test_cfg": TEST})


@torch.no_grad()
def test_the_head() -> None:
    net = randomised(AerisNet(model_config("aeris", "resnet18"), classes=7))
    reference = head()
    load(reference, official_state(net, "bbox_head."))
    x = torch.rand(1, 64, 12, 8, generator=torch.Generator().manual_seed(0))
    heat, size, offset = (one[0] for one in reference((x,)))
    ours = net.head(x)
    torch.testing.assert_close((ours.heatmap_logits.sigmoid(), ours.size, ours.offset), (heat, size, offset))


@torch.no_grad()
def test_first_weights_of_the_head_are_as_there() -> None:
    ours: Any = AerisNet(model_config("aeris", "resnet18"), classes=7).head
    theirs = head()
    theirs.init_weights()
    torch.testing.assert_close(ours.heatmap[-1].bias, theirs.heatmap_head[-1].bias)
    for branch, reference in ((ours.size, theirs.wh_head), (ours.offset, theirs.offset_head)):
        for layer in (0, 2):
            assert branch[layer].bias.abs().max() == reference[layer].bias.abs().max() == 0
            assert branch[layer].weight.std().item() == pytest.approx(reference[layer].weight.std().item(), rel=0.2)


@torch.no_grad()
def test_first_weights_of_deconvolutions_are_as_there() -> None:
    ours = AerisNet(ModelConfig(neck="stock", restoration=None, dcn=False), classes=1).neck.stage3.up.conv.weight
    assert isinstance(ours, Tensor)
    reference = build(
        {
            **{"type": "CTResNetNeck", "in_channels": 512, "num_deconv_filters": (256, 128, 64)},
            **{"num_deconv_kernels": (4, 4, 4), "use_dcn": False},
        }
    )
    reference.init_weights()
    theirs = reference.deconv_layers[5].conv.weight
    assert torch.equal(ours[:, 0], theirs[:, 0])
    assert ours[:, 1:].std().item() == pytest.approx(theirs[:, 1:].std().item(), rel=0.05)


@torch.no_grad()
def test_boxes_are_decoded_as_there() -> None:
    generator = torch.Generator().manual_seed(1)
    maps = HeadMaps(*(torch.randn(1, count, 24, 40, generator=generator) for count in (7, 2, 2)))
    meta = {"batch_input_shape": (96, 160), "border": np.array([3, 90, 7, 150], np.float32)}
    (reference,) = head().predict_by_feat([maps[0].sigmoid()], [maps[1]], [maps[2]], [meta], rescale=False)
    peaks = decode(maps)
    torch.testing.assert_close(peaks.scores, reference.scores)
    assert torch.equal(peaks.labels, reference.labels)
    torch.testing.assert_close(peaks.xyxy - torch.tensor([7.0, 3, 7, 3]), reference.bboxes)


@pytest.mark.parametrize("size", [(64, 96), (61, 45), (1, 33), (512, 31)])
def test_images_are_padded_as_there(size: tuple[int, int]) -> None:
    from mmdet.datasets import transforms

    image = np.random.default_rng(0).random((*size, 3)).astype(np.float32)
    published: Any = transforms.RandomCenterCropPad
    pipeline = published(
        crop_size=None,
        ratios=None,
        border=None,
        mean=[0, 0, 0],
        std=[1, 1, 1],
        to_rgb=True,
        test_mode=True,
        test_pad_mode=("logical_or", 31),
        test_pad_add_pix=1,
    )
    expected = pipeline.transform({"img": image})
    padded, (left, top) = pad_centred(torch.from_numpy(image).permute(2, 0, 1), 32)
    assert np.array_equal(padded.permute(1, 2, 0).numpy(), expected["img"])
    assert (top, left) == (expected["border"][0], expected["border"][2])


@torch.no_grad()
def test_the_whole_baseline_finds_what_mmdetection_finds() -> None:
    from mmdet.structures import DetDataSample

    net = randomised(AerisNet(model_config("centernet", "resnet18"), classes=80))
    reference = build(
        {
            "type": "CenterNet",
            "data_preprocessor": {
                **{"type": "DetDataPreprocessor", "mean": [255 * v for v in IMAGENET_MEAN]},
                **{"std": [255 * v for v in IMAGENET_STD], "bgr_to_rgb": False},
            },
            "backbone": RESNET,
            "neck": {
                **{"type": "CTResNetNeck", "in_channels": 512, "num_deconv_filters": (256, 128, 64)},
                **{"num_deconv_kernels": (4, 4, 4), "use_dcn": True},
            },
            "bbox_head": {"type": "CenterNetHead", "num_classes": 80, "in_channels": 64, "feat_channels": 64},
            "test_cfg": TEST,
        }
    )
    load(reference, official_state(net, ""))
    image = torch.rand(3, 61, 90, generator=torch.Generator().manual_seed(2))
    padded, (left, top) = pad_centred(image, 32)
    sample = DetDataSample(metainfo={"border": [top, 0, left, 0], "img_shape": padded.shape[1:]})
    (found,) = reference.test_step({"inputs": [255 * padded], "data_samples": [sample]})
    peaks = find_objects(net, image)
    torch.testing.assert_close(peaks.scores, found.pred_instances.scores, atol=1e-5, rtol=1e-4)
    assert torch.equal(peaks.labels, found.pred_instances.labels)
    torch.testing.assert_close(peaks.xyxy, found.pred_instances.bboxes, atol=1e-3, rtol=1e-4)
