"""mmdet's models are trained through with their own losses, on images that their own test pipeline shapes."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lqbench.datasets.errors import UserError
from lqbench.methods.detectors.base import TaskTargets
from lqbench.methods.detectors.tasks.mmdet_losses import geometry
from lqbench.methods.mmdet_adapter.build import import_mmdet
from lqbench.methods.mmdet_adapter.config import describe, read_config
from lqbench.methods.mmdet_adapter.detector import MmdetDetector
from lqbench.methods.mmdet_adapter.files import find_config
from lqbench.methods.mmdet_adapter.pipeline import Pipeline

BOXES = torch.tensor([[10.0, 6, 70, 64], [30, 20, 110, 90], [3, 3, 60, 3.5]])
LABELS = torch.tensor([0, 2, 1])


def _fixtures() -> Any:
    """Return the module that defines the small config and its checkpoint."""
    path = Path(__file__).parents[1] / "mmdet_adapter" / "conftest.py"
    spec = importlib.util.spec_from_file_location("small_mmdet_config", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_small = _fixtures()
config_file, checkpoint_file = _small.config_file, _small.checkpoint_file


TRAIN_CFG = """    train_cfg=dict(
        assigner=dict(type="MaxIoUAssigner", pos_iou_thr=0.5, neg_iou_thr=0.4, min_pos_iou=0, ignore_iof_thr=-1),
        sampler=dict(type="PseudoSampler"), allowed_border=-1, pos_weight=-1, debug=False,
    ),
"""
"""How RetinaNet's config assigns anchors; the small config has no such part."""

Write = Callable[..., Path]


def loaded(config: Path, checkpoint: Path) -> MmdetDetector:
    found = MmdetDetector(describe(str(config)))
    found.load("cpu", checkpoint)
    return found


@pytest.fixture
def detector(config_file: Write, checkpoint_file: Write) -> MmdetDetector:
    config = config_file(("    test_cfg=", TRAIN_CFG + "    test_cfg="))
    return loaded(config, checkpoint_file(config))


def pictures(count: int, height: int = 96, width: int = 120) -> Tensor:
    coarse = torch.rand(count, 3, 8, 10, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")


def total(losses: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(losses.values())).sum()


def test_it_stays_as_it_is_and_the_images_get_gradients(detector: MmdetDetector) -> None:
    images = pictures(3).requires_grad_()
    model = detector.trainable_module()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    (found,) = detector.predict([images[0].detach()])
    targets = [TaskTargets(BOXES, LABELS), TaskTargets(BOXES[:0], LABELS[:0]), TaskTargets(BOXES[:1], LABELS[:1])]
    losses = detector.task_loss(images, targets)
    assert sorted(losses) == ["loss_bbox", "loss_cls"]
    total(losses).backward()
    assert images.grad is not None
    assert images.grad.isfinite().all()
    assert all(gradient.any() for gradient in images.grad)
    assert all(p.grad is None for p in model.parameters())
    assert not any(module.training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    (again,) = detector.predict([images[0].detach()])
    assert np.array_equal(found.xyxy, again.xyxy)
    assert np.array_equal(found.scores, again.scores)


def test_the_loss_is_that_of_mmdet_on_its_own_input(detector: MmdetDetector) -> None:
    from mmengine.structures import InstanceData

    images = (pictures(1) * 255).round() / 255
    given = detector.task_loss(images, [TaskTargets(BOXES[:2], LABELS[:2])])
    data = detector._pipeline((images[0] * 255).byte().flip(0).permute(1, 2, 0).numpy(), enlarge=True)
    (sample,) = data["data_samples"]
    assert sample.scale_factor == pytest.approx((4 / 3, 4 / 3))
    sample.gt_instances = InstanceData(bboxes=BOXES[:2] * 4 / 3, labels=LABELS[:2])
    sample.ignored_instances = InstanceData(bboxes=BOXES[:0], labels=LABELS[:0])
    model: Any = detector.trainable_module()
    with torch.no_grad():
        prepared = model.data_preprocessor(data, True)
        wanted = model.loss(prepared["inputs"], prepared["data_samples"])
    for name, value in wanted.items():
        # mmdet's resizing rounds to 8 bits.
        torch.testing.assert_close(given[name], torch.stack(list(value)).sum(), rtol=5e-3, atol=1e-4)


def test_features_are_those_of_backbone_and_neck(detector: MmdetDetector) -> None:
    images = pictures(2).requires_grad_()
    maps = detector.features(images)
    assert [tuple(m.shape) for m in maps] == [(2, 16, 16, 20), (2, 16, 8, 10), (2, 16, 4, 5)]
    total({"maps": maps[0].square().sum()}).backward()
    assert images.grad is not None
    assert images.grad.any()


def test_images_that_are_not_labelled_in_full_are_refused(detector: MmdetDetector) -> None:
    known = torch.tensor([True, False, True])
    with pytest.raises(UserError, match=r"the config tiny cannot leave out classes"):
        detector.task_loss(pictures(1), [TaskTargets(BOXES[:1], LABELS[:1], known)])


def test_a_model_that_learns_from_masks_is_told(detector: MmdetDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    model: Any = detector.trainable_module()
    monkeypatch.setattr(model.bbox_head, "loss", lambda _x, samples: samples[0].gt_instances.masks)
    with pytest.raises(UserError, match=r"tiny cannot be computed \(AttributeError: .*masks"):
        detector.task_loss(pictures(1), [TaskTargets(BOXES[:1], LABELS[:1])])
    assert not any(module.training for module in model.modules())


def test_a_config_without_training_settings_is_told(config_file: Write, checkpoint_file: Write) -> None:
    config = config_file()
    untrainable = loaded(config, checkpoint_file(config))
    with pytest.raises(UserError, match=r"loss of the config tiny cannot be computed \(TypeError: .*train_cfg"):
        untrainable.task_loss(pictures(1), [TaskTargets(BOXES[:1], LABELS[:1])])


SHIPPED = (
    "retinanet_r50_fpn_1x_coco",
    "centernet_r18-dcnv2_8xb16-crop512-140e_coco",
    "yolox_tiny_8xb8-300e_coco",
    "ssd300_coco",
)
"""Pipelines that keep the aspect ratio, pad around the centre without resizing, pad to a square, and do not keep it."""


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("size", [(48, 70), (333, 500)])
def test_what_the_network_sees_is_what_the_pipeline_makes(name: str, size: tuple[int, int]) -> None:
    import_mmdet()
    path = find_config(name)
    pipeline = Pipeline(read_config(path), path)
    form = geometry(pipeline, size)
    (image,) = (pictures(1, *size) * 255).round()
    given = form.image(image.flip(0))
    wanted = pipeline(image.byte().flip(0).permute(1, 2, 0).numpy(), enlarge=True)["inputs"][0].float()
    assert given.shape == wanted.shape
    assert float((given - wanted).abs().max()) <= 1.01

    box = torch.tensor([[size[1] * 0.25, size[0] * 0.5, size[1] * 0.75, size[0] * 0.9]])
    marked = np.zeros((*size, 3), np.uint8)
    x1, y1, x2, y2 = box[0].round().int().tolist()
    marked[y1:y2, x1:x2] = 255
    seen = pipeline(marked, enlarge=True)["inputs"][0].float().amax(dim=0) - form.constant.amax(dim=0)
    rows, columns = (seen > 127).nonzero().unbind(dim=1)
    edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    mapped = form.boxes(box.round())[0].tolist()
    assert mapped == pytest.approx([float(edge) for edge in edges], abs=1.6)
