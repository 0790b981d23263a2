"""The SSD300 of amdegroot/ssd.pytorch for PASCAL VOC, built from torchvision's parts, and its checkpoints' names.

Architecture and number of parameters are those of torchvision's ``ssd300_vgg16`` with 21 classes. What differs:

- default boxes are clipped in centre and size; torchvision clips the size only, which moves 114 of the 8732 boxes;
- their scales are those of the Caffe original for VOC: 30, 60, 111, 162, 213, 264 and 315 of 300 pixels;
- the norm by which conv4_3 is divided has 1e-10 added;
- suppression (IoU 0.45) goes over the 200 best boxes of each class with a score above 0.01, before any clipping to the
  image, and keeps all that remain: its "top 200" over the whole image selects nothing;
- the converted Caffe checkpoint takes its channels in the order blue, green, red.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.detection import ssd300_vgg16
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.ssd import SSD
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import batched_nms

SIDE = 300
CLASSES = 21
"""PASCAL VOC's and the background, which comes first."""
MEAN_RGB = (123.0, 117.0, 104.0)
"""Subtracted from pixels in [0, 255]; they are not scaled."""
SCALES = (0.1, 0.2, 0.37, 0.54, 0.71, 0.88, 1.05)
ASPECT_RATIOS = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))
STEPS = (8, 16, 32, 64, 100, 300)
MIN_SCORE, MAX_OVERLAP, CANDIDATES_PER_CLASS = 0.01, 0.45, 200
_NORM_EPS = 1e-10

_VGG = {
    **{number: f"features.{number}" for number in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21)},
    **{24: "extra.0.1", 26: "extra.0.3", 28: "extra.0.5", 31: "extra.0.7.1", 33: "extra.0.7.3"},
}
"""Number of a convolution in the published list of layers, and its name in torchvision's backbone."""


class ClippedBoxes(DefaultBoxGenerator):
    """Default boxes clipped to [0, 1] in the form centre x, centre y, width, height."""

    def _grid_default_boxes(
        self, grid_sizes: list[list[int]], image_size: list[int], dtype: torch.dtype = torch.float32
    ) -> Tensor:
        return super()._grid_default_boxes(grid_sizes, image_size, dtype).clamp(0, 1)


class VocVgg(nn.Module):
    """torchvision's backbone for SSD300 with the published epsilon."""

    out_channels = (512, 1024, 512, 256, 256, 256)

    def __init__(self, vgg: nn.Module) -> None:
        super().__init__()
        self.features = vgg.get_submodule("features")
        self.extra = nn.ModuleList(vgg.get_submodule("extra").children())
        self.scale_weight = vgg.get_parameter("scale_weight")

    def forward(self, x: Tensor) -> OrderedDict[str, Tensor]:
        """Map (B, 3, 300, 300) to the six maps that the heads see, by number."""
        x = self.features(x)
        norm = torch.linalg.vector_norm(x, dim=1, keepdim=True)
        maps = [x / (norm + _NORM_EPS) * self.scale_weight.view(1, -1, 1, 1)]
        for block in self.extra:
            x = block(x)
            maps.append(x)
        return OrderedDict((str(level), x) for level, x in enumerate(maps))


class BgrTransform(GeneralizedRCNNTransform):
    """torchvision's resizing and normalising for a network that takes blue first."""

    def normalize(self, image: Tensor) -> Tensor:
        """Swap the channels of an RGB image (3, H, W) and normalise; the mean is in the swapped order."""
        return super().normalize(image.flip(0))


class VocSsd(SSD):
    """SSD300 with the published way from scores to detections."""

    def postprocess_detections(
        self, head_outputs: dict[str, Tensor], image_anchors: list[Tensor], image_shapes: Sequence[tuple[int, int]]
    ) -> list[dict[str, Tensor]]:
        """Return boxes, scores and labels of each image, boxes in pixels of the network's input, not clipped."""
        codes, scores = head_outputs["bbox_regression"], F.softmax(head_outputs["cls_logits"], dim=-1)
        return [
            _detections(self.box_coder.decode_single(*coded), score)
            for *coded, score in zip(codes, image_anchors, scores, strict=True)
        ]


def _detections(boxes: Tensor, scores: Tensor) -> dict[str, Tensor]:
    best, cells = scores[:, 1:].topk(CANDIDATES_PER_CLASS, dim=0)
    kept = best > MIN_SCORE
    labels = torch.arange(1, scores.shape[1], device=scores.device).expand_as(best)[kept]
    boxes, found = boxes[cells[kept]], best[kept]
    chosen = batched_nms(boxes, found, labels, MAX_OVERLAP)
    return {"boxes": boxes[chosen], "scores": found[chosen], "labels": labels[chosen]}


def build_voc_ssd(bgr: bool) -> VocSsd:
    """Return the network with random weights.

    Args:
        bgr: Whether it wants blue first: the checkpoint converted from Caffe does.
    """
    vgg = ssd300_vgg16(weights=None, weights_backbone=None, num_classes=CLASSES).backbone
    boxes = ClippedBoxes([list(ratios) for ratios in ASPECT_RATIOS], scales=list(SCALES), steps=list(STEPS))
    network = VocSsd(VocVgg(vgg), boxes, (SIDE, SIDE), CLASSES)
    mean = [value / 255 for value in (reversed(MEAN_RGB) if bgr else MEAN_RGB)]
    transform = BgrTransform if bgr else GeneralizedRCNNTransform
    network.transform = transform(SIDE, SIDE, mean, [1 / 255] * 3, size_divisible=1, fixed_size=(SIDE, SIDE))
    return network


def published_names() -> dict[str, str]:
    """Return the published name of every tensor with its name in ``VocSsd``."""
    names = {"L2Norm.weight": "backbone.scale_weight"}
    for theirs, ours in _layers():
        names |= {f"{theirs}.{kind}": f"{ours}.{kind}" for kind in ("weight", "bias")}
    return names


def _layers() -> Iterator[tuple[str, str]]:
    for number, name in _VGG.items():
        yield f"vgg.{number}", f"backbone.{name}"
    for number in range(8):
        yield f"extras.{number}", f"backbone.extra.{1 + number // 2}.{2 * (number % 2)}"
    for level in range(6):
        yield f"loc.{level}", f"head.regression_head.module_list.{level}"
        yield f"conf.{level}", f"head.classification_head.module_list.{level}"
