"""torchvision's detectors are trained through with torchvision's own losses, and stay as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.ops.feature_pyramid_network import LastLevelP6P7
from torchvision.ops.misc import FrozenBatchNorm2d

from lqbench.datasets.errors import UserError
from lqbench.methods.detectors import torchvision_models
from lqbench.methods.detectors.base import TaskTargets
from lqbench.methods.detectors.torchvision_models import FasterRcnn, Fcos, RetinaNetDetector, TorchvisionDetector

NAMES = ("", "car", "dog", "cat")
BOXES = torch.tensor([[8.0, 6, 50, 44], [30, 20, 60, 47], [5, 5, 5.5, 30]])
LABELS = torch.tensor([1, 3, 2])
FEW_PROPOSALS: Any = {"rpn_post_nms_top_n_train": 40, "rpn_post_nms_top_n_test": 40, "box_batch_size_per_image": 32}


def backbone(first: int, extra: Any) -> Any:
    return resnet_fpn_backbone(
        backbone_name="resnet18",
        weights=None,
        norm_layer=FrozenBatchNorm2d,
        returned_layers=list(range(first, 5)),
        extra_blocks=extra,
    )


def build(kind: type[TorchvisionDetector]) -> Any:
    if kind is FasterRcnn:
        return FasterRCNN(backbone(1, None), num_classes=4, box_detections_per_img=20, **FEW_PROPOSALS)
    body = backbone(2, LastLevelP6P7(256, 256))
    if kind is Fcos:
        return FCOS(body, 4, anchor_generator=AnchorGenerator(((8,), (16,), (32,), (64,), (128,)), ((1.0,),) * 5))
    return RetinaNet(body, 4)


@pytest.fixture(scope="module", params=[FasterRcnn, Fcos, RetinaNetDetector], ids=lambda kind: kind.name)
def detector(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    found = request.param()
    found.network = build(request.param).eval().requires_grad_(False)
    found.class_names = NAMES
    found._device = torch.device("cpu")
    return found


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision_models, "SHORT_SIDE", 64)


def pictures(count: int) -> Tensor:
    return torch.rand(count, 3, 48, 64, generator=torch.Generator().manual_seed(1))


def targets(*counts: int, known: Tensor | None = None) -> list[TaskTargets]:
    return [TaskTargets(BOXES[:count], LABELS[:count], known) for count in counts]


def total(losses: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(losses.values())).sum()


def test_the_losses_are_the_networks_own(detector: Any) -> None:
    images = pictures(2)
    given = detector.task_loss(images, targets(3, 1))
    network = detector.network
    wanted_boxes = [BOXES[:2], BOXES[:1]]  # without the box of half a pixel
    own = [{"boxes": b, "labels": LABELS[: len(b)]} for b in wanted_boxes]
    state = torch.get_rng_state()
    torch.manual_seed(0)
    with torch.no_grad():
        wanted = network.train()(list(images), own)
    network.eval()
    torch.set_rng_state(state)
    assert given.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(given[name], value)


def test_it_stays_as_it_is_and_the_images_get_gradients(detector: Any) -> None:
    images = pictures(3).requires_grad_()
    before = {name: value.clone() for name, value in detector.network.state_dict().items()}
    state = torch.get_rng_state()
    with torch.no_grad():
        found = detector.predict(list(images), enlarge=False)
    first = detector.task_loss(images, targets(2, 0, 1))
    total(first).backward()
    assert images.grad is not None
    assert images.grad.isfinite().all()
    assert all(gradient.any() for gradient in images.grad)
    assert all(p.grad is None for p in detector.trainable_module().parameters())
    assert not any(module.training for module in detector.network.modules())
    assert all(torch.equal(value, before[name]) for name, value in detector.network.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    second = detector.task_loss(images, targets(2, 0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    with torch.no_grad():
        again = detector.predict(list(images), enlarge=False)
    for one, other in zip(found, again, strict=True):
        assert np.array_equal(one.xyxy, other.xyxy)
        assert np.array_equal(one.scores, other.scores)


def test_features_are_the_pyramids_maps(detector: Any) -> None:
    images = pictures(1).requires_grad_()
    maps = detector.features(images)
    assert all(m.shape[:2] == (1, 256) for m in maps)
    sizes = [m.shape[-1] for m in maps]
    assert sizes == sorted(sizes, reverse=True)
    maps[0].square().sum().backward()
    assert images.grad is not None
    assert images.grad.any()


def test_classes_without_labels_are_left_out_or_refused(detector: Any) -> None:
    known = torch.tensor([False, True, True, False])
    images = pictures(1)
    if isinstance(detector, FasterRcnn):
        with pytest.raises(UserError, match="training loss of fasterrcnn cannot leave out classes"):
            detector.task_loss(images, targets(1, known=known))
        return
    head = detector.network.get_submodule("head")
    logits: list[Tensor] = []

    def keep(_module: object, _inputs: object, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        logits.append(outputs["cls_logits"].detach().requires_grad_())
        return outputs | {"cls_logits": logits[-1]}

    handle = head.register_forward_hook(keep)
    try:
        partly = detector.task_loss(images.requires_grad_(), targets(1, known=known))
        fully = detector.task_loss(images, targets(1))
        (total(partly) + total(fully)).backward()
    finally:
        handle.remove()
    first, second = (found.grad for found in logits)
    assert first is not None
    assert second is not None
    assert not first[..., ~known].any()
    assert torch.equal(first[..., known], second[..., known])
    assert (second[..., ~known] >= 0).all()
    assert second[..., ~known].any()
    assert 0 < partly["classification"] < fully["classification"]


def test_wrong_targets_are_told(detector: Any) -> None:
    with pytest.raises(ValueError, match=r"wanted \(B, 3, H, W\)"):
        detector.task_loss(pictures(2), targets(1))
    with pytest.raises(ValueError, match="from 0 to 3"):
        detector.task_loss(pictures(1), [TaskTargets(BOXES[:1], torch.tensor([4]))])
    with pytest.raises(ValueError, match=r"wanted torch.bool \(4,\)"):
        detector.task_loss(pictures(1), targets(1, known=torch.ones(3, dtype=torch.bool)))
    with pytest.raises(ValueError, match="class that is not known"):
        detector.task_loss(pictures(1), targets(1, known=torch.zeros(4, dtype=torch.bool)))
