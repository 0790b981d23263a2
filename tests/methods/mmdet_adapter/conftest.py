"""A RetinaNet small enough for tests, as a config file of mmdet, and checkpoints with random weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

CONFIG = """
classes = ("car", "person", "motorbike")
model = dict(
    type="RetinaNet",
    data_preprocessor=dict(
        type="DetDataPreprocessor", mean=[110.0, 115.0, 120.0], std=[60.0, 55.0, 50.0], bgr_to_rgb=True,
        pad_size_divisor=32,
    ),
    backbone=dict(
        type="ResNet", depth=18, base_channels=8, out_indices=(1, 2, 3), norm_cfg=dict(type="SyncBN"),
        init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet18"),
    ),
    neck=dict(type="FPN", in_channels=[16, 32, 64], out_channels=16, num_outs=3),
    bbox_head=dict(
        type="RetinaHead", num_classes=3, in_channels=16, stacked_convs=1, feat_channels=16,
        anchor_generator=dict(
            type="AnchorGenerator", octave_base_scale=4, scales_per_octave=1, ratios=[0.5, 1.0, 2.0],
            strides=[8, 16, 32],
        ),
        bbox_coder=dict(type="DeltaXYWHBBoxCoder"),
        loss_cls=dict(type="FocalLoss", use_sigmoid=True),
        loss_bbox=dict(type="L1Loss"),
    ),
    test_cfg=dict(nms_pre=200, min_bbox_size=0, score_thr=0.0, nms=dict(type="nms", iou_threshold=0.5), max_per_img=50),
)
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=(160, 128), keep_ratio=True),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")),
]
test_dataloader = dict(dataset=dict(type="CocoDataset", metainfo=dict(classes=classes), pipeline=test_pipeline))
"""

CLASSES = ("car", "person", "motorbike")


@pytest.fixture
def config_file(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the config with texts replaced, and returns its path."""

    def write(*replacements: tuple[str, str], name: str = "tiny.py") -> Path:
        text = CONFIG
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def checkpoint_file(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a checkpoint with seeded random weights for a config, as mmengine would."""

    def write(config: Path, name: str = "tiny.pth", seed: int = 0, **meta: Any) -> Path:
        from lqbench.methods.mmdet_adapter.build import build_model, import_mmdet, scope_of
        from lqbench.methods.mmdet_adapter.config import read_config

        import_mmdet()
        read = read_config(config)
        torch.manual_seed(seed)
        with scope_of(read):
            model = build_model(read, config)
        # Fresh class scores are nearly equal everywhere; larger weights make them differ.
        for module_name, module in model.named_modules():
            if module_name.endswith(("retina_cls", "rtm_cls.0", "heatmap_head.2", "multi_level_conv_cls.0")):
                torch.nn.init.normal_(module.weight, std=0.3)  # pyright: ignore
        meta = meta or {"dataset_meta": {"classes": CLASSES, "palette": [(1, 2, 3)] * 3}}
        path = tmp_path / name
        torch.save({"state_dict": model.state_dict(), "meta": {"epoch": 1, "cfg": "model = ...", **meta}}, path)
        return path

    return write
