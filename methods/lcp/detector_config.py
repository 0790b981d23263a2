"""The mmdet config of a network: one of mmdet's own, or a narrow one made from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...datasets.errors import UserError
from ..mmdet_adapter.config import read_config
from ..mmdet_adapter.files import find_config
from .config import CASCADE_R50, MINI, NetworkConfig

if TYPE_CHECKING:
    from mmengine.config import Config

_WIDTH = 16
"""Channels of the narrow network's first stage; the published one has 64 and blocks with four times as many outputs."""
_NECK = 48
_SAMPLES = {"rpn": 128, "rcnn": 64}
"""Boxes of an image that the narrow network learns from; the published one 256 and 512."""
_POINTS = 1
"""Points along each side of a cell at which the narrow network reads a box's features; the published one takes as many
as there are pixels."""
_PROPOSALS = 300
"""Of an image in the narrow network; the published one has 1000, 2000 while training."""


def detector_config(network: NetworkConfig, classes: Sequence[str]) -> tuple[Config, Path]:
    """Return the config of a network without LCP, with the file that it came from.

    Args:
        network: Which one.
        classes: Names by label index.

    Raises:
        UserError: mmdet has no such config, or it describes no detector.
    """
    path = find_config(CASCADE_R50 if network.base == MINI else network.base)
    config = read_config(path)
    if network.base == MINI:
        _make_narrow(config.model)
    for head in _box_heads(config.model):
        head["num_classes"] = len(classes)
    config["test_dataloader"] = {"dataset": {"pipeline": _pipeline(network), "metainfo": {"classes": tuple(classes)}}}
    return config, path


def _pipeline(network: NetworkConfig) -> list[dict[str, Any]]:
    height, width = network.size
    return [
        {"type": "LoadImageFromFile"},
        {"type": "Resize", "scale": (width, height), "keep_ratio": network.keep_ratio},
        {"type": "PackDetInputs", "meta_keys": ("img_id", "ori_shape", "img_shape", "scale_factor")},
    ]


def _box_heads(model: Any) -> Iterator[Any]:
    """Yield the parts of a config that tell classes apart.

    Raises:
        UserError: There are none.
    """
    heads = model.get("bbox_head") or model.get("roi_head", {}).get("bbox_head")
    if not heads:
        raise UserError(f"the config describes a {model.get('type')}, which has no box head; name a detector's config.")
    yield from heads if isinstance(heads, list | tuple) else [heads]


def _make_narrow(model: Any) -> None:
    """Turn the published Cascade R-CNN into one that learns on 2 CPU cores, in place."""
    model.backbone.update(depth=18, base_channels=_WIDTH, frozen_stages=-1)
    model.neck.update(in_channels=[_WIDTH, 2 * _WIDTH, 4 * _WIDTH, 8 * _WIDTH], out_channels=_NECK)
    model.rpn_head.update(in_channels=_NECK, feat_channels=_NECK)
    model.rpn_head.anchor_generator.update(scales=[4])
    model.roi_head.bbox_roi_extractor.update(out_channels=_NECK)
    model.roi_head.bbox_roi_extractor.roi_layer.update(sampling_ratio=_POINTS)
    for head in model.roi_head.bbox_head:
        head.update(in_channels=_NECK, fc_out_channels=128)
    model.train_cfg.rpn.sampler.update(num=_SAMPLES["rpn"])
    for stage in model.train_cfg.rcnn:
        stage.sampler.update(num=_SAMPLES["rcnn"])
    for proposals in (model.train_cfg.rpn_proposal, model.test_cfg.rpn):
        proposals.update(nms_pre=2 * _PROPOSALS, max_per_img=_PROPOSALS)
