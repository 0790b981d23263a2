"""Detectors of mmdet from the configs that come with it predict, compute losses and pass gradients back here."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lqbench.methods.mmdet_adapter.build import build_model, import_mmdet, scope_of
from lqbench.methods.mmdet_adapter.config import read_config
from lqbench.methods.mmdet_adapter.files import find_config

SIDE = 64
ONE_STAGE: dict[str, Any] = {"model.test_cfg.score_thr": 0.0}
PROPOSALS: dict[str, Any] = {"model.test_cfg.rcnn.score_thr": 0.0, "model.test_cfg.rpn.nms_pre": 100}
TWO_STAGES = PROPOSALS | {"model.roi_head.bbox_head.fc_out_channels": 64}

CONFIGS: dict[str, dict[str, Any]] = {
    "cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco": PROPOSALS
    | {f"model.roi_head.bbox_head.{stage}.fc_out_channels": 64 for stage in range(3)},
    "faster_rcnn/faster-rcnn_r50_fpn_1x_coco": TWO_STAGES,
    "retinanet/retinanet_r18_fpn_1x_coco": ONE_STAGE,
    "fcos/fcos_r50-caffe_fpn_gn-head_1x_coco": ONE_STAGE,
    "atss/atss_r50_fpn_1x_coco": ONE_STAGE,
    "tood/tood_r50_fpn_1x_coco": ONE_STAGE,
    "centernet/centernet_r18-dcnv2_8xb16-crop512-140e_coco": {},
    "yolox/yolox_tiny_8xb8-300e_coco": ONE_STAGE,
    "deformable_detr/deformable-detr_r50_16xb2-50e_coco": {
        "model.num_queries": 20,
        "model.encoder.num_layers": 1,
        "model.decoder.num_layers": 2,
        "model.test_cfg.max_per_img": 10,
    },
    "rtmdet/rtmdet_tiny_8xb32-300e_coco": ONE_STAGE,
    "dcn/faster-rcnn_r50-dconv-c3-c5_fpn_1x_coco": TWO_STAGES,
    "carafe/faster-rcnn_r50_fpn-carafe_1x_coco": TWO_STAGES,
}
"""Config to what is changed in it: a smaller model where that is easy, and boxes of any score."""


@pytest.fixture(scope="module", autouse=True)
def mmdet() -> None:
    import_mmdet()
    from mmengine.logging import MessageHub

    # TOOD and YOLOX look at the progress of training, which a training loop tells them in this way.
    MessageHub.get_current_instance().update_info_dict({"epoch": 100, "iter": 0})


def model_of(name: str) -> Any:
    path = find_config(name)
    config = read_config(path)
    config.merge_from_dict(CONFIGS[name])
    torch.manual_seed(0)
    with scope_of(config):
        model: Any = build_model(config, path)
    if hasattr(model, "level_embed"):  # Deformable DETR's constructor leaves it uninitialised
        torch.nn.init.normal_(model.level_embed)
    return model


def batch(model: Any) -> dict[str, Any]:
    """Return two images with two boxes each, prepared as mmdet's data loaders and preprocessors do."""
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData

    generator = torch.Generator().manual_seed(0)
    size = (SIDE, SIDE)
    sample = DetDataSample(
        metainfo={"img_shape": size, "ori_shape": size, "scale_factor": (1.0, 1.0), "border": (0, SIDE, 0, SIDE)}
    )
    boxes = torch.tensor([[4.0, 6.0, 30.0, 40.0], [20.0, 10.0, 60.0, 58.0]])
    sample.gt_instances = InstanceData(bboxes=boxes, labels=torch.tensor([3, 17]))
    images = [torch.randint(0, 256, (3, *size), generator=generator, dtype=torch.uint8) for _ in range(2)]
    return model.data_preprocessor({"inputs": images, "data_samples": [sample, sample.clone()]}, training=True)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_shipped_config_predicts_and_learns(name: str) -> None:
    model = model_of(name)
    data = batch(model)
    loss, _ = model.train().parse_losses(model(**data, mode="loss"))
    loss.backward()
    assert bool(loss.isfinite())
    learning = [p for p in model.parameters() if p.requires_grad]
    gradients = [p.grad for p in learning if p.grad is not None]
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)
    assert sum(bool(gradient.any()) for gradient in gradients) > len(learning) / 2
    with torch.no_grad():
        found = model.eval()(**data, mode="predict")
    assert len(found) == 2
    for instances in (sample.pred_instances for sample in found):
        assert len(instances) > 0
        assert instances.bboxes.shape == (len(instances), 4)
        assert bool(((instances.scores >= 0) & (instances.scores <= 1)).all())
