"""Build torchvision's detection networks without downloading anything, ready for published checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet, ssd300_vgg16
from torchvision.models.detection.backbone_utils import BackboneWithFPN, resnet_fpn_backbone
from torchvision.models.detection.ssd import SSD
from torchvision.ops.feature_pyramid_network import LastLevelP6P7
from torchvision.ops.misc import FrozenBatchNorm2d

TorchvisionNet = SSD | FasterRCNN | FCOS | RetinaNet


@dataclass(frozen=True, slots=True)
class Architecture:
    """How to build one network and how to read its class count off a checkpoint.

    Attributes:
        build: Takes the number of classes (background included) and returns the network with random weights.
        class_key: Name of the tensor whose first dimension is ``rows_per_class`` times the number of classes.
        rows_per_class: Anchors per location of that layer; 1 where there are none.
        published_eps: Epsilon of the frozen batch normalisation with which the published weights were trained.
    """

    build: Callable[[int], TorchvisionNet]
    class_key: str
    rows_per_class: int = 1
    published_eps: float = 1e-5


def build_ssd(classes: int) -> SSD:
    """Return SSD300 on VGG16 (Liu et al., ECCV 2016), input 300x300, default boxes of torchvision's COCO recipe."""
    return ssd300_vgg16(weights=None, weights_backbone=None, num_classes=classes)


def build_fasterrcnn(classes: int) -> FasterRCNN:
    """Return Faster R-CNN on ResNet-50 with FPN (Ren et al. 2015; Lin et al. 2017)."""
    return FasterRCNN(_resnet_fpn(), num_classes=classes)


def build_fcos(classes: int) -> FCOS:
    """Return FCOS on ResNet-50 with FPN (Tian et al., ICCV 2019)."""
    return FCOS(_resnet_p3_to_p7(), classes)


def build_retinanet(classes: int) -> RetinaNet:
    """Return RetinaNet on ResNet-50 with FPN (Lin et al., ICCV 2017)."""
    return RetinaNet(_resnet_p3_to_p7(), classes)


def _resnet_fpn() -> BackboneWithFPN:
    # torchvision's own builders take trainable batch normalisation when no weights are asked for; published
    # checkpoints need the frozen kind.
    return resnet_fpn_backbone(backbone_name="resnet50", weights=None, norm_layer=FrozenBatchNorm2d)


def _resnet_p3_to_p7() -> BackboneWithFPN:
    return resnet_fpn_backbone(
        backbone_name="resnet50",
        weights=None,
        norm_layer=FrozenBatchNorm2d,
        returned_layers=[2, 3, 4],
        extra_blocks=LastLevelP6P7(256, 256),
    )


def set_eps(model: nn.Module, eps: float) -> None:
    """Set the epsilon of all frozen batch normalisations."""
    for module in model.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = eps


_CLASS_LOGITS = "head.classification_head.cls_logits.weight"

ARCHITECTURES: dict[str, Architecture] = {
    "ssd300_vgg16": Architecture(build_ssd, "head.classification_head.module_list.0.weight", rows_per_class=4),
    # torchvision sets eps to 0 for the first Faster R-CNN and RetinaNet weights, which were trained before its
    # frozen batch normalisation had one (its pull request 2933).
    "fasterrcnn": Architecture(build_fasterrcnn, "roi_heads.box_predictor.cls_score.weight", published_eps=0.0),
    "fcos": Architecture(build_fcos, _CLASS_LOGITS),
    "retinanet": Architecture(build_retinanet, _CLASS_LOGITS, rows_per_class=9, published_eps=0.0),
}
