from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lqbench.datasets.errors import UserError
from lqbench.methods.aeris.checkpoint import load_weights
from lqbench.methods.aeris.config import Backbone, ModelConfig, model_config
from lqbench.methods.aeris.convert import RELEASED, Official, convert, convert_file, official_name, read_official
from lqbench.methods.aeris.net import AerisNet
from lqbench.methods.aeris.swin import relative_index
from lqbench.methods.class_names import COCO80
from lqbench.methods.tensor_files import COUNTER, wanted_tensors

UNIT = "img_norm_cfg = dict(\n    mean=[0.0, 0.0, 0.0], std=[255.0, 255.0, 255.0], to_rgb=True)"
IMAGENET = "img_norm_cfg = dict(\n    mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)"
DEGRADED = "model = dict(\n    scale_cfg=dict(deg_type='all', scale_list=[4, 5]))\n"


def official_tensors(model: ModelConfig, classes: int = 80) -> dict[str, Tensor]:
    """Return a state dict as mmdetection would save it, with its counters and indices."""
    return dict(_official_tensors(model.model_dump_json(), classes))


@lru_cache(maxsize=8)
def _official_tensors(text: str, classes: int) -> dict[str, Tensor]:
    model = ModelConfig.model_validate_json(text)
    net = AerisNet(model, classes, seed=7)
    tensors = {official_name(name, model.neck): value for name, value in net.state_dict().items()}
    if model.backbone == "swin_t":
        names = [name for name in tensors if name.endswith("relative_position_bias_table")]
        tensors |= {name.replace("bias_table", "index"): relative_index() for name in names}
    return tensors


def official(model: ModelConfig, classes: int = 80, names: tuple[str, ...] = (), config: str = "") -> Official:
    return Official(Path("official.pth"), official_tensors(model, classes), names, config)


@pytest.mark.parametrize(("method", "backbone"), RELEASED)
def test_all_six_released_models(method: str, backbone: Backbone) -> None:
    model = model_config(method, backbone)
    given = official(model, config=(DEGRADED + UNIT if method.startswith("aeris") else IMAGENET))
    converted = convert(given)
    assert converted.header.method == method
    assert converted.header.model == model
    assert converted.header.classes == COCO80
    assert converted.title == RELEASED[method, backbone]
    net = AerisNet(model, 80)
    assert converted.tensors.keys() == wanted_tensors(net).keys()
    used = {name for name in given.tensors if not name.endswith((COUNTER, "relative_position_index"))}
    assert len(converted.tensors) == len(used)
    assert sum(value.double().sum() for value in converted.tensors.values()) == pytest.approx(
        float(sum(given.tensors[name].double().sum() for name in sorted(used)))
    )


def test_names_are_those_of_the_release() -> None:
    names = official_tensors(model_config("aeris", "resnet18")).keys()
    assert names >= {
        *("backbone.conv1.weight", "backbone.layer4.1.bn2.running_var", "backbone.layer2.0.downsample.1.bias"),
        *("neck.deconv1.0.conv.conv_offset.weight", "neck.deconv3.1.bn.bias", "neck.sr_deconv.1.conv.weight"),
        *("ARRD.conv_init.bias", "ARRD.res_2.conv_block.2.weight"),
        *("bbox_head.heatmap_head.2.weight", "bbox_head.wh_head.0.bias", "bbox_head.offset_head.2.bias"),
    }
    swin = official_tensors(model_config("centernet", "swin_t")).keys()
    assert swin >= {
        *("backbone.patch_embed.projection.bias", "backbone.norm3.weight"),
        "backbone.stages.2.blocks.5.attn.w_msa.relative_position_bias_table",
        *("backbone.stages.0.blocks.1.attn.w_msa.qkv.weight", "backbone.stages.0.downsample.reduction.weight"),
        *("backbone.stages.3.blocks.0.ffn.layers.0.0.bias", "backbone.stages.3.blocks.0.ffn.layers.1.weight"),
    }


def test_the_converted_network_computes_with_those_weights(tmp_path: Path) -> None:
    model = model_config("aeris", "resnet18")
    source = AerisNet(model, 80, seed=7).eval()
    path = tmp_path / "official.pth"
    state = {f"module.{name}": value for name, value in official_tensors(model).items()}
    meta = {"CLASSES": COCO80, "config": DEGRADED + UNIT, "epoch": 28}
    torch.save({"meta": meta, "state_dict": state | {"module.ema_x": torch.zeros(1)}, "optimizer": {}}, path)
    convert_file(path, tmp_path / "out.safetensors", None, None)
    net, header = load_weights(tmp_path / "out.safetensors")
    assert header.method == "aeris"
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert all(torch.equal(a, b) for a, b in zip(net(image), source(image), strict=True))
        assert torch.equal(net.restore(image, (99, 70)), source.restore(image, (99, 70)))


STOCK = model_config("centernet", "resnet18")


@pytest.mark.parametrize(
    ("config", "given", "method"),
    [(IMAGENET, None, "centernet"), (DEGRADED, None, "aeris-wo-arrd"), ("", "aeris-wo-arrd", "aeris-wo-arrd")],
)
def test_a_stock_neck_is_told_apart_by_its_configuration(config: str, given: str | None, method: str) -> None:
    assert convert(official(STOCK, config=config), given).header.method == method


def test_normalisation_is_that_of_the_configuration_unless_given() -> None:
    given = official(STOCK, config=UNIT)
    assert convert(given).header.model.normalisation == "unit"
    assert convert(given, None, "imagenet").header.model.normalisation == "imagenet"
    assert convert(official(STOCK), "centernet").header.model.normalisation == "imagenet"
    assert convert(official(STOCK), "aeris-wo-arrd").header.model.normalisation == "unit"


def test_class_names_are_those_of_the_checkpoint() -> None:
    assert convert(official(STOCK, 3, ("a", "b", "c")), "centernet").header.classes == ("a", "b", "c")
    assert len(convert(official(STOCK, 20), "centernet").header.classes) == 20


def refused(given: Official, message: str, *arguments: Any) -> None:
    with pytest.raises(UserError, match=message) as caught:
        convert(given, *arguments)
    assert str(given.path) in str(caught.value) and "\n" not in str(caught.value)


def test_every_tensor_must_be_accounted_for() -> None:
    given = official(STOCK, config=IMAGENET)
    given.tensors["neck.more.weight"] = torch.zeros(1)
    refused(given, "unexpected is 'neck.more.weight'")
    given = official(STOCK, config=IMAGENET)
    del given.tensors["backbone.layer3.0.bn1.running_mean"]
    refused(given, r"looks like CenterNet-Res18, but .* missing is 'backbone.layer3.0.bn1.running_mean'")
    given = official(STOCK, config=IMAGENET)
    given.tensors["backbone.bn1.bias"] = torch.zeros(3)
    refused(given, r"misshapen is 'backbone.bn1.bias' of shape \(3,\) where \(64,\) is needed")


def test_what_is_none_of_the_models() -> None:
    refused(official(STOCK), "add --as centernet for the baseline, or --as aeris-wo-arrd")
    refused(official(STOCK), "cannot be 'aeris': with the neck 'stock' it may be centernet or aeris-wo-arrd", "aeris")
    refused(
        official(STOCK, 7, config=IMAGENET),
        "7 classes and carries no class names; known class counts .* are 80 .COCO. or 20",
    )
    refused(official(STOCK, 7, ("a", "b"), IMAGENET), "7 classes and carries 2 class names")
    other = official(STOCK, config=IMAGENET)
    other.tensors["neck.fpn.weight"] = other.tensors.pop("neck.deconv_layers.0.conv.weight")
    refused(other, "a neck that is none of")
    swin = official(model_config("centernet", "swin_t"))
    swin.tensors["backbone.stages.0.blocks.0.attn.w_msa.relative_position_index"] = torch.zeros(64, 64)
    refused(swin, "7 x 7 windows")


def test_files_that_are_no_such_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    with pytest.raises(UserError, match="no such checkpoint"):
        read_official(path)
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match="cannot be read as a PyTorch checkpoint"):
        read_official(path)
    torch.save([1], path)
    with pytest.raises(UserError, match="holds no state dict"):
        read_official(path)
    torch.save({"state_dict": {"backbone.conv1.weight": torch.zeros(1), "rpn_head.x": torch.zeros(1)}}, path)
    with pytest.raises(UserError, match="no CenterNet or AERIS checkpoint"):
        read_official(path)
